// Kafka's record batches (format 2), read: headers first, then records a few at a time.
// https://kafka.apache.org/documentation/#recordbatch
// KafkaJS's own reader loses the order of headers and what `__proto__` names, cannot step over a batch that has no
// records, overflows the stack above some 120,000 records in one batch, and costs an object of context a record.

import { crc32c } from './crc32c.ts'
import { type ByteCursor, NO_NUMBER, type RecordIndex, readVarint } from './record-index.ts'

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

/** Reads some of a batch's records after the other. */
export interface RecordReader {
  /** Adds records at or above the offset that was asked for until there are `max`; false when there are no more. */
  readInto(records: RecordIndex, max: number): boolean
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

/**
 * Reads the records of a batch from an offset on. `opened` is what `decompressRecords` made of them. Records of a batch
 * that did not open, and those from the first one on that cannot be taken apart, come without key and value, and are
 * quarantined.
 */
export function createRecordReader(batch: Batch, opened: Buffer | null, from: bigint): RecordReader {
  const { baseOffset, next, count } = batch
  // A broker counts records and does not look at what each says of its own offset: two may say the same, or one that
  // of another batch. Only in a compacted log are there fewer records than offsets.
  const hasEveryOffset = next === baseOffset + BigInt(count)
  // A fetch may begin inside a batch: the broker sends whole ones. Deltas are 32 bits: a double has room for any.
  const skipped = Number(from - baseOffset)
  const record = { delta: 0, keyAt: 0, keyLength: 0, valueAt: 0, valueLength: 0, headersAt: 0 }
  let cursor: ByteCursor | null = opened === null ? null : { bytes: opened, at: 0 }
  let index = 0

  return {
    readInto(records, max) {
      if (index < count) records.open(batch, opened)
      for (; index < count && records.length < max; index++) {
        if (cursor !== null && !readRecord(cursor, record)) cursor = null
        if (cursor === null) {
          if (index >= skipped) records.add(0, -1, 0, -1, 0, index)
          continue
        }
        const delta = hasEveryOffset ? index : record.delta
        if (delta < skipped) continue
        records.add(
          record.keyAt,
          record.keyLength,
          record.valueAt,
          record.valueLength,
          record.headersAt,
          delta,
        )
      }
      return index < count
    },
  }
}

/** Where the parts of a record are. `delta` is what it says of its own offset; lengths are -1 for nothing. */
interface Parts {
  delta: number
  keyAt: number
  keyLength: number
  valueAt: number
  valueLength: number
  headersAt: number
}

/** Reads one record; false when it cannot be taken apart. */
function readRecord(cursor: ByteCursor, parts: Parts): boolean {
  const length = readVarint(cursor)
  const end = cursor.at + length
  if (!(length >= 0 && end <= cursor.bytes.length)) return false
  cursor.at++
  skipVarint(cursor)
  parts.delta = readVarint(cursor)
  parts.keyLength = readVarint(cursor)
  parts.keyAt = cursor.at
  if (parts.delta === NO_NUMBER || !skipPart(cursor, parts.keyLength)) return false
  parts.valueLength = readVarint(cursor)
  parts.valueAt = cursor.at
  if (!skipPart(cursor, parts.valueLength)) return false
  parts.headersAt = cursor.at
  const headers = readVarint(cursor)
  if (headers === 0) parts.headersAt = 0
  else if (!skipHeaders(cursor, headers)) return false
  return cursor.at === end
}

function skipVarint(cursor: ByteCursor): void {
  while (cursor.bytes[cursor.at++]! >= 0x80);
}

/** Steps over bytes of this length, less than 0 being none; false when they are not all there. */
function skipPart(cursor: ByteCursor, length: number): boolean {
  if (length === NO_NUMBER) return false
  if (length > 0) cursor.at += length
  return cursor.at <= cursor.bytes.length
}

function skipHeaders(cursor: ByteCursor, count: number): boolean {
  if (count < 0) return false
  for (let i = 0; i < count; i++) {
    const name = readVarint(cursor)
    if (name < 0 || !skipPart(cursor, name) || !skipPart(cursor, readVarint(cursor))) return false
  }
  return true
}
