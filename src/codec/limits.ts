// The limits of rules 1, in one place: beyond them a message is quarantined, a definition refused.

/** Bytes of a record's value, framing included. */
export const VALUE_BYTES_MAX = 900_000
/** UTF-8 bytes of a row's key texts together. */
export const KEY_BYTES_MAX = 1_024
export const KEY_TEXTS_MAX = 16
/** Bytes of the name of a dataset or a column (names are ASCII). */
export const NAME_BYTES_MAX = 55
/** Columns in a message; also columns of a dataset, key columns included. */
export const COLUMNS_MAX = 200
export const DATASETS_MAX = 1_000
/** Characters (ASCII) of the enum symbols of all columns of a dataset together: they unite for ever. */
export const SYMBOL_BYTES_MAX = 100_000
/** Digits of a decimal, before and behind the point together. */
export const DECIMAL_DIGITS_MAX = 1_000
/** How deep arrays and objects of JSON nest: a scalar has depth 0, `[]` depth 1. */
export const JSON_DEPTH_MAX = 64
/** The greatest `seq`, and the greatest integer in a control record: 2^53 - 1. */
export const SEQ_MAX = 9_007_199_254_740_991n

/** What a name is, in words. */
export const NAME_FORM = `a letter, then letters, digits and _, at most ${NAME_BYTES_MAX} characters`

const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_]*$/

/** True for a name that a dataset or a column may have. */
export function isName(text: string): boolean {
  return text.length <= NAME_BYTES_MAX && NAME_PATTERN.test(text)
}
