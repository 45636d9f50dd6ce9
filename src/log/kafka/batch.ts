// Kafka's record batches (format 2), read: headers first, then records a few at a time.
// https://kafka.apache.org/documentation/#recordbatch
// KafkaJS's own reader loses the order of headers and what `__proto__` names, cannot step over a batch that has no
// records, overflows the stack above some 120,000 records in one batch, and costs an object of context a record.

import type { Header, LogRecord } from '../../codec/record.ts'
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

/** Reads some of a batch's records after the other. */
export interface RecordReader {
  /** Adds records at or above the offset that was asked for until there are `max`; false when there are no more. */
  readInto(records: LogRecord[], max: number): boolean
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

const NO_HEADERS: readonly Header[] = []

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
export function createRecordReader(
  batch: Batch,
  opened: Buffer | null,
  partition: number,
  from: bigint,
): RecordReader {
  const { baseOffset, next, stampedByLog, timeMs: appendMs, count } = batch
  // A broker counts records and does not look at what each says of its own offset: two may say the same, or one that
  // of another batch. Only in a compacted log are there fewer records than offsets.
  const hasEveryOffset = next === baseOffset + BigInt(count)
  let cursor: Cursor | null = opened === null ? null : { bytes: opened, at: 0 }
  let index = 0

  const readOne = (): LogRecord => {
    const place = baseOffset + BigInt(index)
    const content = cursor === null ? null : readContent(cursor)
    if (content === null) {
      cursor = null
      return { partition, offset: place, appendMs, stampedByLog, key: null, value: null, headers: NO_HEADERS }
    }
    const { delta, key, value, headers } = content
    const offset = hasEveryOffset ? place : baseOffset + BigInt(delta)
    return { partition, offset, appendMs, stampedByLog, key, value, headers }
  }

  return {
    readInto(records, max) {
      for (; index < count && records.length < max; index++) {
        const record = readOne()
        // A fetch may begin inside a batch: the broker sends whole ones.
        if (record.offset >= from) records.push(record)
      }
      return index < count
    },
  }
}

interface Content extends Pick<LogRecord, 'key' | 'value' | 'headers'> {
  /** What the record says of its own offset. */
  readonly delta: number
}

/** The one error that says that a record cannot be taken apart; any other is a bug. */
const MALFORMED = new Error('a record in a batch is malformed')

function readContent(cursor: Cursor): Content | null {
  try {
    const length = readVarint(cursor)
    const end = cursor.at + length
    if (length < 0 || end > cursor.bytes.length) throw MALFORMED
    cursor.at++
    skipVarint(cursor)
    const delta = readVarint(cursor)
    const key = readBytes(cursor)
    const value = readBytes(cursor)
    const headers = readHeaders(cursor)
    if (cursor.at !== end) throw MALFORMED
    return { delta, key, value, headers }
  } catch (error) {
    if (error === MALFORMED) return null
    throw error
  }
}

interface Cursor {
  readonly bytes: Buffer
  at: number
}

/** A zigzag varint of 32 bits, as lengths and offsets within a batch are. */
function readVarint(cursor: Cursor): number {
  const { bytes } = cursor
  let at = cursor.at
  let byte = bytes[at++]!
  let value = byte & 0x7f
  for (let shift = 7; byte >= 0x80; shift += 7) {
    if (shift > 28 || at >= bytes.length) throw MALFORMED
    byte = bytes[at++]!
    value |= (byte & 0x7f) << shift
  }
  cursor.at = at
  return (value >>> 1) ^ -(value & 1)
}

function skipVarint(cursor: Cursor): void {
  while (cursor.bytes[cursor.at++]! >= 0x80);
}

function readBytes(cursor: Cursor): Buffer | null {
  const length = readVarint(cursor)
  if (length < 0) return null
  const end = cursor.at + length
  if (end > cursor.bytes.length) throw MALFORMED
  const bytes = cursor.bytes.subarray(cursor.at, end)
  cursor.at = end
  return bytes
}

function readHeaders(cursor: Cursor): readonly Header[] {
  const count = readVarint(cursor)
  if (count === 0) return NO_HEADERS
  if (count < 0) throw MALFORMED
  const headers: Header[] = []
  for (let i = 0; i < count; i++) {
    const name = readBytes(cursor)
    if (name === null) throw MALFORMED
    headers.push({ name: name.toString('utf8'), value: readBytes(cursor) ?? Buffer.alloc(0) })
  }
  return headers
}
