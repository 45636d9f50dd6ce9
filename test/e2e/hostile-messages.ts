// Bad messages by name, each with what has to become of it and why: the golden ones, and those that need size, depth or a clock.

import { block, branch, long, type RawMutation, stampOf, text } from '../../scripts/golden/raw-avro.ts'
import { avroCases } from '../../scripts/golden/verdicts-avro.ts'
import { definitionCases } from '../../scripts/golden/verdicts-definition.ts'
import { recordCases } from '../../scripts/golden/verdicts-record.ts'
import {
  type Case,
  DEFINITION_TEXTS,
  merged,
  parked,
  quarantined,
} from '../../scripts/golden/verdicts-world.ts'
import { canonicalJson, plainToJson } from '../../src/codec/json.ts'
import type { DefinitionReason, ParkReason, QuarantineReason } from '../../src/codec/reasons.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'

export interface HostileMessage {
  readonly name: string
  readonly value: Buffer | null
  readonly headers: readonly string[]
  /** Stands among the definitions, else in any data partition. */
  readonly isDefinition: boolean
  readonly verdict: Case['verdict']
  readonly reason: QuarantineReason | ParkReason | DefinitionReason | null
}

/** Reasons that no producer alone can bring about, and what shows them instead. */
export const NOT_BY_A_PRODUCER: Readonly<Record<string, string>> = {
  'not-log-time':
    'only a topic’s owner can let writers’ times in: the golden vectors, and batches with CreateTime',
  ...Object.fromEntries(
    [
      'closed',
      'bad-signature',
      'unsigned',
      'not-allowed',
      'not-admin',
      'wrong-version',
      'wrong-generation',
    ].map((reason) => [reason, 'this log is open; of guarded ones test/e2e/guarded.test.ts is about']),
  ),
}

/** Names that are harmless, however they look: everything that Postgres or JavaScript has a meaning of its own for. */
export const ODD_NAMES: readonly string[] = [
  'ctid',
  'xmin',
  'tableoid',
  'oid',
  'select',
  'user',
  'NULL',
  'null',
  'table',
  'alive',
  'dead',
  'tied',
  'k_ctid',
  'c_select',
  's_select',
  'positions',
  'pg_class',
  'constructor',
  'toString',
  'hasOwnProperty',
  'prototype',
]

/** Names that are none, and that would do harm where somebody forgot to quote. */
const NO_NAMES: readonly string[] = [
  '"quoted;drop table"',
  'x"; drop schema spindexer cascade; --',
  "x'; drop schema spindexer cascade; --",
  'data.tracks',
  'tracks;',
  '$1',
  'a b',
  '../../etc/passwd',
  '__proto__',
  '\u202etracks',
  'ｔｒａｃｋｓ',
]

/** Texts as values and keys: kept as they are, to the byte. */
export const ODD_TEXTS: readonly string[] = [
  "'); drop table spindexer.positions; --",
  '{"a","b"}',
  'NULL',
  '\\',
  '\\"',
  '"',
  ',',
  '{}',
  '$1::text[]',
  '%s %n',
  '\u202e',
  '\u{10ffff}\ufffe',
  ' \t\r\n',
]

const definition = (schema: object): string => {
  const canonical = canonicalJson(plainToJson({ kind: 'dataset', schema }))
  if (canonical.type === 'refused') throw new Error(canonical.detail)
  return canonical.text
}
const record = (name: string, fields: readonly object[], key: readonly string[] = ['id']) =>
  definition({ type: 'record', name, key, fields })
const ID = { name: 'id', type: 'string' }
const nullable = (name: string, type: unknown = 'string') => ({ name, type: ['null', type] })

/** What the messages are judged by: the golden vectors' datasets, `good` for the neighbours, and one for each odd name. */
export const HOSTILE_DEFINITIONS: readonly string[] = [
  ...DEFINITION_TEXTS,
  record('good', [ID, nullable('n', 'long')]),
  record('texts', [ID, nullable('held')]),
  ...ODD_NAMES.map((name, i) => {
    const key = ODD_NAMES[(i + 1) % ODD_NAMES.length]!
    const columns = ODD_NAMES.filter((other) => other !== key)
    return record(name, [{ name: key, type: 'string' }, ...columns.map((column) => nullable(column))], [key])
  }),
]

const join = (...parts: readonly Buffer[]) => Buffer.concat(parts)
const set = (...columns: readonly (readonly [string, Buffer])[]): RawMutation => ({
  columns: block(columns.map(([name, value]) => join(text(name), value))),
})
const keyOf = (dataset: string, ...key: readonly string[]): RawMutation => ({
  dataset: text(dataset),
  key: block(key.map(text)),
})

/** All of them. `nowMs` is about the log's clock. */
export function hostileMessages(nowMs: bigint): readonly HostileMessage[] {
  const own = [...sizeCases(), ...depthCases(), ...nameCases(), ...textCases(), ...clockCases(nowMs)]
  return [...goldenCases(), ...own].map(toMessage).concat(hostileDefinitions())
}

function toMessage({ name, value, headers = [], verdict, reason, partition }: Case): HostileMessage {
  const isDefinition = partition === DEFINITIONS
  return { name, value, headers, isDefinition, verdict, reason: reason ?? null }
}

/** Without those that only a vector can have: a time of the log's, and what that decides. */
function goldenCases(): readonly Case[] {
  return [...recordCases(), ...avroCases(), ...definitionCases()].filter(
    ({ appendMs, stampedByLog, reason, name }) =>
      appendMs === undefined &&
      stampedByLog !== false &&
      (reason !== 'clock-ahead' || name === 'the last time there is') &&
      name !== 'a dataset among the definitions',
  )
}

const VALUE_BYTES_MAX = 900_000

function sizeCases(): readonly Case[] {
  const ofBytes = (size: number) => {
    const parts = (length: number) => ({
      ...keyOf('texts', 'long'),
      ...set(['held', branch.string('x'.repeat(length))]),
    })
    const overhead = merged('', parts(size)).value!.length - size
    return parts(size - overhead)
  }
  const price = (digits: string) => set(['price', branch.string(digits)])
  const extra = (json: string) => set(['extra', branch.string(json)])
  const names = Array.from({ length: 20_000 }, (_, i) => `"k${String(i).padStart(6, '0')}":0`)
  return [
    merged('a value of 900,000 bytes', ofBytes(VALUE_BYTES_MAX)),
    quarantined('a value of 900,001 bytes', 'too-large', ofBytes(VALUE_BYTES_MAX + 1)),
    quarantined('900,001 bytes of nothing', 'too-large', {}, { value: Buffer.alloc(VALUE_BYTES_MAX + 1) }),
    quarantined(
      'a control record of 900,001 bytes',
      'too-large',
      {},
      {
        value: Buffer.from(`{"kind":"${'x'.repeat(VALUE_BYTES_MAX - 10)}"}`),
      },
    ),
    parked('a decimal of 800,000 digits', 'wrong-value', price('9'.repeat(800_000))),
    parked('a json number of 800,000 digits', 'wrong-value', extra('9'.repeat(800_000))),
    parked('a json number of a great exponent', 'wrong-value', extra('1e999999999')),
    merged('json with 20,000 members', extra(`{${names.join(',')}}`)),
    parked('json with 20,000 members in reverse', 'wrong-value', extra(`{${names.toReversed().join(',')}}`)),
    parked('json with 400,000 needless spaces', 'wrong-value', extra(`[${' '.repeat(400_000)}]`)),
  ]
}

function depthCases(): readonly Case[] {
  const extra = (json: string) => set(['extra', branch.string(json)])
  const arrays = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  const objects = (depth: number) => `${'{"a":'.repeat(depth)}0${'}'.repeat(depth)}`
  const bad = (name: string, value: string, rest: Partial<Case> = {}) =>
    quarantined(name, 'bad-control', {}, { value: Buffer.from(value), ...rest })
  return [
    merged('json 64 deep', extra(arrays(64))),
    merged('json objects 64 deep', extra(objects(64))),
    parked('json 65 deep', 'wrong-value', extra(arrays(65))),
    parked('json objects 65 deep', 'wrong-value', extra(objects(65))),
    parked('json 400,000 deep', 'wrong-value', extra(arrays(400_000))),
    parked('json objects 100,000 deep', 'wrong-value', extra(objects(100_000))),
    parked('json 400,000 deep that does not end', 'wrong-value', extra('['.repeat(400_000))),
    bad('control: 400,000 deep', `{"generation":${arrays(400_000)},"kind":"close"}`),
    bad('control: objects 100,000 deep', objects(100_000)),
    bad('control: a schema 100,000 deep', `{"kind":"dataset","schema":${objects(100_000)}}`, {
      partition: DEFINITIONS,
    }),
  ]
}

function nameCases(): readonly Case[] {
  const all = (value: (name: string) => Buffer) =>
    set(...ODD_NAMES.map((name) => [name, value(name)] as const))
  return [
    ...ODD_NAMES.map((name, i) => {
      const key = ODD_NAMES[(i + 1) % ODD_NAMES.length]!
      const columns = ODD_NAMES.filter((other) => other !== key)
      const values = columns.map((column) => [column, branch.string(`${name}.${column}`)] as const)
      return merged(`a dataset ${name}`, { ...keyOf(name, `the ${name}`), ...set(...values) })
    }),
    parked(
      'odd names for columns that are none',
      'unknown-column',
      all(() => branch.null),
    ),
    ...['isPrototypeOf', 'pg_tables', 'xmax'].map((name) =>
      parked(`an unknown dataset ${name}`, 'unknown-dataset', keyOf(name, 'x')),
    ),
    ...NO_NAMES.flatMap((name) => [
      quarantined(`a dataset that is called ${name}`, 'bad-name', keyOf(name, 'x')),
      quarantined(`a column that is called ${name}`, 'bad-name', set([name, branch.null])),
    ]),
  ]
}

function textCases(): readonly Case[] {
  return [
    ...ODD_TEXTS.map((odd) =>
      merged(`the text ${JSON.stringify(odd)}`, {
        ...keyOf('texts', odd),
        ...set(['held', branch.string(odd)]),
      }),
    ),
    parked(
      'SQL for a number',
      'wrong-key',
      keyOf('pairs', '2024-02-29', '1); drop table spindexer.positions; --'),
    ),
    parked('SQL for a day', 'wrong-key', keyOf('pairs', 'infinity', '1')),
    parked('words that Postgres takes for times', 'wrong-value', set(['seen', branch.string('now')])),
    parked('a word that Postgres takes for a number', 'wrong-value', set(['price', branch.string('NaN')])),
    parked('JSON with SQL behind it', 'wrong-value', set(['extra', branch.string("{}'; drop table x")])),
    quarantined('a key of nothing but NUL', 'bad-key', keyOf('texts', '\0')),
  ]
}

function clockCases(nowMs: bigint): readonly Case[] {
  const at = (ms: bigint): RawMutation => ({ stamp: stampOf(ms * 1_000_000n) })
  const day = 86_400_000n
  const key = keyOf('texts', 'of the future')
  return [
    merged('a stamp half a minute ahead', { ...at(nowMs + 30_000n), ...key }),
    quarantined('a stamp ten minutes ahead', 'clock-ahead', { ...at(nowMs + 600_000n), ...key }),
    quarantined('a stamp a year ahead', 'clock-ahead', { ...at(nowMs + 365n * day), ...key }),
    quarantined('a delete of the future', 'clock-ahead', { ...at(nowMs + day), ...key, operation: long(2) }),
    quarantined('a stamp of zeros on an update', 'bad-stamp', {
      ...key,
      stamp: stampOf(0n, '0'.repeat(16)),
      operation: long(1),
    }),
  ]
}

/** Records of the definitions that are refused, and good ones between them. */
function hostileDefinitions(): readonly HostileMessage[] {
  const of = (
    name: string,
    value: string | Buffer | null,
    reason: HostileMessage['reason'],
  ): HostileMessage => ({
    name: `definition: ${name}`,
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: [],
    isDefinition: true,
    verdict: reason === null ? 'control' : 'quarantined',
    reason,
  })
  const many = (prefix: string) => Array.from({ length: 120 }, (_, i) => nullable(`${prefix}${i}`))
  return [
    of('an empty schema', '{"kind":"dataset","schema":{}}', 'bad-definition'),
    ...NO_NAMES.flatMap((name) => [
      of(`of ${name}`, record(name, [ID]), 'bad-definition'),
      of(`with a column ${name}`, record('other', [ID, nullable(name)]), 'bad-definition'),
      of(`with a key ${name}`, record('other', [{ name, type: 'string' }], [name]), 'bad-definition'),
    ]),
    of('with a type of SQL', record('other', [ID, nullable('a', 'text; drop table x')]), 'bad-definition'),
    of(
      'with a symbol of SQL',
      record('other', [ID, nullable('a', { type: 'enum', name: 'E', symbols: ["x'"] })]),
      'bad-definition',
    ),
    of('good, between', record('good', [ID, nullable('n', 'long')]), null),
    of('of another key', record('good', [{ name: 'other', type: 'string' }], ['other']), 'key-changed'),
    of('of another type', record('good', [ID, nullable('n', 'string')]), 'type-changed'),
    of('with 120 columns', record('crowded', [ID, ...many('a')]), null),
    of('with 120 more columns', record('crowded', [ID, ...many('b')]), 'dataset-full'),
    of('no value', null, 'no-value'),
    of('nonsense', 'nonsense', 'unknown-framing'),
    of('good, at the end', record('texts', [ID, nullable('held')]), null),
  ]
}
