// JSON without loss, and the texts of values and keys: one canonical form, known as such, and reached in one step.

import assert from 'node:assert/strict'
import { printable } from '../../../src/cli/output.ts'
import type { ColumnType, KeyColumn } from '../../../src/codec/catalogue.ts'
import { canonicalDecimal, isCanonicalDecimal } from '../../../src/codec/decimal.ts'
import { instantToTimestamp, isTimestamp, parseInstant } from '../../../src/codec/instant.ts'
import { canonicalJson, isCanonicalJson, type Json, parseJson } from '../../../src/codec/json.ts'
import {
  keyTextToJson,
  parseTimestamp,
  refuseKeyText,
  refuseValue,
  toCanonicalKey,
  toCanonicalValue,
  valueToJson,
} from '../../../src/codec/values.ts'
import { escapeJson } from '../../../src/codec/words.ts'
import { one } from '../../sim/world.ts'
import { COLUMN_TYPES } from '../../support/arbitrary.ts'
import { JSON_TEXTS, TYPED, VALUE_TEXTS } from '../corpus.ts'
import { mutateText } from '../mutate.ts'
import { checkEqual, checkWords } from '../rules.ts'
import type { Target } from '../target.ts'

const JSON_WORDS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u0000',
  '\\ud83d',
  '\\ude00',
  '\\u00e9',
  '\\/',
  '\\b',
  '\\x',
  '0',
  '-',
  '-0',
  '1e9',
  '1E-9',
  '1e400',
  '.5',
  '5.',
  '00',
  '1e999999999999999999',
  'true',
  'false',
  'null',
  'nul',
  ' ',
  '\t',
  '\ufeff',
  '"a":',
  '"\ufffd":',
  '"\u{10000}":',
  '{"a":1,"a":2}',
  '['.repeat(70),
  ']'.repeat(70),
  '"\u0001"',
  '9'.repeat(1_001),
]

/** Node's own reader takes the same texts, but for what is refused here on purpose. */
function isRefusedByNode(text: string): boolean {
  try {
    JSON.parse(text)
    return false
  } catch {
    return true
  }
}
const ON_PURPOSE = /twice|surrogate|NUL|deep/

export const json: Target = {
  name: 'json',
  make: (random) => mutateText(random, one(random, JSON_TEXTS), JSON_TEXTS, JSON_WORDS),
  check(input) {
    const text = input as string
    const parsed = parseJson(text)
    if (parsed.type === 'refused') {
      checkWords(parsed.detail)
      assert.ok(isRefusedByNode(text) || ON_PURPOSE.test(parsed.detail), `refused: ${parsed.detail}`)
      assert.ok(!isCanonicalJson(text), 'canonical, and refused')
      return
    }
    assert.ok(!isRefusedByNode(text), 'taken, and no JSON')
    const canonical = canonicalJson(parsed.value)
    if (canonical.type === 'refused') {
      checkWords(canonical.detail)
      assert.ok(!isCanonicalJson(text), 'canonical, and without a canonical form')
      return
    }
    assert.equal(isCanonicalJson(text), canonical.text === text)
    assert.ok(isCanonicalJson(canonical.text))
    const again = parseJson(canonical.text)
    assert.ok(again.type === 'parsed')
    checkEqual(canonicalJson(again.value), canonical, 'the canonical form of the canonical form')
  },
}

const TYPED_TEXTS = TYPED.map(({ input }) => input)
const TEXTS = [...VALUE_TEXTS, ...TYPED_TEXTS.map((text) => text.replaceAll('"', ''))]
const TEXT_WORDS = [
  '0',
  '00',
  '9',
  '-',
  '+',
  '.',
  'e',
  'E5',
  '1e1000',
  '1e-1000',
  '1e99999999999999999999',
  'T',
  'Z',
  ':',
  '+00',
  '-15:59:59',
  '+16',
  '24',
  '60',
  '0000',
  '9999',
  '02-29',
  ' ',
  '\n',
  '\0',
  'é',
  'true',
  '00000000-',
  '{',
  'A',
  '9223372036854775808',
  '٣',
  '1'.repeat(1_001),
  `0.${'0'.repeat(999)}1`,
]

const columnOf = (type: ColumnType): KeyColumn => ({ name: 'c', type, symbols: null })
const COLUMNS = [...COLUMN_TYPES.map(columnOf), { ...columnOf('string'), symbols: new Set(['LOW', 'HIGH']) }]

/** Texts as they stand in values and keys: what is taken is its own canonical form. */
export const texts: Target = {
  name: 'texts',
  make: (random) => mutateText(random, one(random, TEXTS), TEXTS, TEXT_WORDS),
  check(input) {
    // NUL is quarantined before anybody looks at types.
    const text = (input as string).replaceAll('\0', '')
    const decimal = canonicalDecimal(text)
    assert.equal(isCanonicalDecimal(text), decimal === text, 'a decimal is canonical when it is its own form')
    if (decimal !== null) assert.equal(canonicalDecimal(decimal), decimal)
    const instant = parseInstant(text)
    if (instant !== null)
      assert.ok(isTimestamp(instantToTimestamp(instant)), 'an instant has a canonical form')
    if (isTimestamp(text)) assert.equal(instantToTimestamp(instant!), text)
    const time = parseTimestamp(text)
    if (time.type === 'refused') checkWords(time.detail)
    for (const column of COLUMNS) {
      const fault = ['boolean', 'long', 'double', 'bytes'].includes(column.type)
        ? ''
        : refuseValue(column, text)
      if (fault === null) {
        checkTyped(column, column.type === 'json' ? jsonOf(text) : text, text)
        assert.equal(parseJson(valueToJson(column, text)).type, text.isWellFormed() ? 'parsed' : 'refused')
      } else checkWords(fault)
      if (['double', 'bytes', 'decimal', 'json'].includes(column.type)) continue
      const keyFault = refuseKeyText(column, text)
      if (keyFault !== null) checkWords(keyFault)
      else if (text.isWellFormed()) {
        const key = toCanonicalKey(column, jsonOf(keyTextToJson(column, text)))
        checkEqual(key, { type: 'key', text }, 'a key text as people type it')
      }
    }
  },
}

function jsonOf(text: string): Json {
  const parsed = parseJson(text)
  assert.ok(parsed.type === 'parsed', 'a canonical text is no JSON')
  return parsed.value
}

/** Typing the canonical form gives the same again. JSON null is the null value: the JSON text `null` cannot be typed. */
function checkTyped(column: KeyColumn, typed: Json, text: string): void {
  if (typed === null || (typeof typed === 'string' && (typed.includes('\0') || !typed.isWellFormed()))) return
  checkEqual(toCanonicalValue(column, typed), { type: 'value', value: text }, 'the canonical form, typed')
}

/** What people type for a value or a key, of any type: what is made of it is canonical. */
export const typed: Target = {
  name: 'typed',
  make: (random) => mutateText(random, one(random, TYPED_TEXTS), TYPED_TEXTS, [...JSON_WORDS, ...TEXT_WORDS]),
  check(input) {
    const parsed = parseJson(input as string)
    if (parsed.type === 'refused') return
    for (const column of COLUMNS) {
      const value = toCanonicalValue(column, parsed.value)
      if (value.type === 'refused') checkWords(value.detail)
      else assert.equal(refuseValue(column, value.value), null)
      if (['double', 'bytes', 'decimal', 'json'].includes(column.type)) continue
      const key = toCanonicalKey(column, parsed.value)
      if (key.type === 'refused') checkWords(key.detail)
      else assert.equal(refuseKeyText(column, key.text), null)
    }
  },
}

/** Whatever is printed for people is harmless, and JSON for a terminal says what it said before. */
export const output: Target = {
  name: 'output',
  make: (random) =>
    mutateText(random, one(random, TEXTS), TEXTS, [
      '\u001b[2J',
      '\u009b',
      '\u202e',
      '\u2066',
      '\u2028',
      '\r',
      '\u007f',
    ]),
  check(input) {
    const text = (input as string).replaceAll(/[\t\n]/g, ' ').toWellFormed()
    checkWords(printable(text), 10_000)
    const shown = escapeJson(JSON.stringify(text))
    checkWords(shown, 10_000)
    assert.equal(JSON.parse(shown), text)
  },
}
