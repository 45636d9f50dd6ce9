// The log and the definitions under which the vectors of verdicts are judged.

import { frameSingleObject } from '../../src/codec/framing.ts'
import type { ParkReason, QuarantineReason } from '../../src/codec/reasons.ts'
import { RAW_TIME_NS, type RawMutation, rawMutation } from './raw-avro.ts'

export const LOG_ID = '00112233-4455-6677-8899-aabbccddeeff'
export const OTHER_LOG_ID = '00112233-4455-6677-8899-aabbccddee00'
export const MAX_CLOCK_AHEAD_MS = 60_000
/** The append time of records that say no other: that of the stamp of messages that say no other. */
export const APPEND_MS = RAW_TIME_NS / 1_000_000n

/** A record and what has to become of it. What is left out is ordinary. */
export interface Case {
  readonly name: string
  readonly value: Buffer | null
  readonly verdict: 'merge' | 'parked' | 'quarantined' | 'control'
  readonly reason?: QuarantineReason | ParkReason
  readonly partition?: number
  readonly offset?: number
  readonly appendMs?: bigint
  readonly stampedByLog?: boolean
  readonly headers?: readonly string[]
}

export const merged = (name: string, parts: RawMutation, rest: Partial<Case> = {}): Case => ({
  name,
  value: frameSingleObject(rawMutation(parts)),
  verdict: 'merge',
  ...rest,
})

export const quarantined = (
  name: string,
  reason: QuarantineReason,
  parts: RawMutation,
  rest: Partial<Case> = {},
): Case => ({ ...merged(name, parts), verdict: 'quarantined', reason, ...rest })

export const parked = (name: string, reason: ParkReason, parts: RawMutation): Case => ({
  ...merged(name, parts),
  verdict: 'parked',
  reason,
})

const field = (name: string, type: string) => `{"name":"${name}","type":${type}}`
const nullable = (name: string, type: string) => field(name, `["null",${type}]`)
const logical = (type: string, logicalType: string) => `{"logicalType":"${logicalType}","type":"${type}"}`
const LEVEL = '{"name":"Level","symbols":["LOW","HIGH"],"type":"enum"}'

const dataset = (name: string, key: readonly string[], fields: readonly string[]) =>
  `{"kind":"dataset","schema":{"fields":[${fields.join(',')}],"key":${JSON.stringify(key)},"name":"${name}","type":"record"}}`

/** `tracks` has a column of every type; the others a key of every type that can be one. */
export const DEFINITION_TEXTS: readonly string[] = [
  dataset(
    'tracks',
    ['id'],
    [
      field('id', '"string"'),
      nullable('flag', '"boolean"'),
      nullable('plays', '"long"'),
      nullable('small', '"int"'),
      nullable('rating', '"double"'),
      nullable('title', '"string"'),
      nullable('level', LEVEL),
      nullable('cover', '"bytes"'),
      nullable('mbid', logical('string', 'uuid')),
      nullable('price', logical('string', 'decimal')),
      nullable('released', logical('int', 'date')),
      nullable('seen', logical('long', 'timestamp-millis')),
      nullable('extra', logical('string', 'json')),
    ],
  ),
  dataset('plain', ['id'], [field('id', '"string"')]),
  dataset(
    'pairs',
    ['day', 'number'],
    [field('number', '"int"'), field('day', logical('string', 'date')), nullable('note', '"string"')],
  ),
  dataset(
    'typed',
    ['b', 'u', 't', 'e'],
    [
      field('b', '"boolean"'),
      field('u', logical('string', 'uuid')),
      field('t', logical('long', 'timestamp-micros')),
      field('e', LEVEL),
    ],
  ),
  dataset(
    'wide',
    Array.from({ length: 16 }, (_, i) => `k${i}`),
    Array.from({ length: 16 }, (_, i) => field(`k${i}`, '"string"')),
  ),
]
