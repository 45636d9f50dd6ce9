// Kafka's record batches (format 2), written: one buffer a batch, compressed where that pays.

import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
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
const CODEC_NONE = 0
const CODEC_ZSTD = 4
const CODEC_MASK = 0x07
/** A batch that compression leaves greater than this is not worth what every reader spends on it. */
const GAINFUL_RATIO = 0.85
/** Below it a loop is faster than a call into Node. */
const SHORT_BYTES = 40

const compress = promisify(zstdCompress)
/** In chunks of 16 KiB, as is usual, a batch came back to this thread some ten times. */
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 }, chunkSize: 256 * 1024 }

/** Bytes of a record in a batch, at most: its index there is not known yet. */
export function recordSizeMax({ key, value, headers }: NewRecord): number {
  let size = 26 + (key === null ? 0 : key.length) + value.length
  if (headers === undefined) return size
  for (const header of headers) size += 10 + Buffer.byteLength(header.name) + header.value.length
  return size
}

/** One batch of records, uncompressed. `timeMs` is the writer's clock; a log with LogAppendTime replaces it. */
export function writeBatch(records: readonly NewRecord[], identity: BatchIdentity, timeMs: bigint): Buffer {
  return seal(writeRecords(records), { count: records.length, codec: CODEC_NONE, identity, timeMs })
}

/** The same, compressed with zstd off this thread; as it is where that makes it hardly smaller. */
export async function writeCompressedBatch(
  records: readonly NewRecord[],
  identity: BatchIdentity,
  timeMs: bigint,
): Promise<Buffer> {
  const plain = writeRecords(records)
  const packed = await compress(plain.subarray(RECORDS_AT), COMPRESSION)
  const count = records.length
  if (packed.length > (plain.length - RECORDS_AT) * GAINFUL_RATIO) {
    return seal(plain, { count, codec: CODEC_NONE, identity, timeMs })
  }
  const bytes = Buffer.allocUnsafe(RECORDS_AT + packed.length)
  bytes.set(packed, RECORDS_AT)
  return seal(bytes, { count, codec: CODEC_ZSTD, identity, timeMs })
}

export function isCompressed(batch: Buffer): boolean {
  return (batch.readInt16BE(ATTRIBUTES_AT) & CODEC_MASK) !== CODEC_NONE
}

interface Seal {
  readonly count: number
  readonly codec: number
  readonly identity: BatchIdentity
  readonly timeMs: bigint
}

/** Writes the head of a batch over the first bytes, behind which its records stand. */
function seal(bytes: Buffer, { count, codec, identity, timeMs }: Seal): Buffer {
  bytes.writeBigInt64BE(0n, 0)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt32BE(-1, 12)
  bytes.writeInt8(2, 16)
  bytes.writeInt16BE(codec, ATTRIBUTES_AT)
  bytes.writeInt32BE(count - 1, 23)
  bytes.writeBigInt64BE(timeMs, 27)
  bytes.writeBigInt64BE(timeMs, 35)
  bytes.writeBigInt64BE(identity.producerId, 43)
  bytes.writeInt16BE(identity.producerEpoch, 51)
  bytes.writeInt32BE(identity.sequence, 53)
  bytes.writeInt32BE(count, 57)
  bytes.writeUInt32BE(crc32c(bytes.subarray(ATTRIBUTES_AT)), CRC_AT)
  return bytes
}

/** The records, behind room for the head. */
function writeRecords(records: readonly NewRecord[]): Buffer {
  let size = RECORDS_AT
  for (const record of records) size += recordSizeMax(record)
  const bytes = Buffer.allocUnsafe(size)
  let at = RECORDS_AT
  for (let index = 0; index < records.length; index++) at = writeRecord(bytes, at, index, records[index]!)
  return bytes.subarray(0, at)
}

function writeRecord(bytes: Buffer, start: number, index: number, record: NewRecord): number {
  const { key, value, headers } = record
  // Attributes and the time's difference: a zero byte each.
  let size = 2 + varintSize(index) + bytesSize(key) + bytesSize(value)
  size += headers === undefined ? 1 : headersSize(headers)
  let at = writeVarint(bytes, start, size)
  bytes[at++] = 0
  bytes[at++] = 0
  at = writeVarint(bytes, at, index)
  at = writeBytes(bytes, at, key)
  at = writeBytes(bytes, at, value)
  if (headers === undefined) bytes[at++] = 0
  else at = writeHeaders(bytes, at, headers)
  return at
}

function headersSize(headers: readonly Header[]): number {
  let size = varintSize(headers.length)
  for (const header of headers) {
    const nameSize = Buffer.byteLength(header.name)
    size += varintSize(nameSize) + nameSize + bytesSize(header.value)
  }
  return size
}

function writeHeaders(bytes: Buffer, start: number, headers: readonly Header[]): number {
  let at = writeVarint(bytes, start, headers.length)
  for (const { name, value } of headers) {
    at = writeBytes(bytes, at, Buffer.from(name, 'utf8'))
    at = writeBytes(bytes, at, value)
  }
  return at
}

function writeBytes(bytes: Buffer, start: number, part: Uint8Array | null): number {
  if (part === null) return writeVarint(bytes, start, -1)
  const { length } = part
  let at = writeVarint(bytes, start, length)
  if (length >= SHORT_BYTES) {
    bytes.set(part, at)
    return at + length
  }
  for (let i = 0; i < length; i++) bytes[at++] = part[i]!
  return at
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
