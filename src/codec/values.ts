// Values at the border: which ones are canonical for a column, how typed ones become so, how they are printed.

import type { Value } from '../crdt/value.ts'
import { readBase64 } from './base64.ts'
import type { KeyColumn } from './catalogue.ts'
import { canonicalDecimal, isCanonicalDecimal } from './decimal.ts'
import { instantToNs, instantToTimestamp, isDate, isTimestamp, parseInstant } from './instant.ts'
import { canonicalJson, describeJson, isCanonicalJson, isJsonNumber, type Json, quoteJson } from './json.ts'
import { shorten } from './words.ts'

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const LONG_PATTERN = /^(?:0|-?[1-9]\d{0,18})$/
const LONG_END = 1n << 63n

/**
 * Why a decoded value may not stand in a column (half a sentence), or null when it may: it is null, or of the column's
 * branch and in canonical form. What is wrong in every column (NaN, NUL) was quarantined before.
 */
export function refuseValue(column: KeyColumn, value: Value): string | null {
  if (value === null) return null
  switch (column.type) {
    case 'boolean':
      return typeof value === 'boolean' ? null : wrongBranch('a boolean', value)
    case 'long':
      return typeof value === 'bigint' ? null : wrongBranch('a long', value)
    case 'double':
      return typeof value === 'number' ? null : wrongBranch('a double', value)
    case 'bytes':
      return value instanceof Uint8Array ? null : wrongBranch('bytes', value)
    default:
      return typeof value === 'string' ? refuseText(column, value) : wrongBranch('a string', value)
  }
}

/** Why a text may not stand in the key for this column (half a sentence), or null when it may. */
export function refuseKeyText(column: KeyColumn, text: string): string | null {
  switch (column.type) {
    case 'boolean':
      return text === 'true' || text === 'false' ? null : 'it is neither true nor false'
    case 'long':
      return isLong(text) ? null : 'it is no integer of 64 bits in canonical form'
    default:
      return refuseText(column, text)
  }
}

/** A text in a column whose values are texts. */
function refuseText(column: KeyColumn, text: string): string | null {
  switch (column.type) {
    case 'string':
      return column.symbols === null || column.symbols.has(text) ? null : 'it is none of the symbols'
    case 'uuid':
      return UUID_PATTERN.test(text) ? null : 'it is no uuid in lower case'
    case 'decimal':
      return isCanonicalDecimal(text) ? null : 'it is no decimal in canonical form'
    case 'date':
      return isDate(text) ? null : 'it is no day YYYY-MM-DD'
    case 'timestamp':
      return isTimestamp(text) ? null : 'it is no time YYYY-MM-DDTHH:MM:SS.ffffffZ'
    case 'json':
      return isCanonicalJson(text) ? null : 'it is no canonical JSON'
    default:
      throw new TypeError(`${column.type} is no type whose values are texts`)
  }
}

function wrongBranch(expected: string, value: NonNullable<Value>): string {
  const names: Readonly<Record<string, string>> = { bigint: 'a long', number: 'a double', object: 'bytes' }
  return `it should be ${expected} and is ${names[typeof value] ?? `a ${typeof value}`}`
}

export interface RefusedInput {
  readonly type: 'refused'
  /** Half a sentence: what is wrong, and what would be right. */
  readonly detail: string
}
export type TypedValue = { readonly type: 'value'; readonly value: Value } | RefusedInput
export type TypedKey = { readonly type: 'key'; readonly text: string } | RefusedInput

/** Brings a value as people type it in JSON into the canonical form of its column; JSON null is the null value. */
export function toCanonicalValue(column: KeyColumn, json: Json): TypedValue {
  if (json === null) return { type: 'value', value: null }
  switch (column.type) {
    case 'boolean':
      return typeof json === 'boolean' ? { type: 'value', value: json } : mustBe('true or false', json)
    case 'long': {
      const text = toLong(json)
      return typeof text === 'string' ? { type: 'value', value: BigInt(text) } : text
    }
    case 'double':
      return toDouble(json)
    case 'bytes':
      return toBytes(json)
    default: {
      const text = toText(column, json)
      return typeof text === 'string' ? { type: 'value', value: text } : text
    }
  }
}

/** Brings a key column's value as people type it in JSON into the text that stands in the key. */
export function toCanonicalKey(column: KeyColumn, json: Json): TypedKey {
  if (json === null) return refuse('a key column cannot be null')
  if (column.type === 'boolean') {
    return typeof json === 'boolean' ? { type: 'key', text: String(json) } : mustBe('true or false', json)
  }
  const text = column.type === 'long' ? toLong(json) : toText(column, json)
  return typeof text === 'string' ? { type: 'key', text } : text
}

/**
 * A value's JSON text as the outputs print it: long as digits, double as ECMAScript prints it, json as it is, bytes
 * as a string of base64, everything else as a string.
 */
export function valueToJson(column: KeyColumn, value: Value): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return column.type === 'json' ? value : quoteJson(value)
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString('base64')}"`
  return String(value)
}

/** A key text's JSON text: booleans and longs bare, everything else as a string. */
export function keyTextToJson(column: KeyColumn, text: string): string {
  return column.type === 'boolean' || column.type === 'long' ? text : quoteJson(text)
}

export type ParsedTime = { readonly type: 'time'; readonly timeNs: bigint } | RefusedInput

const YEAR_2000_NS = 946_684_800n * 1_000_000_000n

/**
 * Reads the time of a stamp that a caller brings: digits (nanoseconds since 1970), ISO 8601 with a zone, or Postgres's
 * text form with one, up to 9 decimals. From 2000-01-01 on: what is earlier looks like milliseconds or seconds.
 */
export function parseTimestamp(text: string): ParsedTime {
  const isDigits = /^\d+$/.test(text)
  const digits = isDigits ? canonicalLong(text) : null
  if (isDigits && digits === null) return refuse('it is more nanoseconds than a stamp can hold (2262-04-11)')
  const instant = isDigits ? null : parseInstant(text)
  if (digits === null && instant === null) {
    return refuse('it should be nanoseconds since 1970, or a time with a zone, as 2021-10-13T19:24:00.5Z')
  }
  const timeNs = digits !== null ? BigInt(digits) : instantToNs(instant!)
  if (timeNs >= LONG_END) return refuse('it is later than a stamp can hold (2262-04-11)')
  if (timeNs < YEAR_2000_NS) {
    return refuse(
      isDigits
        ? 'it is before 2000-01-01: digits are nanoseconds since 1970, not seconds or milliseconds'
        : 'it is before 2000-01-01, where no change is expected; give the time of the change, not of what it is about',
    )
  }
  return { type: 'time', timeNs }
}

function toLong(json: Json): string | RefusedInput {
  const digits = typeof json === 'string' ? json : isJsonNumber(json) ? json.digits : null
  if (digits === null) return mustBe('an integer', json)
  return canonicalLong(digits) ?? refuse('it should be an integer of 64 bits, written in digits alone')
}

/** Digits, leading zeros and `-0` allowed, to canonical ones; null when it is no integer of 64 bits. */
function canonicalLong(text: string): string | null {
  const match = /^(-?)0*(\d{1,19})$/.exec(text)
  if (match === null) return null
  const number = BigInt(`${match[1]}${match[2]}`)
  return number >= -LONG_END && number < LONG_END ? number.toString() : null
}

function isLong(text: string): boolean {
  if (!LONG_PATTERN.test(text)) return false
  // 18 digits fit whatever they are, and they are what keys look like.
  return text.length <= 18 || canonicalLong(text) === text
}

function toDouble(json: Json): TypedValue {
  if (!isJsonNumber(json)) return mustBe('a number', json)
  const value = Number(json.digits)
  if (!Number.isFinite(value)) return refuse('it is too great for a double')
  return { type: 'value', value: value === 0 ? 0 : value }
}

function toBytes(json: Json): TypedValue {
  if (typeof json !== 'string') return mustBe('a string of base64', json)
  const bytes = readBase64(json)
  return bytes === null
    ? refuse('it should be base64 with padding')
    : { type: 'value', value: new Uint8Array(bytes) }
}

const FORMS: Readonly<Partial<Record<KeyColumn['type'], string>>> = {
  uuid: ' of 36 characters, a uuid',
  date: ', a day YYYY-MM-DD',
  timestamp: ', a time with a zone as 2021-10-13T19:24:00.5Z',
}

/** Columns whose values are texts. */
function toText(column: KeyColumn, json: Json): string | RefusedInput {
  if (column.type === 'json') {
    const canonical = canonicalJson(json)
    return canonical.type === 'canonical' ? canonical.text : refuse(canonical.detail)
  }
  if (column.type === 'decimal') {
    const digits = typeof json === 'string' ? json : isJsonNumber(json) ? json.digits : null
    if (digits === null) return mustBe('a number', json)
    return (
      canonicalDecimal(digits) ??
      refuse(
        'it should be a decimal such as -12.50 or 1e3: digits on both sides of the point, no +, at most 1,000',
      )
    )
  }
  if (typeof json !== 'string') return mustBe(`a string${FORMS[column.type] ?? ''}`, json)
  if (!json.isWellFormed()) return refuse('it holds a lone surrogate')
  if (json.includes('\0')) return refuse('it holds U+0000 (NUL), which Postgres cannot store; leave it out')
  const text =
    column.type === 'timestamp' ? toTimestamp(json) : column.type === 'uuid' ? json.toLowerCase() : json
  if (typeof text !== 'string') return text
  const fault = refuseText(column, text)
  if (fault === null) return text
  if (column.type === 'uuid') return refuse('it is no uuid: 36 characters, hex digits and dashes')
  return refuse(column.symbols === null ? fault : `${fault} (${nameSome(column.symbols)})`)
}

function toTimestamp(text: string): string | RefusedInput {
  const instant = parseInstant(text)
  if (instant === null) {
    return refuse(
      'it should be a time with a zone, as 2021-10-13T19:24:00.5Z: hours 00 to 23, seconds 00 to 59, years 0001 to 9999 in UTC',
    )
  }
  if (instant.nanos % 1000 !== 0) return refuse('it has more than six decimals, and no column holds more')
  return instantToTimestamp(instant)
}

const SYMBOLS_NAMED_MAX = 10

function nameSome(symbols: ReadonlySet<string>): string {
  const named = shorten([...symbols].slice(0, SYMBOLS_NAMED_MAX).join(', '))
  return symbols.size > SYMBOLS_NAMED_MAX ? `${named}, …` : named
}

function mustBe(expected: string, json: Json): RefusedInput {
  return refuse(`it should be ${expected}, not ${describeJson(json)}`)
}

function refuse(detail: string): RefusedInput {
  return { type: 'refused', detail }
}
