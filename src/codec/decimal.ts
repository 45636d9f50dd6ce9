// Decimals: the one canonical text of a number, for decimal columns and for the numbers in canonical JSON.

import { DECIMAL_DIGITS_MAX } from './limits.ts'

const NUMBER_PATTERN = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?)(\d+))?$/

// An exponent of more digits than this cannot be made up for by any mantissa that fits into memory.
const EXPONENT_DIGITS_MAX = 15

/**
 * Brings a number's text (as in JSON, leading zeros allowed) to its canonical form. Null when it is no number or
 * would have over 1,000 digits; the time and memory taken follow the length of the text, not the exponent.
 */
export function canonicalDecimal(text: string): string | null {
  const match = NUMBER_PATTERN.exec(text)
  if (match === null) return null
  const [, sign, whole, fraction = '', exponentSign, exponentDigits = ''] = match
  const digits = whole! + fraction
  const first = skipZeros(digits)
  if (first === digits.length) return '0'
  const exponent = exponentDigits.slice(skipZeros(exponentDigits))
  if (exponent.length > EXPONENT_DIGITS_MAX) return null
  let last = digits.length
  while (digits.charCodeAt(last - 1) === 48) last--
  const shift = exponentSign === '-' ? -Number(exponent) : Number(exponent)
  const unsigned = placePoint(digits.slice(first, last), whole!.length - first + shift)
  return unsigned === null ? null : sign + unsigned
}

/** True for a canonical decimal of at most 1,000 digits. */
export function isCanonicalDecimal(text: string): boolean {
  return scanDecimal(text, 0) === text.length
}

/**
 * Reads a canonical decimal that begins at `at`: the place behind it, or -1 when there is none. What follows is the
 * caller's to judge (a digit behind a leading zero, say).
 */
export function scanDecimal(text: string, at: number): number {
  const isNegative = text.charCodeAt(at) === 45
  const start = isNegative ? at + 1 : at
  const isZero = text.charCodeAt(start) === 48
  let end = isZero ? start + 1 : scanDigits(text, start)
  let count = end - start
  if (count === 0) return -1
  if (text.charCodeAt(end) === 46) {
    const fraction = end + 1
    end = scanDigits(text, fraction)
    if (end === fraction || text.charCodeAt(end - 1) === 48) return -1
    count += end - fraction
  } else if (isZero && isNegative) {
    return -1
  }
  return count > DECIMAL_DIGITS_MAX ? -1 : end
}

function scanDigits(text: string, at: number): number {
  let end = at
  while (end < text.length && text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++
  return end
}

function skipZeros(digits: string): number {
  let at = 0
  while (at < digits.length && digits.charCodeAt(at) === 48) at++
  return at
}

/** `digits` have no zero at either end; the point comes behind `point` of them (before them, when negative). */
function placePoint(digits: string, point: number): string | null {
  if (point <= 0) {
    if (1 - point + digits.length > DECIMAL_DIGITS_MAX) return null
    return `0.${'0'.repeat(-point)}${digits}`
  }
  if (Math.max(point, digits.length) > DECIMAL_DIGITS_MAX) return null
  if (point >= digits.length) return digits + '0'.repeat(point - digits.length)
  return `${digits.slice(0, point)}.${digits.slice(point)}`
}
