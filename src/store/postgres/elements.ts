// Canonical bytes as elements in Postgres's binary format: what an array's elements and a copied row's fields are alike.

import type { ColumnType } from '../../codec/catalogue.ts'
import { putBytes, putWord } from '../../postgres/out.ts'
import { putNumeric, roomOfNumeric } from './numeric.ts'

/** The binary format of one type. https://www.postgresql.org/docs/current/protocol-message-formats.html */
export interface ElementType {
  /** The type's built-in oid. */
  readonly oid: number
  /** At most how many bytes an element takes, its length word included, whose canonical bytes are `length`. */
  readonly room: (length: number) => number
  /** Writes the length word and the element from `length` canonical bytes. Returns where it ends. */
  readonly put: (to: Uint8Array, at: number, from: Uint8Array, start: number, length: number) => number
}

const BOOL_OID = 16
export const UUID_OID = 2950

/** The length word of null. */
export const NULL_WORD = -1
export const UUID_BYTES = 16

type Put = ElementType['put']

/** A type whose elements have always the same size; `fill` writes one. */
function fixed(
  oid: number,
  size: number,
  fill: (to: Uint8Array, at: number, from: Uint8Array, start: number, length: number) => void,
): ElementType {
  const put: Put = (to, at, from, start, length) => {
    putWord(to, at, size)
    fill(to, at + 4, from, start, length)
    return at + 4 + size
  }
  return { oid, room: () => 4 + size, put }
}

const asItIs: Put = (to, at, from, start, length) => {
  putWord(to, at, length)
  putBytes(to, at + 4, from, start, length)
  return at + 4 + length
}

/** Behind a version byte the text. */
const jsonb: Put = (to, at, from, start, length) => {
  putWord(to, at, length + 1)
  to[at + 4] = 1
  putBytes(to, at + 5, from, start, length)
  return at + 5 + length
}

/** Elements from the canonical bytes of a cell. */
const OF_VALUES: Readonly<Record<ColumnType, ElementType>> = {
  boolean: fixed(BOOL_OID, 1, putBytes),
  long: fixed(20, 8, putBytes),
  double: fixed(701, 8, putBytes),
  string: { oid: 25, room: (length) => 4 + length, put: asItIs },
  bytes: { oid: 17, room: (length) => 4 + length, put: asItIs },
  uuid: fixed(UUID_OID, UUID_BYTES, putUuid),
  decimal: { oid: 1700, room: roomOfNumeric, put: putNumeric },
  date: fixed(1082, 4, (to, at, from, start) => putWord(to, at, daysAt(from, start))),
  timestamp: fixed(1184, 8, putMicros),
  json: { oid: 3802, room: (length) => 5 + length, put: jsonb },
}

/** Elements from the canonical text of a part of a key. */
const OF_KEYS: Readonly<Record<ColumnType, ElementType>> = {
  ...OF_VALUES,
  boolean: fixed(BOOL_OID, 1, (to, at, from, start) => {
    to[at] = from[start] === 0x74 ? 1 : 0
  }),
  long: fixed(20, 8, putLong),
}

export function elementTypeOf({ type }: { readonly type: ColumnType }): ElementType {
  return OF_VALUES[type]
}

export function keyElementTypeOf({ type }: { readonly type: ColumnType }): ElementType {
  return OF_KEYS[type]
}

function putUuid(to: Uint8Array, at: number, from: Uint8Array, start: number): void {
  let place = start
  for (let i = 0; i < UUID_BYTES; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) place++
    to[at + i] = (hexDigit(from[place]!) << 4) | hexDigit(from[place + 1]!)
    place += 2
  }
}

/** Of `0` to `9` and `a` to `f`. */
function hexDigit(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57
}

const WORD = 2 ** 32

/** The digits of a 64-bit integer, as two words; no double holds it. */
function putLong(to: Uint8Array, at: number, from: Uint8Array, start: number, length: number): void {
  const isNegative = from[start] === 0x2d
  let high = 0
  let low = 0
  for (let i = isNegative ? start + 1 : start; i < start + length; i++) {
    low = low * 10 + from[i]! - 0x30
    const carry = Math.floor(low / WORD)
    low -= carry * WORD
    high = high * 10 + carry
  }
  if (isNegative) {
    high = low === 0 ? -high : ~high
    low = -low
  }
  putWord(to, at, high)
  putWord(to, at + 4, low)
}

/** Days from 2000-01-01 to `YYYY-MM-DD`, proleptic Gregorian. */
export function daysAt(from: Uint8Array, at: number): number {
  const year = numberAt(from, at, 4)
  const month = numberAt(from, at + 5, 2)
  // Years that begin in March, so that a leap day is a year's last.
  const shifted = month > 2 ? year : year - 1
  const century = Math.floor(shifted / 100)
  const dayOfYear =
    Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + numberAt(from, at + 8, 2) - 1
  return (
    365 * shifted + Math.floor(shifted / 4) - century + Math.floor(century / 4) + dayOfYear - DAYS_TO_2000
  )
}

/** Of this count, from 0000-03-01 to 2000-01-01. */
const DAYS_TO_2000 = 730_425

/** Whole seconds from 2000-01-01 to `YYYY-MM-DDTHH:MM:SS`. */
export function secondsAt(from: Uint8Array, at: number): number {
  const time =
    numberAt(from, at + 11, 2) * 3600 + numberAt(from, at + 14, 2) * 60 + numberAt(from, at + 17, 2)
  return daysAt(from, at) * 86_400 + time
}

const HALF = 2 ** 16

/** Microseconds since 2000: more than a double holds, so seconds are multiplied in two parts. */
function putMicros(to: Uint8Array, at: number, from: Uint8Array, start: number): void {
  const seconds = secondsAt(from, start)
  const upper = Math.floor(seconds / HALF)
  const lower = (seconds - upper * HALF) * 1_000_000 + numberAt(from, start + 20, 6)
  const carry = Math.floor(lower / HALF)
  const middle = upper * 1_000_000 + carry
  const high = Math.floor(middle / HALF)
  putWord(to, at, high)
  putWord(to, at + 4, (middle - high * HALF) * HALF + (lower - carry * HALF))
}

function numberAt(from: Uint8Array, at: number, digits: number): number {
  let number = 0
  for (let i = at; i < at + digits; i++) number = number * 10 + from[i]! - 0x30
  return number
}
