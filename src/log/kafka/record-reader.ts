// Reading the records of a batch, a few at a time, into an index of where they are.

import type { Batch } from './batch.ts'
import type { RecordIndex } from './record-index.ts'
import { type ByteCursor, NO_NUMBER, readVarint } from './varint.ts'

/** Reads some of a batch's records after the other. */
export interface RecordReader {
  /** Adds records at or above the offset that was asked for until there are `max`; false when there are no more. */
  readInto(records: RecordIndex, max: number): boolean
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
  // A fetch may begin inside a batch: the broker sends whole ones. Deltas are 32 bits, so rounding far beyond them decides nothing.
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
