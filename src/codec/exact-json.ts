// JSON text of values that hold 64-bit integers: digits, never through a double.

import { escapeJson } from './words.ts'

/** JSON on one line; a bigint becomes its digits, never a double. Control characters are escaped, all of them. */
export function toJson(value: unknown): string {
  const json = JSON.stringify(value, (_name, each) =>
    typeof each === 'bigint' ? rawJson(each.toString()) : each,
  )
  return escapeJson(json)
}

/** Text that JSON.stringify takes as it is (ECMAScript's JSON.rawJSON, which the compiler's library lacks). */
export function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text)
}
