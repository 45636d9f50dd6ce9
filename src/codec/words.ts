// Words about what somebody sent: quoted, cut off, and without a character that a terminal acts on.

const QUOTED_MAX = 60
const WORDS_MAX = 200

/** C0 and C1 controls but tab and newline, line separators, and the marks that change the direction of text. */
export const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** JSON text that says the same without a character that a terminal acts on: such ones stand in strings alone. */
export function escapeJson(json: string): string {
  return json.replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Any text as a JSON string of at most `lengthMax` of its characters, on one line. */
export function quoteShort(text: string, lengthMax: number = QUOTED_MAX): string {
  return escapeJson(JSON.stringify(cut(text, lengthMax)))
}

/** A name that somebody gave: as it is where it looks like one, else quoted. */
export function showName(name: string): string {
  return /^[\w.-]+$/.test(name) && name.length <= QUOTED_MAX ? name : quoteShort(name)
}

/** Words that hold nothing unprintable, cut off. */
export function shorten(words: string, lengthMax: number = WORDS_MAX): string {
  return cut(words, lengthMax)
}

function cut(text: string, lengthMax: number): string {
  return (text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`).toWellFormed()
}
