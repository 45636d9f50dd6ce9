// A mutation as the merge sees it, and the text that names a row.

import type { Stamp } from './stamp.ts'
import type { Value } from './value.ts'

declare const keyTextBrand: unique symbol

export type Operation = 'upsert' | 'update' | 'delete'

/** One message of the log: who (in the stamp's origin) set which columns of which row when. */
export interface Mutation {
  readonly stamp: Stamp
  /** The message's number in its writer's session, or null. A statistic: it decides nothing. */
  readonly seq: bigint | null
  readonly operation: Operation
  readonly dataset: string
  /** One text per key column, in the definition's order. */
  readonly key: readonly string[]
  /** Only the columns that the message names; null is a value, an absent column is left alone. */
  readonly columns: ReadonlyMap<string, Value>
}

/** A row's key as one text: the parts joined with NUL, which no part may hold. Its UTF-8 order is the parts' order. */
export type KeyText = string & { readonly [keyTextBrand]: 'KeyText' }

export function keyToText(key: readonly string[]): KeyText {
  return (key.length === 1 ? key[0]! : key.join('\0')) as KeyText
}
