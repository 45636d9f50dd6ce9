// Headers as the log's table keeps them: any names and values, in order.

import type { Header } from '../../codec/record.ts'
import { putWord } from '../../postgres/out.ts'

const NO_HEADERS: readonly Header[] = []
const WORD_BYTES = 4

/** Of each the length of its name, the name in UTF-8, the length of its value, the value; null for none. */
export function encodeHeaders(headers: readonly Header[]): Buffer | null {
  if (headers.length === 0) return null
  const parts = headers.flatMap(({ name, value }) => [Buffer.from(name, 'utf8'), value])
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + WORD_BYTES + part.length, 0))
  let at = 0
  for (const part of parts) {
    putWord(bytes, at, part.length)
    bytes.set(part, at + WORD_BYTES)
    at += WORD_BYTES + part.length
  }
  return bytes
}

/** Throws for bytes that `encodeHeaders` has not made. */
export function decodeHeaders(bytes: Buffer): readonly Header[] {
  if (bytes.length === 0) return NO_HEADERS
  const headers: Header[] = []
  let at = 0
  const part = (): Buffer => {
    const start = at + WORD_BYTES
    at = start + (start <= bytes.length ? bytes.readUInt32BE(at) : 0)
    if (at > bytes.length || start > bytes.length)
      throw new Error('the headers of a record in the log are cut off')
    return bytes.subarray(start, at)
  }
  while (at < bytes.length) headers.push({ name: part().toString('utf8'), value: part() })
  return headers
}
