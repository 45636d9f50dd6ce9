// JSON without loss: a strict parser that keeps every digit of a number, and the one canonical text of a value.

import { compareText } from '../crdt/value.ts'
import { canonicalDecimal, scanDecimal } from './decimal.ts'
import { JSON_DEPTH_MAX } from './limits.ts'
import { quoteShort } from './words.ts'

/** A number as it was written: nothing is read through a double. */
export interface JsonNumber {
  readonly digits: string
}
export type JsonObject = ReadonlyMap<string, Json>
export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject

export interface JsonRefusal {
  readonly type: 'refused'
  /** What is wrong and where, as half a sentence. */
  readonly detail: string
}
export type ParsedJson = { readonly type: 'parsed'; readonly value: Json } | JsonRefusal
export type CanonicalJson = { readonly type: 'canonical'; readonly text: string } | JsonRefusal

export const NO_END = 'a comma or the end of the array should be here'
const TOO_DEEP = `arrays and objects nest too deep: a json value has at most ${JSON_DEPTH_MAX} levels`

/**
 * Parses JSON (RFC 8259) strictly: no name twice in an object, no lone surrogates, no U+0000, at most `depthMax`
 * levels of arrays and objects, nothing behind the value.
 */
export function parseJson(text: string, depthMax: number = JSON_DEPTH_MAX): ParsedJson {
  if (!text.isWellFormed()) return { type: 'refused', detail: 'the text holds a lone surrogate' }
  const cursor: Cursor = { text, at: 0, depthMax, fault: null }
  skipSpace(cursor)
  const value = parseValue(cursor, 0)
  if (value !== undefined) {
    skipSpace(cursor)
    if (cursor.at === text.length) return { type: 'parsed', value }
    fail(cursor, 'something follows the value')
  }
  return { type: 'refused', detail: cursor.fault! }
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return value instanceof Map
}

export function isJsonArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

export function isJsonNumber(value: Json | undefined): value is JsonNumber {
  return typeof value === 'object' && value !== null && !isJsonArray(value) && !isJsonObject(value)
}

/** What a value is, for messages: `null`, `a number`, … */
export function describeJson(value: Json): string {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return 'a string'
  if (isJsonArray(value)) return 'an array'
  return isJsonObject(value) ? 'an object' : 'a number'
}

/**
 * Turns plain data (null, booleans, strings, finite numbers, bigints, arrays, objects, maps) into Json. Members that
 * are undefined are left out. Throws TypeError for anything else.
 */
export function plainToJson(value: unknown): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value))) {
    return { digits: String(value) }
  }
  if (Array.isArray(value)) return value.map(plainToJson)
  if (value instanceof Map) return new Map([...value].map(([name, member]) => [name, plainToJson(member)]))
  if (typeof value !== 'object') throw new TypeError(`${typeof value} has no form in JSON`)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return new Map(members.map(([name, member]) => [name, plainToJson(member)]))
}

/** A string as canonical JSON writes it. It must be well formed. */
export function quoteJson(text: string): string {
  return JSON.stringify(text)
}

/**
 * The canonical text of a value; refused where none exists: over 1,000 digits in a number, over 64 levels, U+0000
 * or a lone surrogate in a string.
 */
export function canonicalJson(value: Json): CanonicalJson {
  const parts: string[] = []
  const fault = writeValue(parts, value, 0)
  return fault === null ? { type: 'canonical', text: parts.join('') } : { type: 'refused', detail: fault }
}

/** True when the text is the canonical form of the value that it holds. One pass, nothing allocated but names. */
export function isCanonicalJson(text: string): boolean {
  return scanValue(text, 0, 0) === text.length && text.isWellFormed()
}

/** Where a parser stands; once there is a fault it goes no further. */
export interface Cursor {
  readonly text: string
  readonly depthMax: number
  at: number
  fault: string | null
}

const NUMBER_PATTERN = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

export function fail(cursor: Cursor, what: string): undefined {
  cursor.fault ??= `${what} (character ${cursor.at + 1})`
}

export function skipSpace(cursor: Cursor): void {
  for (;;) {
    const unit = cursor.text.charCodeAt(cursor.at)
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return
    cursor.at++
  }
}

/** Recursion is bounded by `depthMax`. Undefined: refused, and the cursor says why. */
export function parseValue(cursor: Cursor, depth: number): Json | undefined {
  const { text, at } = cursor
  switch (text[at]) {
    case '"':
      return parseString(cursor)
    case '{':
      return depth < cursor.depthMax ? parseObject(cursor, depth + 1) : failDepth(cursor)
    case '[':
      return depth < cursor.depthMax ? parseArray(cursor, depth + 1) : failDepth(cursor)
    case 't':
      return parseWord(cursor, 'true', true)
    case 'f':
      return parseWord(cursor, 'false', false)
    case 'n':
      return parseWord(cursor, 'null', null)
    case undefined:
      return fail(cursor, 'the text ends where a value should be')
  }
  NUMBER_PATTERN.lastIndex = at
  const digits = NUMBER_PATTERN.exec(text)?.[0]
  if (digits === undefined) return fail(cursor, 'this is no JSON value')
  cursor.at += digits.length
  return { digits }
}

function failDepth(cursor: Cursor): undefined {
  return fail(cursor, TOO_DEEP)
}

function parseWord<T extends Json>(cursor: Cursor, word: string, value: T): T | undefined {
  if (!cursor.text.startsWith(word, cursor.at)) return fail(cursor, 'this is no JSON value')
  cursor.at += word.length
  return value
}

function parseObject(cursor: Cursor, depth: number): JsonObject | undefined {
  const members = new Map<string, Json>()
  cursor.at++
  skipSpace(cursor)
  if (take(cursor, '}')) return members
  for (;;) {
    if (cursor.text[cursor.at] !== '"') return fail(cursor, 'a name in double quotes should be here')
    const name = parseString(cursor)
    if (name === undefined) return undefined
    if (members.has(name)) return fail(cursor, `the name ${quoteShort(name)} stands twice in one object`)
    skipSpace(cursor)
    if (!take(cursor, ':')) return fail(cursor, 'a colon should be here')
    skipSpace(cursor)
    const value = parseValue(cursor, depth)
    if (value === undefined) return undefined
    members.set(name, value)
    skipSpace(cursor)
    if (take(cursor, '}')) return members
    if (!take(cursor, ',')) return fail(cursor, 'a comma or the end of the object should be here')
    skipSpace(cursor)
  }
}

function parseArray(cursor: Cursor, depth: number): readonly Json[] | undefined {
  const items: Json[] = []
  cursor.at++
  skipSpace(cursor)
  if (take(cursor, ']')) return items
  for (;;) {
    const item = parseValue(cursor, depth)
    if (item === undefined) return undefined
    items.push(item)
    skipSpace(cursor)
    if (take(cursor, ']')) return items
    if (!take(cursor, ',')) return fail(cursor, NO_END)
    skipSpace(cursor)
  }
}

export function take(cursor: Cursor, unit: string): boolean {
  if (cursor.text[cursor.at] !== unit) return false
  cursor.at++
  return true
}

function parseString(cursor: Cursor): string | undefined {
  const { text } = cursor
  let result = ''
  let from = ++cursor.at
  for (;;) {
    const unit = text.charCodeAt(cursor.at)
    if (unit === 0x22) {
      result += text.slice(from, cursor.at++)
      return result.isWellFormed() ? result : fail(cursor, 'a string holds a lone surrogate')
    }
    if (unit === 0x5c) {
      result += text.slice(from, cursor.at++)
      const escaped = parseEscape(cursor)
      if (escaped === undefined) return undefined
      result += escaped
      from = cursor.at
    } else if (unit >= 0x20) {
      cursor.at++
    } else {
      // NaN, behind the end, is not >= 0x20 either.
      return fail(
        cursor,
        cursor.at < text.length ? 'a control character must be escaped' : 'a string does not end',
      )
    }
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])

function parseEscape(cursor: Cursor): string | undefined {
  const { text, at } = cursor
  const short = ESCAPES.get(text[at] ?? '')
  if (short !== undefined) {
    cursor.at++
    return short
  }
  const hex = text.slice(at + 1, at + 5)
  if (text[at] !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) return fail(cursor, 'there is no such escape')
  if (hex === '0000')
    return fail(cursor, 'a string holds U+0000 (NUL), which Postgres cannot store; leave it out')
  cursor.at += 5
  return String.fromCharCode(Number.parseInt(hex, 16))
}

function writeValue(parts: string[], value: Json, depth: number): string | null {
  if (value === null || typeof value === 'boolean') {
    parts.push(String(value))
    return null
  }
  if (typeof value === 'string') return writeString(parts, value)
  if (isJsonNumber(value)) {
    const text = canonicalDecimal(value.digits)
    if (text === null) return 'a number has more than 1,000 digits'
    parts.push(text)
    return null
  }
  if (depth === JSON_DEPTH_MAX) return TOO_DEEP
  return isJsonArray(value) ? writeArray(parts, value, depth + 1) : writeObject(parts, value, depth + 1)
}

function writeString(parts: string[], text: string): string | null {
  if (!text.isWellFormed()) return 'a string holds a lone surrogate'
  if (text.includes('\0')) return 'a string holds U+0000 (NUL), which Postgres cannot store'
  parts.push(quoteJson(text))
  return null
}

function writeArray(parts: string[], items: readonly Json[], depth: number): string | null {
  let separator = '['
  for (const item of items) {
    parts.push(separator)
    const fault = writeValue(parts, item, depth)
    if (fault !== null) return fault
    separator = ','
  }
  parts.push(items.length === 0 ? '[]' : ']')
  return null
}

function writeObject(parts: string[], members: JsonObject, depth: number): string | null {
  let separator = '{'
  for (const name of [...members.keys()].sort(compareText)) {
    parts.push(separator)
    const nameFault = writeString(parts, name)
    if (nameFault !== null) return nameFault
    parts.push(':')
    const fault = writeValue(parts, members.get(name)!, depth)
    if (fault !== null) return fault
    separator = ','
  }
  parts.push(members.size === 0 ? '{}' : '}')
  return null
}

/** The place behind the canonical value that begins at `at`, or -1. Recursion is bounded by the depth of rules 1. */
function scanValue(text: string, at: number, depth: number): number {
  switch (text.charCodeAt(at)) {
    case 0x22:
      return scanString(text, at)
    case 0x7b:
      return depth < JSON_DEPTH_MAX ? scanObject(text, at, depth + 1) : -1
    case 0x5b:
      return depth < JSON_DEPTH_MAX ? scanArray(text, at, depth + 1) : -1
    case 0x74:
      return text.startsWith('true', at) ? at + 4 : -1
    case 0x66:
      return text.startsWith('false', at) ? at + 5 : -1
    case 0x6e:
      return text.startsWith('null', at) ? at + 4 : -1
    default:
      return scanDecimal(text, at)
  }
}

function scanArray(text: string, start: number, depth: number): number {
  if (text.charCodeAt(start + 1) === 0x5d) return start + 2
  for (let at = start; ; ) {
    at = scanValue(text, at + 1, depth)
    if (at < 0) return -1
    const unit = text.charCodeAt(at)
    if (unit === 0x5d) return at + 1
    if (unit !== 0x2c) return -1
  }
}

function scanObject(text: string, start: number, depth: number): number {
  if (text.charCodeAt(start + 1) === 0x7d) return start + 2
  let previous: string | null = null
  for (let at = start; ; ) {
    if (text.charCodeAt(at + 1) !== 0x22) return -1
    const end = scanString(text, at + 1)
    if (end < 0 || text.charCodeAt(end) !== 0x3a) return -1
    const name: string = unquote(text.slice(at + 1, end))
    if (previous !== null && compareText(previous, name) >= 0) return -1
    previous = name
    at = scanValue(text, end + 1, depth)
    if (at < 0) return -1
    const unit = text.charCodeAt(at)
    if (unit === 0x7d) return at + 1
    if (unit !== 0x2c) return -1
  }
}

/** The name in a quoted text that `scanString` took, so it parses: but for a lone surrogate, which ends in a refusal. */
function unquote(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  return parseString({ text: quoted, at: 0, depthMax: 0, fault: null }) ?? ''
}

function scanString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; ) {
    const unit = text.charCodeAt(at)
    if (unit === 0x22) return at + 1
    if (unit < 0x20) return -1
    at = unit === 0x5c ? scanEscape(text, at) : at + 1
    if (at < 0) return -1
  }
  return -1
}

const SHORT_ESCAPES = '"\\bfnrt'
// Every control character but U+0000 and those that have a short escape.
const LONG_ESCAPE = /^u00(?:0[1-7be-f]|1[0-9a-f])$/

function scanEscape(text: string, at: number): number {
  const kind = text[at + 1]
  if (kind === undefined) return -1
  if (SHORT_ESCAPES.includes(kind)) return at + 2
  return LONG_ESCAPE.test(text.slice(at + 1, at + 6)) ? at + 6 : -1
}
