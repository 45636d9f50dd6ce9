// Postgres array literals, made here because the driver's own way costs several times as much for large arrays.

/** The element that stands for null. */
export const NULL_ELEMENT = 'NULL'

/** Joins elements, each `NULL_ELEMENT`, plain, or of `quoteElement`, to a parameter for `$n::type[]`. */
export function arrayLiteral(elements: readonly string[]): string {
  return `{${elements.join(',')}}`
}

/** An element of any text: empty, `null`, with commas, quotes or backslashes. */
export function quoteElement(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`
}

/** An array of texts or nulls. */
export function textArray(texts: readonly (string | null)[]): string {
  return arrayLiteral(texts.map((text) => (text === null ? NULL_ELEMENT : quoteElement(text))))
}

/** An array of numbers, uuids or nulls: what needs no quotes. */
export function plainArray(items: readonly (string | bigint | number | null)[]): string {
  return arrayLiteral(items.map((item) => (item === null ? NULL_ELEMENT : String(item))))
}
