// A row's key as one segment of an address: one text as it is, several each percent-encoded and joined by commas.

import type { Dataset, KeyColumn } from '../codec/catalogue.ts'
import { KEY_BYTES_MAX } from '../codec/limits.ts'
import { toCanonicalKey } from '../codec/values.ts'
import { shorten } from '../codec/words.ts'

export type ParsedKey =
  | { readonly type: 'key'; readonly key: readonly string[] }
  /** Half a sentence or more. */
  | { readonly type: 'refused'; readonly detail: string }

/** The segment of a key, ready for an address: what `parseKeySegment` reads. */
export function keyToSegment(key: readonly string[]): string {
  return key.map((text) => encodeURIComponent(text)).join(',')
}

/**
 * Reads a segment as it stands in the address. What people type is brought into canonical form (a uuid's case, a time's
 * zone), so that what names the same row finds it.
 */
export function parseKeySegment(dataset: Dataset, segment: string): ParsedKey {
  const { key: columns } = dataset
  // A comma that is part of the one text need not be encoded.
  const parts = columns.length === 1 ? [segment] : segment.split(',')
  if (parts.length !== columns.length) {
    const names = columns.map(({ name }) => name).join(', ')
    return refuse(
      `the key of "${dataset.name}" has ${columns.length} columns (${names}) and this has ${parts.length} parts; percent-encode each text, and join them by commas`,
    )
  }
  const key: string[] = []
  for (const [i, column] of columns.entries()) {
    const text = decode(parts[i]!)
    if (text === null) return refuse(`"${column.name}": it is no percent-encoded UTF-8`)
    const typed = toKeyText(column, text)
    if (typed.type === 'refused') return refuse(`"${column.name}": ${typed.detail}`)
    key.push(typed.text)
  }
  const bytes = key.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes > KEY_BYTES_MAX)
    return refuse(`its texts have ${bytes} bytes, and a key has at most ${KEY_BYTES_MAX}`)
  return { type: 'key', key }
}

function toKeyText(column: KeyColumn, text: string) {
  if (column.type !== 'boolean') return toCanonicalKey(column, text)
  return toCanonicalKey(column, text === 'true' ? true : text === 'false' ? false : text)
}

function decode(part: string): string | null {
  try {
    return decodeURIComponent(part)
  } catch {
    return null
  }
}

function refuse(detail: string): ParsedKey {
  return { type: 'refused', detail: shorten(detail, 500) }
}
