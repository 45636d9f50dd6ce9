// How a mutation's Avro bytes stand in a record: Avro single-object, or Confluent's framing.

import { crc64Avro, MUTATION_CANONICAL_FORM } from './mutation-schema.ts'
import type { QuarantineReason } from './reasons.ts'

export const CONFLUENT_MAGIC = 0x00
/** What every control record begins with. */
export const CONTROL_MAGIC = 0x7b
const SINGLE_OBJECT_MAGIC = 0xc3
const SINGLE_OBJECT_VERSION = 0x01
const CONFLUENT_HEADER_BYTES = 5
const SINGLE_OBJECT_HEADER_BYTES = 10

/** CRC-64-AVRO of `mutation.avsc`. */
export const MUTATION_FINGERPRINT = crc64Avro(Buffer.from(MUTATION_CANONICAL_FORM, 'utf8'))

const SINGLE_OBJECT_HEADER = createSingleObjectHeader()

/** `C3 01`, the fingerprint little-endian, the Avro bytes. */
export function frameSingleObject(avro: Uint8Array): Buffer {
  return Buffer.concat([SINGLE_OBJECT_HEADER, avro])
}

/** `00`, the registry's id of the schema (0 to 2^32 - 1) big-endian, the Avro bytes. */
export function frameConfluent(schemaId: number, avro: Uint8Array): Buffer {
  const header = Buffer.alloc(CONFLUENT_HEADER_BYTES)
  header.writeUInt32BE(schemaId, 1)
  return Buffer.concat([header, avro])
}

/**
 * Where the Avro bytes of a framed mutation begin that stands in bytes[start, end), or why they do not. Control records
 * are the caller's to tell.
 */
export function findAvro(bytes: Buffer, start = 0, end = bytes.length): number | QuarantineReason {
  switch (start < end ? bytes[start] : -1) {
    case CONFLUENT_MAGIC:
      return end - start >= CONFLUENT_HEADER_BYTES ? start + CONFLUENT_HEADER_BYTES : 'unknown-framing'
    case SINGLE_OBJECT_MAGIC: {
      if (bytes[start + 1] !== SINGLE_OBJECT_VERSION || end - start < 2) return 'unknown-framing'
      for (let i = 2; i < SINGLE_OBJECT_HEADER_BYTES; i++) {
        if (bytes[start + i] !== SINGLE_OBJECT_HEADER[i] || start + i >= end) return 'unknown-schema'
      }
      return start + SINGLE_OBJECT_HEADER_BYTES
    }
    default:
      return 'unknown-framing'
  }
}

function createSingleObjectHeader(): Buffer {
  const header = Buffer.alloc(SINGLE_OBJECT_HEADER_BYTES)
  header[0] = SINGLE_OBJECT_MAGIC
  header[1] = SINGLE_OBJECT_VERSION
  header.writeBigUInt64LE(MUTATION_FINGERPRINT, 2)
  return header
}
