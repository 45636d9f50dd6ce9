// Headers as the log's table keeps them: any names and values, in order.

import type { Header } from '../../codec/record.ts'
import { SIGNATURE_HEADER } from '../../codec/signing/header.ts'
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

/** How the headers of a record begin that has a signature: the length of its name, the name. */
const SIGNED = Buffer.concat([
  Buffer.of(0, 0, 0, SIGNATURE_HEADER.length),
  Buffer.from(SIGNATURE_HEADER, 'utf8'),
])
/** Where its value stands when it is the first header. */
export const SIGNATURE_AT = SIGNED.length + WORD_BYTES

/** True for headers that are one signature and nothing else. `length` -1: there are none. */
export function isSignatureAlone(bytes: Buffer, at: number, length: number): boolean {
  if (length < SIGNATURE_AT) return false
  for (let i = 0; i < SIGNED.length; i++) if (bytes[at + i] !== SIGNED[i]) return false
  return bytes.readUInt32BE(at + SIGNED.length) === length - SIGNATURE_AT
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
