// Mutations in Avro: a strict decoder that takes nothing the rules refuse.

import type { Mutation, Operation } from '../crdt/mutation.ts'
import type { Stamp } from '../crdt/stamp.ts'
import type { Value } from '../crdt/value.ts'
import {
  type Cursor,
  createCursor,
  fail,
  readCount,
  readLength,
  readLong,
  readName,
  readText,
} from './avro-cursor.ts'
import { COLUMNS_MAX, KEY_BYTES_MAX, KEY_TEXTS_MAX, NAME_BYTES_MAX, SEQ_MAX } from './limits.ts'
import type { QuarantineReason } from './reasons.ts'

const STAMP_BYTES = 16
const OPERATIONS: readonly Operation[] = ['upsert', 'update', 'delete']
const NO_COLUMNS: ReadonlyMap<string, Value> = new Map()

export type DecodedMutation =
  | { readonly type: 'mutation'; readonly mutation: Mutation }
  | {
      readonly type: 'quarantined'
      readonly reason: QuarantineReason
      readonly detail: string
      /** Null where the bytes do not decode so far. */
      readonly dataset: string | null
    }

/**
 * Decodes the mutation that begins at `start` and has to end with the bytes, and holds it to everything that its own
 * bytes can be held to (all but the clock rule). Whoever decodes many passes the same cursor again and again.
 */
export function decodeMutation(
  bytes: Buffer,
  start: number,
  cursor: Cursor = createCursor(),
): DecodedMutation {
  cursor.bytes = bytes
  cursor.at = start
  cursor.reason = null
  const stamp = readStamp(cursor)
  const seq = cursor.reason === null ? readSeq(cursor) : null
  const operation = cursor.reason === null ? readOperation(cursor) : 'upsert'
  const dataset = cursor.reason === null ? readName(cursor, NAME_BYTES_MAX) : ''
  const named = cursor.reason === null ? dataset : null
  const key = cursor.reason === null ? readKey(cursor) : []
  const columns = cursor.reason === null ? readColumns(cursor) : NO_COLUMNS
  if (cursor.reason === null) checkWhole(cursor, operation, columns.size)
  if (cursor.reason !== null) {
    return { type: 'quarantined', reason: cursor.reason, detail: cursor.detail, dataset: named }
  }
  return { type: 'mutation', mutation: { stamp, seq, operation, dataset, key, columns } }
}

function readStamp(cursor: Cursor): Stamp {
  const { bytes, at } = cursor
  cursor.at = at + STAMP_BYTES
  const stamp = bytes.toString('hex', at, cursor.at)
  if (stamp.length < 2 * STAMP_BYTES) {
    fail(cursor, 'bad-avro', 'the message ends within the stamp')
  } else if (bytes[at]! >= 0x80) {
    fail(cursor, 'bad-stamp', 'its top bit is set')
  } else if (stamp === ZERO) {
    fail(cursor, 'bad-stamp', 'it is all zero')
  }
  return stamp as Stamp
}

const ZERO = '0'.repeat(2 * STAMP_BYTES)

function readSeq(cursor: Cursor): bigint | null {
  const branch = cursor.bytes[cursor.at++]
  if (branch === 0) return null
  if (branch !== 2) {
    fail(cursor, 'bad-avro', 'seq has no such branch')
    return null
  }
  const seq = readLong(cursor)
  if (cursor.reason === null && (seq < 0n || seq > SEQ_MAX)) fail(cursor, 'bad-seq', `it is ${seq}`)
  return seq
}

function readOperation(cursor: Cursor): Operation {
  const index = readCount(cursor)
  const operation = OPERATIONS[index]
  if (operation === undefined) fail(cursor, 'bad-avro', 'there is no such operation')
  return operation ?? 'upsert'
}

/** Begins a block: its count of items (0: the end), and where it has to end if it says so, else -1. */
function readBlockEnd(cursor: Cursor, count: number): number {
  if (count >= 0) return -1
  const size = readCount(cursor)
  if (cursor.reason !== null) return -1
  if (size < 0 || size > cursor.bytes.length - cursor.at) {
    fail(cursor, 'bad-avro', 'a block says that it is longer than the message')
  }
  return cursor.at + size
}

function checkBlockEnd(cursor: Cursor, end: number): void {
  if (end >= 0 && cursor.at !== end) fail(cursor, 'bad-avro', 'a block is not as long as it says')
}

function readKey(cursor: Cursor): readonly string[] {
  const key: string[] = []
  let size = 0
  for (;;) {
    const signed = readCount(cursor)
    if (signed === 0 || cursor.reason !== null) break
    const end = readBlockEnd(cursor, signed)
    const count = signed < 0 ? -signed : signed
    if (key.length + count > KEY_TEXTS_MAX) fail(cursor, 'bad-key', `it has more than ${KEY_TEXTS_MAX} texts`)
    for (let i = 0; i < count && cursor.reason === null; i++) {
      const text = readText(cursor, 'bad-key')
      key.push(text)
      size += byteLength(text)
      if (size > KEY_BYTES_MAX) fail(cursor, 'bad-key', `it has more than ${KEY_BYTES_MAX} bytes`)
    }
    checkBlockEnd(cursor, end)
  }
  if (key.length === 0) fail(cursor, 'bad-key', 'it has no text')
  return key
}

/** Buffer.byteLength is a call into Node; most key texts are short and ASCII. */
function byteLength(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return Buffer.byteLength(text)
  return text.length
}

function readColumns(cursor: Cursor): ReadonlyMap<string, Value> {
  let columns: Map<string, Value> | null = null
  for (;;) {
    const signed = readCount(cursor)
    if (signed === 0 || cursor.reason !== null) return columns ?? NO_COLUMNS
    columns ??= new Map()
    const end = readBlockEnd(cursor, signed)
    const count = signed < 0 ? -signed : signed
    if (columns.size + count > COLUMNS_MAX) {
      fail(cursor, 'too-many-columns', `there are more than ${COLUMNS_MAX}`)
    }
    for (let i = 0; i < count && cursor.reason === null; i++) readColumn(cursor, columns)
    checkBlockEnd(cursor, end)
  }
}

function readColumn(cursor: Cursor, columns: Map<string, Value>): void {
  const name = readName(cursor, NAME_BYTES_MAX)
  if (cursor.reason !== null) return
  const value = readValue(cursor)
  if (cursor.reason !== null) {
    cursor.detail = `column ${name}: ${cursor.detail}`
    return
  }
  const before = columns.size
  columns.set(name, value)
  if (columns.size === before) fail(cursor, 'bad-avro', `column ${name} stands there twice`)
}

function readValue(cursor: Cursor): Value {
  // Six branches: an index is one byte, its zigzag form twice the index.
  switch (cursor.bytes[cursor.at++]) {
    case 0:
      return null
    case 2:
      return readBoolean(cursor)
    case 4:
      return readLong(cursor)
    case 6:
      return readDouble(cursor)
    case 8:
      return readText(cursor, 'nul')
    case 10:
      return readBytes(cursor)
    default:
      fail(cursor, 'bad-avro', 'there is no such branch')
      return null
  }
}

function readBoolean(cursor: Cursor): boolean {
  const byte = cursor.bytes[cursor.at++]
  if (byte !== 0 && byte !== 1) fail(cursor, 'bad-avro', 'a boolean is neither 0 nor 1')
  return byte === 1
}

function readDouble(cursor: Cursor): number {
  const { bytes, at } = cursor
  if (bytes.length - at < 8) {
    fail(cursor, 'bad-avro', 'the message ends within a double')
    return 0
  }
  cursor.at = at + 8
  const value = bytes.readDoubleLE(at)
  if (!Number.isFinite(value) || Object.is(value, -0)) {
    fail(cursor, 'bad-double', `it is ${Object.is(value, -0) ? '-0' : value}`)
  }
  return value
}

/** A copy: what is fetched in one piece would else be kept for the sake of one value. */
function readBytes(cursor: Cursor): Uint8Array {
  const length = readLength(cursor)
  const { bytes, at } = cursor
  cursor.at = at + length
  return new Uint8Array(bytes.subarray(at, cursor.at))
}

function checkWhole(cursor: Cursor, operation: Operation, columns: number): void {
  if (cursor.at !== cursor.bytes.length) {
    fail(cursor, 'bad-avro', `${cursor.bytes.length - cursor.at} bytes follow the message`)
  } else if (operation === 'update' && columns === 0) {
    fail(cursor, 'update-without-columns', '')
  } else if (operation === 'delete' && columns > 0) {
    fail(cursor, 'delete-with-columns', `it names ${columns}`)
  }
}
