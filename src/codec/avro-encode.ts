// Mutations to Avro: the canonical bytes, written by hand straight into a buffer that many messages share.
// avsc, which builds an object a value first, took some ten times as long; the test holds both to the same bytes.

import type { Mutation } from '../crdt/mutation.ts'
import { compareText, type Value } from '../crdt/value.ts'

/** A buffer that is filled from the front. Whoever writes makes sure of the room first. */
export interface ByteSink {
  bytes: Buffer
  /** Where the next byte goes. */
  at: number
}

/** More than Avro spends on a number, or on saying which branch a value is of and how long. */
const OVERHEAD_BYTES = 16
/** Stamp, seq, operation, and the counts and ends of key and columns. */
const FIXED_BYTES = 64
const STAMP_DIGITS = 32
/** Below it a text's length is one byte, and a loop is faster than a call into Node. */
const SHORT_TEXT = 64
/** Below it a zigzag varint is exact in a JavaScript number. */
const EXACT_END = 2 ** 52
const OPERATIONS = { upsert: 0, update: 2, delete: 4 } as const
/** By character code: what a lower-case hex digit stands for, else 255. */
const DIGITS = Uint8Array.from({ length: 128 }, (_, code) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(code))
  return digit < 0 ? 255 : digit
})

/** The canonical Avro bytes of a mutation: see `writeMutation`. */
export function encodeMutation(mutation: Mutation): Buffer {
  const sink: ByteSink = { bytes: Buffer.allocUnsafe(boundMutation(mutation)), at: 0 }
  writeMutation(sink, mutation)
  return sink.bytes.subarray(0, sink.at)
}

/** Bytes of a mutation in Avro, at most; without encoding it. */
export function boundMutation({
  dataset,
  key,
  columns,
}: Pick<Mutation, 'dataset' | 'key' | 'columns'>): number {
  let bytes = FIXED_BYTES + boundText(dataset)
  for (const text of key) bytes += boundText(text)
  for (const [name, value] of columns) {
    bytes += boundText(name)
    if (typeof value === 'string') bytes += boundText(value)
    else bytes += value instanceof Uint8Array ? value.length + OVERHEAD_BYTES : OVERHEAD_BYTES
  }
  return bytes
}

/** A UTF-16 unit takes at most three bytes of UTF-8. */
function boundText(text: string): number {
  return text.length * 3 + OVERHEAD_BYTES
}

/**
 * Writes the canonical Avro bytes: key and columns in one block each, names sorted as UTF-8 bytes. The mutation is one
 * that a decoder takes; for a value of another JavaScript type, or beyond 64 bits, it throws. The sink must have
 * `boundMutation` bytes left.
 */
export function writeMutation(sink: ByteSink, mutation: Mutation): void {
  const { bytes } = sink
  const { seq, operation, key, columns } = mutation
  let at = writeStamp(bytes, sink.at, mutation.stamp)
  if (seq === null) bytes[at++] = 0
  else {
    bytes[at++] = 2
    at = writeLong(bytes, at, seq)
  }
  const index: number | undefined = OPERATIONS[operation]
  if (index === undefined) throw new TypeError(`there is no operation ${operation}`)
  bytes[at++] = index
  at = writeText(bytes, at, mutation.dataset)
  if (key.length > 0) {
    at = writeCount(bytes, at, key.length)
    for (const text of key) at = writeText(bytes, at, text)
  }
  bytes[at++] = 0
  if (columns.size > 0) {
    at = writeCount(bytes, at, columns.size)
    at = isSorted(columns) ? writeColumns(bytes, at, columns) : writeColumns(bytes, at, sortColumns(columns))
  }
  bytes[at++] = 0
  sink.at = at
}

function isSorted(columns: ReadonlyMap<string, Value>): boolean {
  let before = ''
  for (const name of columns.keys()) {
    if (compareText(before, name) > 0) return false
    before = name
  }
  return true
}

function sortColumns(columns: ReadonlyMap<string, Value>): readonly (readonly [string, Value])[] {
  return [...columns].sort(([a], [b]) => compareText(a, b))
}

function writeColumns(
  bytes: Buffer,
  start: number,
  columns: Iterable<readonly [name: string, value: Value]>,
): number {
  let at = start
  for (const [name, value] of columns) at = writeValue(bytes, writeText(bytes, at, name), value)
  return at
}

/** The index of the value's branch, zigzag, and the value. */
function writeValue(bytes: Buffer, at: number, value: Value): number {
  switch (typeof value) {
    case 'string':
      bytes[at] = 8
      return writeText(bytes, at + 1, value)
    case 'bigint':
      bytes[at] = 4
      return writeLong(bytes, at + 1, value)
    case 'number':
      bytes[at] = 6
      return bytes.writeDoubleLE(value, at + 1)
    case 'boolean':
      bytes[at] = 2
      bytes[at + 1] = value ? 1 : 0
      return at + 2
    default:
      if (value === null) {
        bytes[at] = 0
        return at + 1
      }
      if (!(value instanceof Uint8Array)) throw new TypeError(`a value is ${typeof value}`)
      bytes[at] = 10
      return writeBytes(bytes, at + 1, value)
  }
}

/** Writes 32 lower-case hex digits as 16 bytes. */
export function writeStamp(bytes: Uint8Array, start: number, stamp: string): number {
  let at = start
  let wrong = stamp.length ^ STAMP_DIGITS
  for (let i = 0; i < STAMP_DIGITS; i += 2) {
    const high = DIGITS[stamp.charCodeAt(i)] ?? 255
    const low = DIGITS[stamp.charCodeAt(i + 1)] ?? 255
    wrong |= (high | low) & 0xf0
    bytes[at++] = (high << 4) | low
  }
  if (wrong !== 0) throw new TypeError(`${stamp} is no stamp`)
  return at
}

function writeBytes(bytes: Buffer, start: number, value: Uint8Array): number {
  const at = writeCount(bytes, start, value.length)
  bytes.set(value, at)
  return at + value.length
}

function writeText(bytes: Buffer, start: number, text: string): number {
  const { length } = text
  if (length < SHORT_TEXT) {
    bytes[start] = length << 1
    let at = start + 1
    let i = 0
    for (; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit >= 0x80) break
      bytes[at++] = unit
    }
    if (i === length) return at
  }
  const size = Buffer.byteLength(text)
  const at = writeCount(bytes, start, size)
  bytes.write(text, at, size, 'utf8')
  return at + size
}

/** A zigzag varint of 64 bits. */
function writeLong(bytes: Buffer, start: number, value: bigint): number {
  const near = Number(value)
  if (near > -EXACT_END && near < EXACT_END) {
    return writeVarint(bytes, start, near < 0 ? -2 * near - 1 : 2 * near)
  }
  if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} has more than 64 bits`)
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  let at = start
  for (; rest >= 0x80n; rest >>= 7n) bytes[at++] = Number(rest & 0x7fn) | 0x80
  bytes[at++] = Number(rest)
  return at
}

/** A count or a length, not negative. */
function writeCount(bytes: Buffer, start: number, count: number): number {
  return writeVarint(bytes, start, 2 * count)
}

function writeVarint(bytes: Buffer, start: number, value: number): number {
  let at = start
  let rest = value
  for (; rest >= 0x8000_0000; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80
  bytes[at++] = rest
  return at
}
