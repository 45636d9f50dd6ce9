// Records as COPY brings them: one piece of bytes, from which records are made only when somebody asks.

import type { Header, LogRecord, RecordCursor, Records } from '../../codec/record.ts'
import { decodeHeaders, isSignatureAlone, SIGNATURE_AT } from './headers.ts'

/** Offset, append time, key, value, headers: what `COLUMNS` of a statement select. */
const FIELDS = 5
export const COLUMNS = '"offset", append_ms, key, value, headers'

const WORD = 4
/** Count of fields, length of the offset. */
const OFFSET_AT = 2 + WORD
const TIME_AT = OFFSET_AT + 8 + WORD
const KEY_AT = TIME_AT + 8
const NO_HEADERS: readonly Header[] = []

/** Where in the bytes the parts of a record are; a length of -1 says that there is none. */
interface Row {
  at: number
  keyLength: number
  valueAt: number
  valueLength: number
  headersAt: number
  headersLength: number
  next: number
}

export interface ReadRows {
  readonly records: Records
  /** Behind the last record; the offset asked for when there is none. */
  readonly next: bigint
}

/** Those records, from the offset asked for on, that follow each other without a hole. `bytes` as of `copyOut`. */
export function readRows(bytes: Buffer, partition: number, from: bigint): ReadRows {
  const row = createRow()
  let length = 0
  let next = from
  let lastAt = -1
  let newest: bigint | null = null
  let end = 0
  for (; readRow(bytes, end, row) && offsetAt(bytes, row) === next; end = row.next) {
    const timeMs = timeAt(bytes, row, newest)
    if (newest === null || timeMs > newest) newest = timeMs
    lastAt = end
    length++
    next++
  }
  return { next, records: createRecords(bytes, partition, { length, end, lastAt, newest }) }
}

/** All records, with holes or without. */
export function* listRows(bytes: Buffer, partition: number): Generator<LogRecord> {
  const row = createRow()
  for (let at = 0; readRow(bytes, at, row); at = row.next) yield toRecord(bytes, partition, row)
}

interface Extent {
  readonly length: number
  /** Behind the last row. */
  readonly end: number
  readonly lastAt: number
  readonly newest: bigint | null
}

function createRecords(bytes: Buffer, partition: number, { length, end, lastAt, newest }: Extent): Records {
  return {
    length,
    cursor: () => createRowCursor(bytes, partition, end),
    last() {
      const row = createRow()
      return lastAt >= 0 && readRow(bytes, lastAt, row) ? toRecord(bytes, partition, row) : undefined
    },
    newestAppendMs: () => newest,
    *[Symbol.iterator]() {
      const row = createRow()
      for (let at = 0; at < end && readRow(bytes, at, row); at = row.next)
        yield toRecord(bytes, partition, row)
    },
  }
}

function createRowCursor(bytes: Buffer, partition: number, endOfRows: number): RecordCursor {
  const row = createRow()
  const cursor: { -readonly [K in keyof RecordCursor]: RecordCursor[K] } = {
    isPlain: false,
    isSigned: false,
    signatureBytes: bytes,
    signatureStart: 0,
    signatureEnd: 0,
    bytes,
    start: 0,
    end: 0,
    appendMs: -1n,
    record: () => toRecord(bytes, partition, row),
    next() {
      if (row.next >= endOfRows || !readRow(bytes, row.next, row)) return false
      const { headersAt, headersLength } = row
      cursor.isPlain = row.valueLength >= 0 && headersLength < 0
      cursor.isSigned = row.valueLength >= 0 && isSignatureAlone(bytes, headersAt, headersLength)
      if (cursor.isSigned) {
        cursor.signatureStart = headersAt + SIGNATURE_AT
        cursor.signatureEnd = headersAt + headersLength
      }
      cursor.start = row.valueAt
      cursor.end = row.valueAt + Math.max(0, row.valueLength)
      cursor.appendMs = timeAt(bytes, row, cursor.appendMs)
      return true
    },
  }
  return cursor
}

function createRow(): Row {
  return { at: 0, keyLength: -1, valueAt: 0, valueLength: -1, headersAt: 0, headersLength: -1, next: 0 }
}

/** False at the end of the rows. */
function readRow(bytes: Buffer, at: number, row: Row): boolean {
  const fields = bytes.readInt16BE(at)
  if (fields < 0) return false
  if (fields !== FIELDS) throw new Error(`a row of the log has ${fields} fields, not ${FIELDS}`)
  row.at = at
  row.keyLength = bytes.readInt32BE(at + KEY_AT)
  const behindKey = at + KEY_AT + WORD + Math.max(0, row.keyLength)
  row.valueLength = bytes.readInt32BE(behindKey)
  row.valueAt = behindKey + WORD
  const behindValue = row.valueAt + Math.max(0, row.valueLength)
  row.headersLength = bytes.readInt32BE(behindValue)
  row.headersAt = behindValue + WORD
  row.next = row.headersAt + Math.max(0, row.headersLength)
  return true
}

function offsetAt(bytes: Buffer, { at }: Row): bigint {
  return bytes.readBigInt64BE(at + OFFSET_AT)
}

/** The same number for the same time: the records of one append share theirs, and a number of 64 bits is an object. */
function timeAt(bytes: Buffer, { at }: Row, before: bigint | null): bigint {
  const timeMs = bytes.readBigInt64BE(at + TIME_AT)
  return timeMs === before ? before : timeMs
}

function toRecord(bytes: Buffer, partition: number, row: Row): LogRecord {
  const part = (start: number, length: number): Buffer | null =>
    length < 0 ? null : bytes.subarray(start, start + length)
  const headers = part(row.headersAt, row.headersLength)
  return {
    partition,
    offset: offsetAt(bytes, row),
    appendMs: timeAt(bytes, row, null),
    stampedByLog: true,
    key: part(row.at + KEY_AT + WORD, row.keyLength),
    value: part(row.valueAt, row.valueLength),
    headers: headers === null ? NO_HEADERS : decodeHeaders(headers),
  }
}
