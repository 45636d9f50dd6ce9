// Rules that hold for whatever an input comes to.

import assert from 'node:assert/strict'

/** What must not reach a terminal as it is: controls, line ends too, and marks that turn text around. */
const UNPRINTABLE = // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/

/** Words about an input are bounded, whatever it holds, on one line, and nothing that a terminal acts on. */
export function checkWords(text: string, lengthMax = 300): void {
  assert.ok(text.length <= lengthMax, `words of ${text.length} characters: ${text.slice(0, 200)}`)
  const at = text.search(UNPRINTABLE)
  assert.ok(at < 0, `words hold U+${text.charCodeAt(at).toString(16)}: ${JSON.stringify(text.slice(0, 200))}`)
  assert.ok(text.isWellFormed(), 'words hold a lone surrogate')
}

/** Errors that are thrown on purpose have words for people; what a mistake throws has a type of its own. */
export function checkError(error: unknown, expected: RegExp): void {
  const isPlain = error instanceof Error && error.constructor === Error && expected.test(error.message)
  if (!isPlain) throw new Error('an error that nobody meant to throw', { cause: error })
  checkWords(error.message, 500)
}

/** Equal as values, with a Map's order of no account. */
export function checkEqual(a: unknown, b: unknown, what: string): void {
  assert.deepStrictEqual(a, b, what)
}
