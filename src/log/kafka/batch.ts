// Kafka's record batches (format 2), read: their headers; record-reader.ts has their records.
// https://kafka.apache.org/documentation/#recordbatch
// KafkaJS's own reader loses the order of headers and what `__proto__` names, cannot step over a batch that has no
// records, overflows the stack above some 120,000 records in one batch, and costs an object of context a record.

import { crc32c } from './crc32c.ts'

/** A batch within the bytes of an answer. */
export interface Batch {
  readonly baseOffset: bigint
  /** The offset behind the batch. */
  readonly next: bigint
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly codec: number
  readonly isControl: boolean
  readonly stampedByLog: boolean
  /** The append time if the log stamped it, else the newest time its writer gave; milliseconds. */
  readonly timeMs: bigint
  readonly count: number
  /** The records, as they are stored: perhaps compressed. */
  readonly records: Buffer
  /** CRC-32C of `signed`, as whoever wrote the batch (a broker that stamped it, too) computed it. */
  readonly checksum: number
  /** All but offset, length, epoch and format. */
  readonly signed: Buffer
}

const LENGTH_AT = 8
const MAGIC_AT = 16
const CHECKSUM_AT = 17
const ATTRIBUTES_AT = 21
const LAST_DELTA_AT = 23
const MAX_TIME_AT = 35
const COUNT_AT = 57
const RECORDS_AT = 61
/** Offset and length, which the length does not count. */
const PREFIX_BYTES = 12

/** The whole batches of an answer, in order; a cut one at the end is left out. `place` is for messages. */
export function readBatches(bytes: Buffer, place: string): Batch[] {
  const batches: Batch[] = []
  for (let at = 0; at + PREFIX_BYTES + 5 <= bytes.length; ) {
    const size = PREFIX_BYTES + bytes.readInt32BE(at + LENGTH_AT)
    const magic = bytes.readInt8(at + MAGIC_AT)
    if (magic !== 2) {
      const remedy = 'copy it into a new topic with Kafka 0.11 or later'
      throw new Error(`${place}: a record batch has format ${magic}, this program reads format 2; ${remedy}`)
    }
    if (size < RECORDS_AT) throw new Error(`${place}: a record batch says that it has ${size} bytes`)
    if (at + size > bytes.length) break
    const attributes = bytes.readInt16BE(at + ATTRIBUTES_AT)
    const baseOffset = bytes.readBigInt64BE(at)
    batches.push({
      baseOffset,
      next: baseOffset + BigInt(bytes.readInt32BE(at + LAST_DELTA_AT)) + 1n,
      codec: attributes & 0x07,
      isControl: (attributes & 0x20) !== 0,
      stampedByLog: (attributes & 0x08) !== 0,
      timeMs: bytes.readBigInt64BE(at + MAX_TIME_AT),
      count: bytes.readInt32BE(at + COUNT_AT),
      records: bytes.subarray(at + RECORDS_AT, at + size),
      checksum: bytes.readUInt32BE(at + CHECKSUM_AT),
      signed: bytes.subarray(at + ATTRIBUTES_AT, at + size),
    })
    at += size
  }
  return batches
}

/** Throws when the batch is not what was written: a bit that fell over must not become another verdict. */
export function checkBatch({ baseOffset, next, count, checksum, signed }: Batch, place: string): void {
  const offsets = next - baseOffset
  if (crc32c(signed) === checksum) {
    if (BigInt(count) <= offsets) return
    // No broker takes such a batch.
    throw new Error(
      `the record batch at offset ${baseOffset} of ${place} has ${count} records at ${offsets} offsets`,
    )
  }
  const remedy =
    'start again; if it comes back, the copy on that broker is damaged: let another replica lead (kafka-leader-election)'
  throw new Error(
    `the record batch at offset ${baseOffset} of ${place} does not match its checksum; ${remedy}`,
  )
}
