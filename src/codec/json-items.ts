// A long JSON array, one item after the other.

import {
  type Cursor,
  fail,
  type Json,
  type JsonRefusal,
  NO_END,
  parseValue,
  skipSpace,
  take,
} from './json.ts'
import { JSON_DEPTH_MAX } from './limits.ts'

/** One item of an array; the last step of all is a refusal where the text is no JSON. */
export type ParsedItem = { readonly type: 'item'; readonly value: Json } | JsonRefusal

/**
 * The items of a JSON array, parsed one after the other by the same rules, each of at most `depthMax` levels itself: the
 * text may be long, and whoever reads can do something else in between. A refusal is the end.
 */
export function* parseJsonItems(text: string, depthMax: number = JSON_DEPTH_MAX): Generator<ParsedItem> {
  if (!text.isWellFormed()) return yield { type: 'refused', detail: 'the text holds a lone surrogate' }
  const cursor: Cursor = { text, at: 0, depthMax, fault: null }
  skipSpace(cursor)
  if (!take(cursor, '[')) fail(cursor, 'an array should begin here')
  skipSpace(cursor)
  let isOver = take(cursor, ']')
  while (!isOver && cursor.fault === null) {
    const value = parseValue(cursor, 0)
    if (value === undefined) break
    yield { type: 'item', value }
    skipSpace(cursor)
    isOver = take(cursor, ']')
    if (!isOver && !take(cursor, ',')) fail(cursor, NO_END)
    skipSpace(cursor)
  }
  if (cursor.fault === null && cursor.at < text.length) fail(cursor, 'something follows the value')
  if (cursor.fault !== null) yield { type: 'refused', detail: cursor.fault }
}
