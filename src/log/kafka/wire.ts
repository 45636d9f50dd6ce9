// Kafka's flexible encoding (KIP-482), read and written: compact lengths, and tagged fields that are stepped over.

import type { Encoder } from './kafkajs.ts'

export interface WireReader {
  int8(): number
  int16(): number
  int32(): number
  int64(): bigint
  uvarint(): number
  /** 16 bytes as 32 hex digits. */
  uuid(): string
  text(): string | null
  /** A view of the payload; null is empty. */
  bytes(): Buffer
  /** Null is empty. */
  array<T>(item: () => T): T[]
  /** Steps over tagged fields, all of which are optional. */
  tags(): void
}

export const NO_ID = '0'.repeat(32)

export function createWireReader(payload: Buffer): WireReader {
  let at = 0
  const skip = (size: number): number => {
    at += size
    return at - size
  }
  const uvarint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = payload.readUInt8(skip(1))
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  const take = (size: number): Buffer => {
    const start = skip(size)
    return payload.subarray(start, start + size)
  }
  const reader: WireReader = {
    int8: () => payload.readInt8(skip(1)),
    int16: () => payload.readInt16BE(skip(2)),
    int32: () => payload.readInt32BE(skip(4)),
    int64: () => payload.readBigInt64BE(skip(8)),
    uvarint,
    uuid: () => payload.toString('hex', skip(16), at),
    text() {
      const size = uvarint()
      return size === 0 ? null : take(size - 1).toString('utf8')
    },
    bytes: () => take(Math.max(0, uvarint() - 1)),
    array<T>(item: () => T): T[] {
      const items: T[] = []
      for (let left = uvarint() - 1; left > 0; left--) items.push(item())
      return items
    },
    tags() {
      for (let left = uvarint(); left > 0; left--) {
        uvarint()
        skip(uvarint())
      }
    },
  }
  return reader
}

/** Writes an id of 32 hex digits as its 16 bytes. */
export function writeUuid(encoder: Encoder, id: string): Encoder {
  return encoder
    .writeInt64(String(BigInt.asIntN(64, BigInt(`0x${id.slice(0, 16)}`))))
    .writeInt64(String(BigInt.asIntN(64, BigInt(`0x${id.slice(16)}`))))
}
