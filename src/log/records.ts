// Records that are objects already, as the ones that a cursor steps through.

import type { LogRecord, RecordCursor, Records } from '../codec/record.ts'
import { SIGNATURE_HEADER } from '../codec/signing/header.ts'

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
    isSigned: false,
    signatureBytes: NO_BYTES,
    signatureStart: 0,
    signatureEnd: 0,
    bytes: NO_BYTES,
    start: 0,
    end: 0,
    appendMs: 0n,
    record: () => records[at]!,
    next() {
      const record = records[++at]
      if (record === undefined) return false
      const { value, stampedByLog, headers } = record
      const isSound = value !== null && stampedByLog
      cursor.isPlain = isSound && headers.length === 0
      cursor.isSigned = isSound && headers.length === 1 && headers[0]!.name === SIGNATURE_HEADER
      if (cursor.isSigned) {
        const signature = headers[0]!.value
        cursor.signatureBytes = Buffer.from(signature.buffer, signature.byteOffset, signature.length)
        cursor.signatureEnd = signature.length
      }
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
