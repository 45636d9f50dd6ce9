// A policy as people write it: JSON that may leave out what is nothing, with words about each place that is wrong.

import type { Operation } from '../../crdt/mutation.ts'
import type { Policy, PolicyRule } from '../control.ts'
import {
  describeJson,
  isJsonArray,
  isJsonNumber,
  isJsonObject,
  type Json,
  type JsonObject,
  parseJson,
} from '../json.ts'
import { isName, NAME_FORM, SEQ_MAX } from '../limits.ts'
import { listNames, nearNames } from '../near-names.ts'
import { isSignerKey } from '../signing/signer-key.ts'
import { quoteShort, showName } from '../words.ts'
import type { GuardedStanding } from './standing.ts'

/** What a policy says, whatever its version is. */
export type PolicyContent = Pick<Policy, 'admins' | 'rules' | 'unsigned'>

export interface PolicyFile extends PolicyContent {
  /** Null where the file leaves it open: the next one. */
  readonly version: number | null
}

export type ReadPolicy =
  | { readonly type: 'policy'; readonly policy: PolicyFile }
  /** Each: the place, what is wrong with it, and what would be right. */
  | { readonly type: 'refused'; readonly faults: readonly string[] }

const MEMBERS = ['admins', 'rules', 'unsigned', 'version']
const RULE_MEMBERS = ['signers', 'operations', 'datasets', 'columns']
const OPERATIONS = ['upsert', 'update', 'delete']
const KEY_FORM =
  'ed25519: and 64 hex digits, or eip191: and 40, in lower case, as `spindexer keys show FILE` prints it'

/** Reads the text of a policy file: all that is wrong with it, or the policy. */
export function readPolicyFile(text: string): ReadPolicy {
  const parsed = parseJson(text.replace(/^\ufeff/, ''))
  if (parsed.type === 'refused') return refuse([`not valid JSON: ${toPlace(parsed.detail, text)}`])
  if (!isJsonObject(parsed.value)) {
    return refuse([`a policy should be an object, not ${describeJson(parsed.value)}`])
  }
  const faults: string[] = []
  const file = parsed.value
  refuseUnknown(file, MEMBERS, '', faults)
  const admins = readAdmins(file.get('admins'), faults)
  const rules = readRules(file.has('rules') ? file.get('rules')! : [], faults)
  const unsigned = file.has('unsigned') ? file.get('unsigned')! : false
  if (typeof unsigned !== 'boolean') {
    faults.push(`unsigned: it should be true or false, not ${describeJson(unsigned)}`)
  }
  const version = readVersion(file.get('version'), faults)
  if (faults.length > 0) return refuse(faults)
  return { type: 'policy', policy: { version, admins, rules, unsigned: unsigned === true } }
}

/** True where both say the same; the order of what stands in a list says nothing, but that of the rules. */
export function isSameContent(a: PolicyContent, b: PolicyContent): boolean {
  return a === b || textOf(a) === textOf(b)
}

/** The content of what holds somewhere, as a file has it. */
export function contentOf({ admins, rules, unsigned }: GuardedStanding | PolicyFile): PolicyContent {
  return { admins, rules, unsigned }
}

/** Of a policy as large as a record may be it takes a while, and it is asked for once a partition. */
const textByContent = new WeakMap<PolicyContent, string>()

function textOf(content: PolicyContent): string {
  const text = textByContent.get(content) ?? contentText(content)
  textByContent.set(content, text)
  return text
}

function contentText({ admins, rules, unsigned }: PolicyContent): string {
  const sorted = (list: readonly string[] | '*') => (list === '*' ? list : [...new Set(list)].sort())
  const all = rules.map(({ signers, operations, datasets, columns }) =>
    [signers, operations, datasets, columns].map(sorted),
  )
  return JSON.stringify([sorted(admins), all, unsigned])
}

function refuse(faults: readonly string[]): ReadPolicy {
  return { type: 'refused', faults }
}

/** The parser counts characters; people see lines. */
function toPlace(detail: string, text: string): string {
  return detail.replace(/\(character (\d+)\)$/, (_all, digits: string) => {
    const before = text.slice(0, Number(digits) - 1)
    const line = before.split('\n').length
    return `(line ${line}, character ${before.length - before.lastIndexOf('\n')})`
  })
}

function refuseUnknown(object: JsonObject, known: readonly string[], path: string, faults: string[]): void {
  for (const member of object.keys()) {
    if (known.includes(member)) continue
    const near = nearNames(member, known)
    const hint = near.length === 0 ? `it has ${listNames(known)}` : `did you mean ${listNames(near)}?`
    faults.push(`${path}${showName(member)} is unknown (${hint})`)
  }
}

function readAdmins(json: Json | undefined, faults: string[]): readonly string[] {
  if (json === undefined) {
    faults.push('admins: it is missing; name who may change the policy from then on')
    return []
  }
  const admins = readKeys(json, 'admins', faults)
  if (isJsonArray(json) && json.length === 0) {
    faults.push('admins: there has to be one, or nobody could ever change anything again')
  }
  const twice = admins.find((key, i) => admins.indexOf(key) !== i)
  if (twice !== undefined) faults.push(`admins: ${twice} stands there twice; take one of the two out`)
  return admins
}

function readRules(json: Json, faults: string[]): readonly PolicyRule[] {
  if (!isJsonArray(json)) {
    faults.push(`rules: it should be an array of rules, not ${describeJson(json)}`)
    return []
  }
  return json.map((rule, i) => readRule(rule, `rule ${i + 1}`, faults))
}

const NO_RULE: PolicyRule = { signers: [], operations: [], datasets: [], columns: [] }

function readRule(json: Json, place: string, faults: string[]): PolicyRule {
  if (!isJsonObject(json)) {
    faults.push(`${place}: it should be an object, not ${describeJson(json)}`)
    return NO_RULE
  }
  refuseUnknown(json, RULE_MEMBERS, `${place}: `, faults)
  const all = ['signers', 'datasets', 'columns']
  for (const member of RULE_MEMBERS) {
    if (json.has(member)) continue
    const hint = all.includes(member)
      ? 'name them, or write "*" for all'
      : 'name some of upsert, update, delete'
    faults.push(`${place}: ${member} is missing; ${hint}`)
  }
  const listOf = (
    member: string,
    read: (value: Json, path: string, faults: string[]) => readonly string[],
  ) => (json.has(member) ? read(json.get(member)!, `${place}, ${member}`, faults) : [])
  const orAll =
    (read: typeof readKeys) =>
    (value: Json, path: string, into: string[]): readonly string[] =>
      value === '*' ? ['*'] : read(value, path, into, ' or "*"')
  const list = (values: readonly string[]): readonly string[] | '*' => (values[0] === '*' ? '*' : values)
  return {
    signers: list(listOf('signers', orAll(readKeys))),
    operations: listOf('operations', readOperations) as readonly Operation[],
    datasets: list(listOf('datasets', orAll(readNames))),
    columns: list(listOf('columns', orAll(readNames))),
  }
}

function readKeys(json: Json, path: string, faults: string[], orElse = ''): readonly string[] {
  return readList(json, path, `an array of keys${orElse}`, faults, (text) => {
    const isKey: boolean = isSignerKey(text)
    if (isKey) return null
    // A wallet shows 0x and capitals.
    const plain = text.toLowerCase().replace(/^(eip191:)?0x/, 'eip191:')
    const hint = isSignerKey(plain) ? `write ${plain}` : `write ${KEY_FORM}`
    return `${quoteShort(text, 90)} is not the name of a signer; ${hint}`
  })
}

function readNames(json: Json, path: string, faults: string[], orElse = ''): readonly string[] {
  return readList(json, path, `an array of names${orElse}`, faults, (text) => {
    if (isName(text)) return null
    return text === '*'
      ? '"*" stands alone, not in an array'
      : `${quoteShort(text)} can be no name (${NAME_FORM})`
  })
}

function readOperations(json: Json, path: string, faults: string[]): readonly string[] {
  return readList(json, path, 'an array of upsert, update, delete', faults, (text) =>
    OPERATIONS.includes(text) ? null : `${quoteShort(text)} is none of upsert, update, delete`,
  )
}

function readList(
  json: Json,
  path: string,
  expected: string,
  faults: string[],
  refuseText: (text: string) => string | null,
): readonly string[] {
  if (!isJsonArray(json)) {
    const shown = typeof json === 'string' ? quoteShort(json) : describeJson(json)
    faults.push(`${path}: it should be ${expected}, not ${shown}`)
    return []
  }
  return json.flatMap((item, i) => {
    const fault =
      typeof item === 'string' ? refuseText(item) : `it should be a string, not ${describeJson(item)}`
    if (fault !== null) faults.push(`${path}, number ${i + 1}: ${fault}`)
    return typeof item === 'string' ? [item] : []
  })
}

function readVersion(json: Json | undefined, faults: string[]): number | null {
  if (json === undefined) return null
  const digits = isJsonNumber(json) ? json.digits : ''
  if (/^[1-9]\d{0,15}$/.test(digits) && BigInt(digits) <= SEQ_MAX) return Number(digits)
  faults.push('version: it should be a whole number from 1; leave it out for the next one')
  return null
}
