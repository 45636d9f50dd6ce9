// Days and instants as text: the canonical forms of date and timestamp, and what people and Postgres write.

/**
 * A moment: whole seconds since 1970 (within ±3e11, so a double holds it exactly) and nanoseconds within that second.
 */
export interface Instant {
  readonly seconds: number
  readonly nanos: number
}

/** True for `YYYY-MM-DD`: a real day of the proleptic Gregorian calendar, years 0001 to 9999. */
export function isDate(text: string): boolean {
  return text.length === 10 && isDateAt(text)
}

/** True for `YYYY-MM-DDTHH:MM:SS.ffffffZ` on a real day, hours 00 to 23, seconds 00 to 59. */
export function isTimestamp(text: string): boolean {
  return (
    text.length === 27 &&
    isDateAt(text) &&
    text.charCodeAt(10) === 0x54 &&
    between(digitsAt(text, 11, 2), 0, 23) &&
    text.charCodeAt(13) === 0x3a &&
    between(digitsAt(text, 14, 2), 0, 59) &&
    text.charCodeAt(16) === 0x3a &&
    between(digitsAt(text, 17, 2), 0, 59) &&
    text.charCodeAt(19) === 0x2e &&
    digitsAt(text, 20, 6) >= 0 &&
    text.charCodeAt(26) === 0x5a
  )
}

// Postgres prints seconds in the offsets of old local times (`+00:53:28`); no zone is further off than 15:59:59.
const INSTANT_PATTERN =
  /^(\d{4}-\d\d-\d\d)[T ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?(?:Z|([+-])(0\d|1[0-5])(?::?([0-5]\d)(?::?([0-5]\d))?)?)$/

/**
 * Reads ISO 8601 with a zone, or Postgres's text form with one, with at most 9 decimals. Null when it is neither, no
 * real day, or before year 1 or after year 9999 in UTC.
 */
export function parseInstant(text: string): Instant | null {
  const match = INSTANT_PATTERN.exec(text)
  if (match === null || !isDate(match[1]!)) return null
  const [, , hour, minute, second, fraction = '', sign, ...offset] = match
  const time = Number(hour) * 3600 + Number(minute) * 60 + Number(second)
  const [offsetHours = '0', offsetMinutes = '0', offsetSeconds = '0'] = offset
  const zone = Number(offsetHours) * 3600 + Number(offsetMinutes) * 60 + Number(offsetSeconds)
  const seconds = dayNumber(match[1]!) * 86_400 + time + (sign === '-' ? zone : -zone)
  if (!between(seconds, FIRST_SECOND, LAST_SECOND)) return null
  return { seconds, nanos: Number(fraction.padEnd(9, '0')) }
}

/** The canonical text of an instant, to the microsecond: what lies below is cut off. */
export function instantToTimestamp(instant: Instant): string {
  const seconds = new Date(instant.seconds * 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(Math.floor(instant.nanos / 1000)).padStart(6, '0')}Z`
}

/** Nanoseconds since 1970. */
export function instantToNs(instant: Instant): bigint {
  return BigInt(instant.seconds) * 1_000_000_000n + BigInt(instant.nanos)
}

const FIRST_SECOND = dayNumber('0001-01-01') * 86_400
const LAST_SECOND = dayNumber('9999-12-31') * 86_400 + 86_399

/** Days since 1970-01-01 of a real day. */
function dayNumber(date: string): number {
  // The form with four digits is the one in which Date takes years below 100 as they are.
  return Date.parse(`${date}T00:00:00Z`) / 86_400_000
}

function isDateAt(text: string): boolean {
  const year = digitsAt(text, 0, 4)
  const month = digitsAt(text, 5, 2)
  return (
    year >= 1 &&
    text.charCodeAt(4) === 0x2d &&
    between(month, 1, 12) &&
    text.charCodeAt(7) === 0x2d &&
    between(digitsAt(text, 8, 2), 1, daysOfMonth(year, month))
  )
}

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** The number that `count` digits at `at` make, or -1 when one of them is no digit. */
function digitsAt(text: string, at: number, count: number): number {
  let number = 0
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - 48
    // NaN, behind the end, is not >= 0.
    if (!(digit >= 0 && digit <= 9)) return -1
    number = number * 10 + digit
  }
  return number
}

function between(number: number, least: number, greatest: number): boolean {
  return number >= least && number <= greatest
}
