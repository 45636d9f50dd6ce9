// Gzip as Kafka's brokers take it: any number of members, and whatever stands behind them, over which Node's own function stumbles.
// https://www.rfc-editor.org/rfc/rfc1952#section-2.3

import { crc32, inflateRaw } from 'node:zlib'
import { openPart } from './zlib-part.ts'

const MAGIC = 0x8b1f
const DEFLATE = 8
const FLAG = { headerCrc: 0x02, extra: 0x04, name: 0x08, comment: 0x10 }
const HEADER_BYTES_MIN = 10
const TRAILER_BYTES = 8
const MEMBER_BYTES_MIN = 20

/**
 * Decompresses all members. What follows and does not begin as one is no content for Kafka's own consumer either.
 * Null when there would be more than `sizeMax` bytes; throws for broken members. Checksums of members are not looked
 * at: the batch's own one covers these bytes.
 */
export async function openGzip(bytes: Buffer, sizeMax: number): Promise<Buffer | null> {
  const parts: Buffer[] = []
  let size = 0
  for (let at = 0; at === 0 || at + MEMBER_BYTES_MIN <= bytes.length; ) {
    const start = findContent(bytes, at)
    if (start === null && at === 0) throw new Error('incorrect header')
    if (start === null) break
    const part = await openPart(inflateRaw, bytes.subarray(start), sizeMax - size)
    if (part === null) return null
    size += part.bytes.length
    parts.push(part.bytes)
    at = start + part.consumed + TRAILER_BYTES
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

/** Where the content of the member begins whose header is at `from`; null where there is no header. */
function findContent(bytes: Buffer, from: number): number | null {
  let at = from + HEADER_BYTES_MIN
  if (at > bytes.length || bytes.readUInt16LE(from) !== MAGIC || bytes[from + 2] !== DEFLATE) return null
  const flags = bytes[from + 3]!
  if ((flags & FLAG.extra) !== 0) {
    if (at + 2 > bytes.length) return null
    at += 2 + bytes.readUInt16LE(at)
  }
  for (const flag of [FLAG.name, FLAG.comment]) {
    if ((flags & flag) === 0) continue
    const end = bytes.indexOf(0, at)
    if (end < 0) return null
    at = end + 1
  }
  if ((flags & FLAG.headerCrc) !== 0) {
    if (at + 2 > bytes.length) return null
    if (bytes.readUInt16LE(at) !== (crc32(bytes.subarray(from, at)) & 0xffff)) return null
    at += 2
  }
  return at < bytes.length ? at : null
}
