// The items of a JSON body: one, or an array of them, parsed one after the other.

import { isUtf8 } from 'node:buffer'
import { setImmediate as turn } from 'node:timers/promises'
import { type Json, parseJson } from '../../codec/json.ts'
import { parseJsonItems } from '../../codec/json-items.ts'
import { CHANGE_DEPTH_MAX } from '../../codec/line.ts'
import { problem } from '../problem.ts'

/** Others get their turn after so many items. */
export const TURN_ITEMS = 500
/** Beyond these places that are wrong it is enough to know how many there are. */
export const PLACES_MAX = 100

export interface ReadItems<T> {
  readonly items: readonly T[]
  readonly isArray: boolean
}

/** Throws a problem for what is no JSON. `read` is given each item and its number, from 0. */
export async function readItems<T>(
  bytes: Buffer,
  read: (json: Json, number: number) => T,
): Promise<ReadItems<T>> {
  if (!isUtf8(bytes)) throw problem('bad-request', 'the body is not UTF-8; send JSON in UTF-8')
  const text = bytes.toString('utf8')
  if (!/^[ \t\r\n]*\[/.test(text)) {
    const parsed = parseJson(text, CHANGE_DEPTH_MAX)
    if (parsed.type === 'refused') throw notJson(parsed.detail)
    return { items: [read(parsed.value, 0)], isArray: false }
  }
  const items: T[] = []
  for (const parsed of parseJsonItems(text, CHANGE_DEPTH_MAX)) {
    if (parsed.type === 'refused') throw notJson(parsed.detail)
    items.push(read(parsed.value, items.length))
    if (items.length % TURN_ITEMS === 0) await turn()
  }
  return { items, isArray: true }
}

/** Where an item stands in its body, as a JSON pointer. */
export function pointerTo(number: number, isArray: boolean): string {
  return isArray ? `/${number}` : ''
}

function notJson(detail: string) {
  return problem('bad-request', `the body is not valid JSON: ${detail}`)
}
