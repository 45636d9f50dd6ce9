// The order of pages of rows: that of the values of the key's columns, one after the other, as an index has it.

import type { Dataset } from '../codec/catalogue.ts'
import { compareText } from '../crdt/value.ts'

/**
 * Compares keys of a dataset (canonical texts) by their first columns, then by the next. A long by its number; everything
 * else by its text in UTF-8 bytes, which is for booleans false before true, for days and times the earlier first.
 */
export function compareKeys({ key }: Dataset, a: readonly string[], b: readonly string[]): number {
  for (const [i, { type }] of key.entries()) {
    const order = type === 'long' ? compareLongs(a[i]!, b[i]!) : compareText(a[i]!, b[i]!)
    if (order !== 0) return order
  }
  return 0
}

function compareLongs(a: string, b: string): number {
  const [one, other] = [BigInt(a), BigInt(b)]
  return one < other ? -1 : one > other ? 1 : 0
}
