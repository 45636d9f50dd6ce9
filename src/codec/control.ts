// Control records: genesis, dataset, policy and close, canonical JSON in the log beside the mutations.

import { isUtf8 } from 'node:buffer'
import type { Operation } from '../crdt/mutation.ts'
import {
  canonicalJson,
  describeJson,
  isJsonArray,
  isJsonNumber,
  isJsonObject,
  type Json,
  type JsonObject,
  parseJson,
  plainToJson,
} from './json.ts'
import { isName, SEQ_MAX } from './limits.ts'
import { isSignerKey, type SignerKey } from './signing/signer-key.ts'
import { showName } from './words.ts'

/** At offset 0 of every partition: which log this is, and the rules that hold in it. */
export interface Genesis {
  readonly kind: 'genesis'
  /** None: an open log. */
  readonly admins: readonly SignerKey[]
  readonly copyId: string
  readonly generation: number
  readonly logId: string
  /** Milliseconds. */
  readonly maxClockAhead: number
  /** -1 for the definitions. */
  readonly partition: number
  readonly partitions: number
  readonly rules: number
}

export interface DatasetRecord {
  readonly kind: 'dataset'
  /** An Avro record schema as it was written; `readSchema` judges it. */
  readonly schema: JsonObject
}

/** Lets signers do operations on columns of datasets; `*` is all of them, of the signers too. */
export interface PolicyRule {
  readonly columns: readonly string[] | '*'
  readonly datasets: readonly string[] | '*'
  readonly operations: readonly Operation[]
  readonly signers: readonly SignerKey[] | '*'
}

export interface Policy {
  readonly kind: 'policy'
  readonly admins: readonly SignerKey[]
  readonly rules: readonly PolicyRule[]
  readonly unsigned: boolean
  readonly version: number
}

export interface Close {
  readonly kind: 'close'
  readonly generation: number
}

export type Control = Genesis | DatasetRecord | Policy | Close

export type ParsedControl =
  | { readonly type: 'control'; readonly control: Control }
  | { readonly type: 'quarantined'; readonly reason: 'bad-control'; readonly detail: string }

/** Reads a record whose value begins with `{`. */
export function parseControl(bytes: Buffer): ParsedControl {
  if (!isUtf8(bytes)) return refuse('it is not UTF-8')
  const text = bytes.toString('utf8')
  const parsed = parseJson(text)
  if (parsed.type === 'refused') return refuse(parsed.detail)
  const canonical = canonicalJson(parsed.value)
  if (canonical.type === 'refused') return refuse(canonical.detail)
  if (canonical.text !== text) return refuse('it is not canonical JSON')
  const fault = refuseControl(parsed.value)
  return fault === null
    ? { type: 'control', control: jsonToControl(parsed.value as JsonObject) }
    : refuse(fault)
}

/** The record's value: canonical JSON in UTF-8. Throws for a control that `parseControl` would not take. */
export function encodeControl(control: Control): Buffer {
  // A schema is JSON already: its numbers, taken for plain data, would become objects.
  const json = control.kind === 'dataset' ? datasetToControl(control) : plainToJson(control)
  const canonical = canonicalJson(json)
  const fault = canonical.type === 'refused' ? canonical.detail : refuseControl(json)
  if (canonical.type === 'refused' || fault !== null) throw new TypeError(`not a control record: ${fault}`)
  return Buffer.from(canonical.text, 'utf8')
}

function datasetToControl({ kind, schema }: DatasetRecord): Json {
  return new Map<string, Json>([
    ['kind', kind],
    ['schema', schema],
  ])
}

function refuse(detail: string): ParsedControl {
  return { type: 'quarantined', reason: 'bad-control', detail }
}

/** Null when the value is so, else what it should have been. */
type Check = (value: Json) => string | null
type Shape = Readonly<Record<string, Check>>

const MAX_CLOCK_AHEAD_MS_MAX = 86_400_000n
const OPERATIONS: ReadonlySet<Json> = new Set(['upsert', 'update', 'delete'])

const uuid = pattern(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'a uuid in lower case')
const key: Check = (value) =>
  typeof value === 'string' && isSignerKey(value) ? null : 'a key (ed25519:… or eip191:…)'
const keys = unique(arrayOf(key))
const boolean: Check = (value) => (typeof value === 'boolean' ? null : 'true or false')
const name: Check = (value) => (typeof value === 'string' && isName(value) ? null : 'a name')
const names: Check = (value) => (value === '*' ? null : arrayOf(name)(value))
const operation: Check = (value) => (OPERATIONS.has(value) ? null : 'an operation')

const signers: Check = (value) => (value === '*' ? null : arrayOf(key)(value))

const RULE: Shape = { columns: names, datasets: names, operations: arrayOf(operation), signers }

const SHAPES: Readonly<Record<Control['kind'], Shape>> = {
  genesis: {
    admins: keys,
    copyId: uuid,
    generation: integer(1n),
    logId: uuid,
    maxClockAhead: integer(1n, MAX_CLOCK_AHEAD_MS_MAX),
    partition: integer(-1n),
    partitions: integer(1n, 10_000n),
    rules: integer(1n),
  },
  dataset: { schema: (value) => (isJsonObject(value) ? null : 'an object') },
  policy: {
    admins: keys,
    rules: arrayOf((value) => (isJsonObject(value) ? refuseMembers(value, RULE) : 'a rule')),
    unsigned: boolean,
    version: integer(1n),
  },
  close: { generation: integer(1n) },
}

function refuseControl(value: Json): string | null {
  if (!isJsonObject(value)) return 'it is not an object'
  const kind = value.get('kind')
  if (typeof kind !== 'string' || !Object.hasOwn(SHAPES, kind)) return 'its kind is unknown'
  const members = new Map(value)
  members.delete('kind')
  return refuseMembers(members, SHAPES[kind as Control['kind']])
}

function refuseMembers(members: JsonObject, shape: Shape): string | null {
  for (const [member, check] of Object.entries(shape)) {
    const value = members.get(member)
    if (value === undefined) return `${member} is missing`
    const expected = check(value)
    if (expected !== null) return `${member} should be ${expected}, not ${describeJson(value)}`
  }
  for (const member of members.keys())
    if (!Object.hasOwn(shape, member)) return `${showName(member)} is unknown`
  return null
}

function pattern(form: RegExp, expected: string): Check {
  return (value) => (typeof value === 'string' && form.test(value) ? null : expected)
}

function integer(least: bigint, greatest: bigint = SEQ_MAX): Check {
  return (value) => {
    const digits = isJsonNumber(value) ? value.digits : ''
    const isInRange = /^-?\d{1,16}$/.test(digits) && BigInt(digits) >= least && BigInt(digits) <= greatest
    return isInRange ? null : `an integer from ${least} to ${greatest}`
  }
}

function arrayOf(item: Check): Check {
  return (value) => {
    if (!isJsonArray(value)) return 'an array'
    for (const part of value) {
      const expected = item(part)
      if (expected !== null) return `an array of which each is ${expected}`
    }
    return null
  }
}

function unique(list: Check): Check {
  return (value) => {
    const expected = list(value)
    if (expected !== null) return expected
    return new Set(value as readonly string[]).size === (value as readonly Json[]).length
      ? null
      : 'without repeats'
  }
}

/** The value has passed `refuseControl`: all its integers are below 2^53, and what `schema` holds stays as it is. */
function jsonToControl(value: JsonObject): Control {
  if (value.get('kind') === 'dataset') return { kind: 'dataset', schema: value.get('schema') as JsonObject }
  return jsonToPlain(value) as Control
}

function jsonToPlain(value: Json): unknown {
  if (isJsonArray(value)) return value.map(jsonToPlain)
  if (isJsonObject(value)) {
    return Object.fromEntries([...value].map(([member, part]) => [member, jsonToPlain(part)]))
  }
  return isJsonNumber(value) ? Number(value.digits) : value
}
