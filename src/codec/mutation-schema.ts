// The one Avro schema of rules 1: its text, its type for avsc, and the fingerprint that names it on the wire.

import { readFileSync } from 'node:fs'
import avro from 'avsc'

/** `schemas/mutation.avsc` as it is shipped: what a schema registry is given. */
export const MUTATION_SCHEMA = readFileSync(new URL('../../schemas/mutation.avsc', import.meta.url), 'utf8')

/** A value in a union of avsc: the branch's name and the value. */
export type AvscUnion = null | Readonly<Record<string, unknown>>

/** A mutation as avsc takes and gives it: longs are bigint, unions carry their branch's name. */
export interface AvscMutation {
  readonly stamp: Buffer
  readonly seq: AvscUnion
  readonly operation: string
  readonly dataset: string
  readonly key: readonly string[]
  readonly columns: Readonly<Record<string, AvscUnion>>
}

/** avsc's long as a bigint: its own is a number, which loses what is beyond 2^53. */
export const AVRO_LONG = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (long: bigint) => {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64LE(long)
    return buffer
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (long: unknown) => typeof long === 'bigint' && BigInt.asIntN(64, long) === long,
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

export const MUTATION_TYPE = avro.Type.forSchema(JSON.parse(MUTATION_SCHEMA), {
  registry: { long: AVRO_LONG },
  wrapUnions: true,
})

/** The schema in Avro's parsing canonical form: without docs, full names, members in the specification's order. */
export const MUTATION_CANONICAL_FORM =
  '{"name":"spindexer.Mutation","type":"record","fields":[' +
  '{"name":"stamp","type":{"name":"spindexer.Stamp","type":"fixed","size":16}},' +
  '{"name":"seq","type":["null","long"]},' +
  '{"name":"operation","type":{"name":"spindexer.Operation","type":"enum","symbols":["upsert","update","delete"]}},' +
  '{"name":"dataset","type":"string"},' +
  '{"name":"key","type":{"type":"array","items":"string"}},' +
  '{"name":"columns","type":{"type":"map","values":["null","boolean","long","double","string","bytes"]}}]}'

const CRC_EMPTY = 0xc15d213aa4d7a795n
const CRC_TABLE = createCrcTable()

/** CRC-64-AVRO (the Rabin fingerprint of the Avro specification, "Schema Fingerprints"). */
export function crc64Avro(bytes: Uint8Array): bigint {
  let crc = CRC_EMPTY
  for (const byte of bytes) crc = (crc >> 8n) ^ CRC_TABLE[Number((crc ^ BigInt(byte)) & 0xffn)]!
  return crc
}

function createCrcTable(): readonly bigint[] {
  return Array.from({ length: 256 }, (_, byte) => {
    let crc = BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (CRC_EMPTY & -(crc & 1n))
    return crc
  })
}
