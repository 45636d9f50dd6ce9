// What a record becomes in a copy: the same bytes, or a record that is quarantined there too, whatever the target's clock.

import { createHash } from 'node:crypto'
import { VALUE_BYTES_MAX } from '../../codec/limits.ts'
import type { Header, LogRecord } from '../../codec/record.ts'

/** The header that can only quarantine, never lift. Its value is for people. */
export const MARK = 'spindexer-quarantined'

/** Key, value and headers as they are appended. */
export interface Content {
  readonly key: Buffer | null
  readonly value: Buffer
  readonly headers: readonly Header[]
}

/** Brokers take 1,048,588 bytes unless they are told otherwise; a mark comes on top. */
const CONTENT_BYTES_MAX = 1_000_000
const NO_BYTES = Buffer.alloc(0)

/**
 * A record that the source quarantines, with a mark unless it carries one. A value that is missing becomes an empty one.
 * Of what is too large for a log only the mark is left, which then says how large it was, and its SHA-256.
 */
export function toMarked(record: LogRecord, reason: string): Content {
  const { key, value, headers, partition, offset } = record
  const isTooLarge = (value?.length ?? 0) > VALUE_BYTES_MAX || contentBytes(record) > CONTENT_BYTES_MAX
  if (isTooLarge) {
    const size = value?.length ?? 0
    const sha256 = createHash('sha256')
      .update(value ?? NO_BYTES)
      .digest('hex')
    const isKeyKept = (key?.length ?? 0) <= CONTENT_BYTES_MAX / 2
    const mark = markHeader({ reason, partition, offset: Number(offset), size, sha256 })
    return { key: isKeyKept ? key : null, value: NO_BYTES, headers: [mark] }
  }
  const isMarked = headers.some(({ name }) => name === MARK)
  const mark = markHeader({ reason, partition, offset: Number(offset) })
  return { key, value: value ?? NO_BYTES, headers: isMarked ? headers : [...headers, mark] }
}

/** Bytes of key, value and headers together. */
export function contentBytes({ key, value, headers }: Pick<LogRecord, 'key' | 'value' | 'headers'>): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const header of headers) bytes += Buffer.byteLength(header.name) + header.value.length
  return bytes
}

function markHeader(words: Readonly<Record<string, string | number>>): Header {
  return { name: MARK, value: Buffer.from(JSON.stringify(words)) }
}
