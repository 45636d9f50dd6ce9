// The fingerprint of a record's bytes, by which a node knows the last record that it processed again.

import { createHash } from 'node:crypto'
import type { Header, LogRecord } from '../codec/record.ts'
import { compareBytes } from '../crdt/value.ts'

/**
 * SHA-256 of a record's key, value and headers, 64 lower-case hex digits. Place and time are not in it. Every part
 * is preceded by its length, and none differs from empty; headers count as a multiset, since a client library may
 * lose their order.
 */
export function recordHash(record: Pick<LogRecord, 'key' | 'value' | 'headers'>): string {
  const hash = createHash('sha256')
  const add = (bytes: Uint8Array | null) => {
    const length = Buffer.allocUnsafe(5)
    length[0] = bytes === null ? 0 : 1
    length.writeUInt32BE(bytes === null ? 0 : bytes.length, 1)
    hash.update(length)
    if (bytes !== null) hash.update(bytes)
  }
  add(record.key)
  add(record.value)
  for (const header of record.headers.map(toBytes).sort(compareHeaders)) {
    add(header.name)
    add(header.value)
  }
  return hash.digest('hex')
}

interface HeaderBytes {
  readonly name: Uint8Array
  readonly value: Uint8Array
}

function toBytes(header: Header): HeaderBytes {
  return { name: Buffer.from(header.name, 'utf8'), value: header.value }
}

function compareHeaders(a: HeaderBytes, b: HeaderBytes): number {
  return compareBytes(a.name, b.name) || compareBytes(a.value, b.value)
}
