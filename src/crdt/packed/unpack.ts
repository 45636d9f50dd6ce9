// Reading stamps, keys and values back out of an arena.

import type { Value } from '../value.ts'
import type { Arena } from './arena.ts'
import type { Branch } from './shape.ts'
import { NULL_LENGTH } from './table.ts'

/** The texts of a key that begins at an offset. */
export function readKey({ bytes }: Arena, start: number, count: number): string[] {
  const buffer = Buffer.from(bytes.buffer)
  const texts: string[] = []
  let at = start
  for (let i = 0; i < count; i++) {
    const [length, begin] = readLength(bytes, at)
    at = begin + length
    texts.push(buffer.toString('utf8', begin, at))
  }
  return texts
}

/** Avro's length, canonical and at most 1,024, and where what it measures begins. */
export function readLength(bytes: Uint8Array, at: number): readonly [length: number, begin: number] {
  const first = bytes[at]!
  if (first < 0x80) return [first >>> 1, at + 1]
  return [((first & 0x7f) | (bytes[at + 1]! << 7)) >>> 1, at + 2]
}

export function readValue({ bytes }: Arena, branch: Branch, at: number, length: number): Value {
  if (length === NULL_LENGTH) return null
  const view = Buffer.from(bytes.buffer, at, length)
  switch (branch) {
    case 'boolean':
      return view[0] === 1
    case 'long':
      return view.readBigInt64BE()
    case 'double':
      return view.readDoubleBE()
    case 'text':
      return view.toString('utf8')
    case 'bytes':
      return new Uint8Array(view)
  }
}
