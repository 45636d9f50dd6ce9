// Records that are objects already, as the ones that a cursor steps through.

import type { LogRecord, RecordCursor, Records } from '../codec/record.ts'

const NO_BYTES = Buffer.alloc(0)

export function listRecords(records: readonly LogRecord[]): Records {
  return {
    length: records.length,
    cursor: () => createListCursor(records),
    last: () => records.at(-1),
    newestAppendMs: () => newestAppendMs(records),
    [Symbol.iterator]: () => records[Symbol.iterator](),
  }
}

function createListCursor(records: readonly LogRecord[]): RecordCursor {
  let at = -1
  const cursor: { -readonly [K in keyof RecordCursor]: RecordCursor[K] } = {
    isPlain: false,
    bytes: NO_BYTES,
    start: 0,
    end: 0,
    appendMs: 0n,
    record: () => records[at]!,
    next() {
      const record = records[++at]
      if (record === undefined) return false
      const { value, stampedByLog, headers } = record
      cursor.isPlain = value !== null && stampedByLog && headers.length === 0
      cursor.bytes = value ?? NO_BYTES
      cursor.end = cursor.bytes.length
      cursor.appendMs = record.appendMs
      return true
    },
  }
  return cursor
}

function newestAppendMs(records: readonly LogRecord[]): bigint | null {
  let newest: bigint | null = null
  for (const { appendMs, stampedByLog } of records) {
    if (stampedByLog && (newest === null || appendMs > newest)) newest = appendMs
  }
  return newest
}
