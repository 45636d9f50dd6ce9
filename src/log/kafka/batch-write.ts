// Kafka's record batches (format 2), written: sizes first, then one buffer a batch.

import type { Header } from '../../codec/record.ts'
import type { NewRecord } from '../log.ts'
import { crc32c } from './crc32c.ts'

/** Whose batch it is, so that a broker knows one that is sent twice. */
export interface BatchIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** The number of the batch's first record among all that this producer sends to the partition; 31 bits, wraps. */
  readonly sequence: number
}

const CRC_AT = 17
const ATTRIBUTES_AT = 21
const RECORDS_AT = 61

/** Bytes of a record in a batch, at most: its index there is not known yet. */
export function recordSizeMax({ key, value, headers = [] }: NewRecord): number {
  let size = 26 + (key?.length ?? 0) + value.length
  for (const header of headers) size += 10 + Buffer.byteLength(header.name) + header.value.length
  return size
}

/** One batch of records, uncompressed. `timeMs` is the writer's clock; a log with LogAppendTime replaces it. */
export function writeBatch(records: readonly NewRecord[], identity: BatchIdentity, timeMs: bigint): Buffer {
  const sizes = records.map(bodySize)
  const size = sizes.reduce((sum, body) => sum + varintSize(body) + body, RECORDS_AT)
  const bytes = Buffer.allocUnsafe(size)
  bytes.writeBigInt64BE(0n, 0)
  bytes.writeInt32BE(size - 12, 8)
  bytes.writeInt32BE(-1, 12)
  bytes.writeInt8(2, 16)
  bytes.writeInt16BE(0, ATTRIBUTES_AT)
  bytes.writeInt32BE(records.length - 1, 23)
  bytes.writeBigInt64BE(timeMs, 27)
  bytes.writeBigInt64BE(timeMs, 35)
  bytes.writeBigInt64BE(identity.producerId, 43)
  bytes.writeInt16BE(identity.producerEpoch, 51)
  bytes.writeInt32BE(identity.sequence, 53)
  bytes.writeInt32BE(records.length, 57)
  let at = RECORDS_AT
  for (const [index, record] of records.entries()) {
    at = writeVarint(bytes, at, sizes[index]!)
    at = writeBody(bytes, at, index, record)
  }
  bytes.writeUInt32BE(crc32c(bytes.subarray(ATTRIBUTES_AT)), CRC_AT)
  return bytes
}

function bodySize({ key, value, headers = [] }: NewRecord, index: number): number {
  // Attributes and the time's difference: a zero byte each.
  let size = 2 + varintSize(index) + bytesSize(key) + bytesSize(value) + varintSize(headers.length)
  for (const header of headers) {
    const nameSize = Buffer.byteLength(header.name)
    size += varintSize(nameSize) + nameSize + bytesSize(header.value)
  }
  return size
}

function writeBody(bytes: Buffer, start: number, index: number, record: NewRecord): number {
  const { key, value, headers = [] } = record
  bytes[start] = 0
  bytes[start + 1] = 0
  let at = writeVarint(bytes, start + 2, index)
  at = writeBytes(bytes, at, key)
  at = writeBytes(bytes, at, value)
  at = writeVarint(bytes, at, headers.length)
  for (const header of headers) at = writeHeader(bytes, at, header)
  return at
}

function writeHeader(bytes: Buffer, start: number, { name, value }: Header): number {
  const at = writeBytes(bytes, start, Buffer.from(name, 'utf8'))
  return writeBytes(bytes, at, value)
}

function writeBytes(bytes: Buffer, start: number, part: Uint8Array | null): number {
  if (part === null) return writeVarint(bytes, start, -1)
  const at = writeVarint(bytes, start, part.length)
  bytes.set(part, at)
  return at + part.length
}

function bytesSize(part: Uint8Array | null): number {
  return part === null ? 1 : varintSize(part.length) + part.length
}

/** Bytes of a zigzag varint of 32 bits. */
function varintSize(value: number): number {
  const bits = 32 - Math.clz32((value << 1) ^ (value >> 31))
  return bits <= 7 ? 1 : Math.ceil(bits / 7)
}

function writeVarint(bytes: Buffer, start: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  let at = start
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}
