// Valid inputs, and some that are refused, to begin from: the golden vectors.

import { readFileSync } from 'node:fs'
import { type Catalogue, EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { judgeOpenDefinitions } from '../../src/codec/definitions.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../schemas/golden/${name}.json`, import.meta.url), 'utf8'))

const verdicts: {
  readonly genesis: { readonly logId: string; readonly maxClockAhead: number }
  readonly definitions: readonly string[]
  readonly cases: readonly { readonly value: string | null; readonly appendMs: string }[]
} = read('verdicts')

export const LOG_ID = verdicts.genesis.logId
export const MAX_CLOCK_AHEAD_MS = BigInt(verdicts.genesis.maxClockAhead)
export const APPEND_MS = BigInt(verdicts.cases[0]!.appendMs)

/** Values of records: mutations in both framings, control records, rubbish. */
export const VALUES: readonly Buffer[] = [
  ...read('messages').flatMap((item: { singleObject: string; confluent: { hex: string } }) => [
    Buffer.from(item.singleObject, 'hex'),
    Buffer.from(item.confluent.hex, 'hex'),
  ]),
  ...verdicts.cases.flatMap(({ value }) => (value === null ? [] : [Buffer.from(value, 'hex')])),
]
export const MUTATION_VALUES = VALUES.filter((value) => value[0] === 0xc3 || value[0] === 0)
export const CONTROL_TEXTS: readonly string[] = VALUES.filter((value) => value[0] === 0x7b).map(String)

/** Dataset records, sound ones and others. */
export const DEFINITION_TEXTS: readonly string[] = [
  ...verdicts.definitions,
  ...read('definitions').flatMap((item: { records: readonly { value: string }[] }) =>
    item.records.map(({ value }) => value),
  ),
]

const json: {
  readonly canonical: readonly { readonly input: string; readonly canonical: string }[]
  readonly refused: readonly { readonly input: string }[]
} = read('canonical-json')
export const JSON_TEXTS: readonly string[] = [
  ...json.canonical.flatMap(({ input, canonical }) => [input, canonical]),
  ...json.refused.map(({ input }) => input),
]

/** What people type, by type, as JSON texts. */
export const TYPED: readonly { readonly type: string; readonly input: string }[] = read('typed')
const values = read('values')
/** Texts that stand in values and keys, canonical or not. */
export const VALUE_TEXTS: readonly string[] = [
  ...values.valid,
  ...values.invalid,
  ...values.keys.valid,
  ...values.keys.invalid,
]
  .map((item: { value?: unknown; text?: unknown }) => item.value ?? item.text)
  .filter((value): value is string => typeof value === 'string')

export function recordOf(value: Buffer | null, more: Partial<LogRecord> = {}): LogRecord {
  const record = {
    partition: 0,
    offset: 7n,
    appendMs: APPEND_MS,
    stampedByLog: true,
    key: null,
    value,
    headers: [],
  }
  return { ...record, ...more }
}

/** The datasets of the vectors: one has a column of every type. */
export const CATALOGUE: Catalogue = judgeOpenDefinitions(
  EMPTY_CATALOGUE,
  verdicts.definitions.map((text, i) =>
    recordOf(Buffer.from(text), { partition: DEFINITIONS, offset: BigInt(i) }),
  ),
  BigInt(verdicts.definitions.length),
  LOG_ID,
).catalogue
