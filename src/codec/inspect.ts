// A message taken apart for people: what it says as far as it can be read, whatever the rules make of it.

import { isUtf8 } from 'node:buffer'
import type { Operation } from '../crdt/mutation.ts'
import type { Stamp } from '../crdt/stamp.ts'
import type { Value } from '../crdt/value.ts'
import { type Cursor, createCursor, fail, readCount, readLength, readLong } from './avro-cursor.ts'
import { CONFLUENT_MAGIC, CONTROL_MAGIC, findAvro } from './framing.ts'

export type FramingName = 'confluent' | 'single-object' | 'control' | 'unknown'

/** What was read before the first byte that makes no sense; null is what was not reached. */
export interface Inspected {
  readonly framing: FramingName
  /** Of Confluent's framing. */
  readonly schemaId: number | null
  readonly stamp: Stamp | null
  readonly seq: bigint | null
  readonly operation: Operation | null
  readonly dataset: string | null
  readonly key: readonly string[]
  /** In their order; a faulty message may name one twice, and hold what no value may be (NaN). */
  readonly columns: readonly { readonly name: string; readonly value: Value }[]
  /** Null when the whole message was read; else what is wrong, and where in the value the part begins that it is in. */
  readonly stop: { readonly at: number; readonly what: string } | null
}

const OPERATIONS: readonly Operation[] = ['upsert', 'update', 'delete']
const STAMP_BYTES = 16

/** Never throws, and takes time in proportion to the value's length. */
export function inspectValue(value: Buffer): Inspected {
  const framing = framingOf(value)
  const schemaId = framing === 'confluent' ? value.readUInt32BE(1) : null
  const part: Part = { stamp: null, seq: null, operation: null, dataset: null, key: [], columns: [] }
  const start = findAvro(value)
  if (typeof start === 'string') return { framing, schemaId, ...part, stop: null }
  const cursor = createCursor()
  cursor.bytes = value
  cursor.at = start
  const at = readParts(cursor, part)
  return { framing, schemaId, ...part, stop: cursor.reason === null ? null : { at, what: cursor.detail } }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Part = Mutable<Pick<Inspected, 'stamp' | 'seq' | 'operation' | 'dataset'>> & {
  readonly key: string[]
  readonly columns: { readonly name: string; readonly value: Value }[]
}

function framingOf(value: Buffer): FramingName {
  if (value[0] === CONTROL_MAGIC) return 'control'
  // Another fingerprint is a framing that is known, of a schema that is not.
  if (typeof findAvro(value) === 'string')
    return value[0] === 0xc3 && value[1] === 1 ? 'single-object' : 'unknown'
  return value[0] === CONFLUENT_MAGIC ? 'confluent' : 'single-object'
}

/** Where the last part that was begun begins. */
function readParts(cursor: Cursor, part: Part): number {
  let at = cursor.at
  const step = (read: () => void): boolean => {
    if (cursor.reason !== null) return false
    at = cursor.at
    read()
    return cursor.reason === null
  }
  step(() => {
    part.stamp = readStamp(cursor)
  })
  step(() => {
    part.seq = readSeq(cursor)
  })
  step(() => {
    const operation = OPERATIONS[readCount(cursor)]
    if (operation === undefined) fail(cursor, 'bad-avro', 'there is no such operation')
    part.operation = operation ?? null
  })
  step(() => {
    const dataset = readText(cursor)
    part.dataset = cursor.reason === null ? dataset : null
  })
  readBlocks(cursor, step, () => {
    const text = readText(cursor)
    if (cursor.reason === null) part.key.push(text)
  })
  readBlocks(cursor, step, () => {
    const name = readText(cursor)
    const value = cursor.reason === null ? readValue(cursor) : null
    if (cursor.reason === null) part.columns.push({ name, value })
  })
  step(() => {
    const left = cursor.bytes.length - cursor.at
    if (left > 0) fail(cursor, 'bad-avro', `${left} bytes follow the message`)
  })
  return at
}

/** Each item takes a byte at least, so a count that lies is soon found out. */
function readBlocks(cursor: Cursor, step: (read: () => void) => boolean, readItem: () => void): void {
  for (;;) {
    let count = 0
    const isSound = step(() => {
      count = readCount(cursor)
      if (count < 0) {
        count = -count
        readCount(cursor)
      }
    })
    if (!isSound || count === 0) return
    for (let i = 0; i < count; i++) if (!step(readItem)) return
  }
}

function readStamp(cursor: Cursor): Stamp | null {
  const { bytes, at } = cursor
  cursor.at = at + STAMP_BYTES
  if (cursor.at <= bytes.length) return bytes.toString('hex', at, cursor.at) as Stamp
  fail(cursor, 'bad-avro', 'the message ends within the stamp')
  return null
}

function readSeq(cursor: Cursor): bigint | null {
  const branch = cursor.bytes[cursor.at++]
  if (branch === 2) return readLong(cursor)
  if (branch !== 0) fail(cursor, 'bad-avro', 'seq has no such branch')
  return null
}

/** With whatever characters there are in it. */
function readText(cursor: Cursor): string {
  const length = readLength(cursor)
  if (cursor.reason !== null) return ''
  const content = cursor.bytes.subarray(cursor.at, cursor.at + length)
  cursor.at += length
  if (!isUtf8(content)) fail(cursor, 'bad-avro', 'a text is not UTF-8')
  return content.toString('utf8')
}

function readValue(cursor: Cursor): Value {
  const branch = cursor.bytes[cursor.at++]
  switch (branch) {
    case 0:
      return null
    case 2: {
      const byte = cursor.bytes[cursor.at++]
      if (byte !== 0 && byte !== 1) fail(cursor, 'bad-avro', 'a boolean is neither 0 nor 1')
      return byte === 1
    }
    case 4:
      return readLong(cursor)
    case 6: {
      cursor.at += 8
      if (cursor.at <= cursor.bytes.length) return cursor.bytes.readDoubleLE(cursor.at - 8)
      fail(cursor, 'bad-avro', 'the message ends within a double')
      return null
    }
    case 8:
      return readText(cursor)
    case 10: {
      const length = readLength(cursor)
      cursor.at += length
      return new Uint8Array(cursor.bytes.subarray(cursor.at - length, cursor.at))
    }
    default:
      fail(cursor, 'bad-avro', 'there is no such branch')
      return null
  }
}
