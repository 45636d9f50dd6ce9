// Reading Avro's primitives strictly and without loss: varints, strings, bytes, doubles, from a buffer that may hold anything.

import { isUtf8 } from 'node:buffer'
import type { QuarantineReason } from './reasons.ts'
import { quoteShort } from './words.ts'

const NAME_SLOTS = 512
// Below this many bytes a loop in JavaScript beats a call into Node.
const SHORT_BYTES = 24

/**
 * Where reading stands. The first fault ends it: readers then return a value that nobody may use, and every caller
 * looks at `reason` before it goes on. A cursor may be used for one message after the other.
 */
export interface Cursor {
  bytes: Buffer
  at: number
  reason: QuarantineReason | null
  detail: string
  /** Names that were read before, by a hash of their bytes: the few names of a log are made into strings once. */
  readonly names: (string | undefined)[]
}

export function createCursor(): Cursor {
  return { bytes: Buffer.alloc(0), at: 0, reason: null, detail: '', names: new Array(NAME_SLOTS) }
}

/** Notes a fault; the first one counts. */
export function fail(cursor: Cursor, reason: QuarantineReason, detail: string): void {
  if (cursor.reason !== null) return
  cursor.reason = reason
  cursor.detail = detail
}

/**
 * A varint as an exact number where its zigzag form is below 2^49 (every length and count that a value of 900,000
 * bytes can hold), else ±Infinity, which is beyond every limit all the same.
 */
export function readCount(cursor: Cursor): number {
  const first = cursor.bytes[cursor.at]!
  if (first < 0x80) {
    cursor.at++
    return (first & 1) === 0 ? first >> 1 : -(first >> 1) - 1
  }
  const start = cursor.at
  const end = findVarintEnd(cursor)
  if (end - start > 7) return (cursor.bytes[start]! & 1) === 0 ? Infinity : -Infinity
  const zigzag = readSmall(cursor.bytes, start, end)
  return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
}

/** A varint as a long of 64 bits. */
export function readLong(cursor: Cursor): bigint {
  const start = cursor.at
  const end = findVarintEnd(cursor)
  if (cursor.reason !== null) return 0n
  if (end - start <= 7) {
    const zigzag = readSmall(cursor.bytes, start, end)
    return BigInt(zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2)
  }
  let zigzag = 0n
  for (let at = end - 1; at >= start; at--) zigzag = (zigzag << 7n) | BigInt(cursor.bytes[at]! & 0x7f)
  return (zigzag & 1n) === 0n ? zigzag >> 1n : -(zigzag >> 1n) - 1n
}

/** At most 7 bytes, 49 bits: exact in a double. */
function readSmall(bytes: Buffer, start: number, end: number): number {
  let zigzag = 0
  for (let at = end - 1; at >= start; at--) zigzag = zigzag * 128 + (bytes[at]! & 0x7f)
  return zigzag
}

function findVarintEnd(cursor: Cursor): number {
  const { bytes } = cursor
  const start = cursor.at
  let at = start
  while (at < bytes.length && bytes[at]! >= 0x80) at++
  const length = at + 1 - start
  if (at >= bytes.length) {
    fail(cursor, 'bad-avro', 'the message ends within a number')
  } else if (length > 10 || (length === 10 && bytes[at]! > 1)) {
    fail(cursor, 'bad-avro', 'a number does not fit 64 bits')
  } else if (length > 1 && bytes[at] === 0) {
    fail(cursor, 'bad-avro', 'a number is written longer than it need be')
  }
  cursor.at = at + 1
  return cursor.at
}

/** The length that stands before a string or bytes; the content begins at the cursor and is all there. */
export function readLength(cursor: Cursor): number {
  const length = readCount(cursor)
  if (cursor.reason !== null) return 0
  if (length < 0) {
    fail(cursor, 'bad-avro', 'a length is negative')
    return 0
  }
  if (length > cursor.bytes.length - cursor.at) {
    fail(cursor, 'bad-avro', 'the message ends within a text or bytes')
    return 0
  }
  return length
}

/** A string without NUL. `nulReason`: what a NUL in it is called. */
export function readText(cursor: Cursor, nulReason: QuarantineReason): string {
  const length = readLength(cursor)
  if (cursor.reason !== null) return ''
  const { bytes, at } = cursor
  const end = at + length
  cursor.at = end
  if (length <= SHORT_BYTES) {
    let i = at
    while (i < end && bytes[i]! > 0 && bytes[i]! < 0x80) i++
    if (i === end) return bytes.toString('latin1', at, end)
  }
  const content = bytes.subarray(at, end)
  if (!isUtf8(content)) {
    fail(cursor, 'bad-avro', 'a text is not UTF-8')
    return ''
  }
  if (content.includes(0)) {
    fail(cursor, nulReason, 'a text holds U+0000')
    return ''
  }
  return content.toString('utf8')
}

/** The name of a dataset or a column: a letter, then letters, digits and _, at most `bytesMax` bytes. */
export function readName(cursor: Cursor, bytesMax: number): string {
  const length = readLength(cursor)
  if (cursor.reason !== null) return ''
  const { bytes, at, names } = cursor
  const end = at + length
  if (length === 0 || length > bytesMax) {
    if (isUtf8(bytes.subarray(at, end))) fail(cursor, 'bad-name', `a name has ${length} bytes`)
    else fail(cursor, 'bad-avro', 'a name is not UTF-8')
    return ''
  }
  cursor.at = end
  let hash = length
  for (let i = at; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
  const slot = (hash ^ (hash >>> 9)) & (NAME_SLOTS - 1)
  const known = names[slot]
  if (known !== undefined && isSameText(known, bytes, at, length)) return known
  const content = bytes.subarray(at, end)
  const name = content.toString('latin1')
  if (NAME_PATTERN.test(name)) {
    names[slot] = name
    return name
  }
  if (isUtf8(content)) fail(cursor, 'bad-name', `${quoteShort(content.toString('utf8'))} is no name`)
  else fail(cursor, 'bad-avro', 'a name is not UTF-8')
  return ''
}

const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_]*$/

function isSameText(text: string, bytes: Buffer, at: number, length: number): boolean {
  if (text.length !== length) return false
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false
  return true
}
