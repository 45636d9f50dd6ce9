// Values of columns and keys: canonical forms as properties, times against Date, what people type by hand.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KeyColumn } from '../../src/codec/catalogue.ts'
import { KEY_TYPES } from '../../src/codec/catalogue.ts'
import { isDate, isTimestamp } from '../../src/codec/instant.ts'
import { parseJson } from '../../src/codec/json.ts'
import {
  keyTextToJson,
  parseTimestamp,
  refuseKeyText,
  refuseValue,
  toCanonicalKey,
  toCanonicalValue,
  valueToJson,
} from '../../src/codec/values.ts'
import { anyValueArb, COLUMN_TYPES, keyTextArb, valueArb } from '../support/arbitrary.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/codec/values.test.ts')

const column = (type: KeyColumn['type'], symbols: readonly string[] | null = null): KeyColumn => ({
  name: 'c',
  type,
  symbols: symbols === null ? null : new Set(symbols),
})
const json = (text: string) => {
  const parsed = parseJson(text)
  if (parsed.type === 'refused') throw new Error(parsed.detail)
  return parsed.value
}

describe.each(COLUMN_TYPES.map((type) => column(type)))('a column of $type', (of) => {
  it('takes canonical values, which are typed as they are printed', () => {
    fc.assert(
      fc.property(valueArb(of), (value) => {
        expect(refuseValue(of, value)).toBe(null)
        const printed = valueToJson(of, value)
        // In a json column, what is null as JSON is typed as the null value: there is no other way to say that.
        const expected = of.type === 'json' && value === 'null' ? null : value
        expect(toCanonicalValue(of, json(printed))).toEqual({ type: 'value', value: expected })
      }),
      seeded(seed, 500),
    )
  })

  it('makes of whatever is typed a value that it takes, or refuses it', () => {
    fc.assert(
      fc.property(anyValueArb, fc.constantFrom(...COLUMN_TYPES), (value, type) => {
        const typed = toCanonicalValue(
          of,
          value === null
            ? null
            : json(typeof value === 'string' ? JSON.stringify(value) : valueToJson(column(type), value)),
        )
        if (typed.type === 'value') expect(refuseValue(of, typed.value)).toBe(null)
        else expect(typed.detail.length).toBeGreaterThan(5)
      }),
      seeded(seed, 500),
    )
  })

  it('takes null', () => {
    expect(refuseValue(of, null)).toBe(null)
    expect(toCanonicalValue(of, null)).toEqual({ type: 'value', value: null })
    expect(valueToJson(of, null)).toBe('null')
  })
})

describe.each([...KEY_TYPES].map((type) => column(type)))('a key column of $type', (of) => {
  it('takes canonical texts, which are typed as they are printed', () => {
    fc.assert(
      fc.property(keyTextArb(of), (text) => {
        expect(refuseKeyText(of, text)).toBe(null)
        expect(toCanonicalKey(of, json(keyTextToJson(of, text)))).toEqual({ type: 'key', text })
      }),
      seeded(seed, 500),
    )
  })

  it('does not take null', () => {
    expect(toCanonicalKey(of, null).type).toBe('refused')
  })
})

describe('longs in keys', () => {
  it('are canonical exactly when they are what BigInt prints', () => {
    fc.assert(
      fc.property(fc.oneof(fc.stringMatching(/^-?0?\d{1,20}$/), fc.bigInt().map(String)), (text) => {
        const isLong = BigInt.asIntN(64, BigInt(text)) === BigInt(text)
        expect(refuseKeyText(column('long'), text) === null).toBe(isLong && String(BigInt(text)) === text)
      }),
      seeded(seed, 3_000),
    )
  })
})

describe('days and times', () => {
  const pad = (number: number, width: number) => String(number).padStart(width, '0')

  it('are real exactly when Date has them', () => {
    fc.assert(
      fc.property(fc.nat({ max: 9999 }), fc.nat({ max: 13 }), fc.nat({ max: 32 }), (year, month, day) => {
        const text = `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`
        const date = new Date(`${text}T00:00:00Z`)
        // Date takes 30 February for 1 March.
        const isReal = year > 0 && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
        expect(isDate(text)).toBe(isReal)
        expect(isTimestamp(`${text}T00:00:00.000000Z`)).toBe(isReal)
      }),
      seeded(seed, 5_000),
    )
  })

  it('come to UTC as Date brings them there', () => {
    const sampleArb = fc.record({
      date: fc.date({
        min: new Date('0002-01-01T00:00:00Z'),
        max: new Date('9998-12-31T00:00:00Z'),
        noInvalidDate: true,
      }),
      hours: fc.nat({ max: 15 }),
      minutes: fc.nat({ max: 59 }),
      sign: fc.constantFrom('+', '-'),
    })
    fc.assert(
      fc.property(sampleArb, ({ date, hours, minutes, sign }) => {
        const local = date.toISOString().slice(0, 23)
        const zoned = `${local}${sign}${pad(hours, 2)}:${pad(minutes, 2)}`
        const expected = `${new Date(zoned).toISOString().slice(0, 23)}000Z`
        expect(toCanonicalValue(column('timestamp'), zoned)).toEqual({ type: 'value', value: expected })
        const postgres = `${zoned.replace('T', ' ')}`
        expect(toCanonicalValue(column('timestamp'), postgres)).toEqual({ type: 'value', value: expected })
      }),
      seeded(seed, 2_000),
    )
  })
})

describe('timestamps of stamps', () => {
  const time = (text: string) => {
    const parsed = parseTimestamp(text)
    return parsed.type === 'time' ? parsed.timeNs : parsed.detail
  }

  it('are digits, ISO 8601, or Postgres’s text form', () => {
    expect(time('1666283719896000001')).toBe(1_666_283_719_896_000_001n)
    expect(time('0001666283719896000001')).toBe(1_666_283_719_896_000_001n)
    expect(time('2022-10-20T16:35:19.896000001Z')).toBe(1_666_283_719_896_000_001n)
    expect(time('2022-10-20 18:35:19.896+02')).toBe(1_666_283_719_896_000_000n)
    expect(time('2000-01-01T00:00:00Z')).toBe(946_684_800_000_000_000n)
    expect(time('2262-04-11T23:47:16.854775807Z')).toBe((1n << 63n) - 1n)
  })

  it('are refused with what would be right', () => {
    expect(time('1999-12-31T23:59:59.999999999Z')).toMatch(/before 2000/)
    expect(time('1666283719896')).toMatch(/milliseconds/)
    expect(time('2262-04-11T23:47:16.854775808Z')).toMatch(/2262/)
    expect(time('9223372036854775808')).toMatch(/2262/)
    expect(time('9'.repeat(1_000))).toMatch(/2262/)
    for (const text of [
      '',
      '-1',
      '1.5',
      '2022-10-20',
      '2022-10-20T16:35:19',
      'now',
      '2022-10-20T16:35:19.0000000001Z',
    ]) {
      expect(time(text)).toMatch(/should be/)
    }
  })
})

describe('what people type', () => {
  it('is refused by name of what it is and should be', () => {
    const detail = (of: KeyColumn, text: string) => {
      const typed = toCanonicalValue(of, json(text))
      return typed.type === 'refused' ? typed.detail : null
    }
    expect(detail(column('long'), '"a"')).toBe('it should be an integer of 64 bits, written in digits alone')
    expect(detail(column('long'), 'true')).toBe('it should be an integer, not true')
    expect(detail(column('string'), '1')).toBe('it should be a string, not a number')
    expect(detail(column('string', ['LOW', 'HIGH']), '"MID"')).toBe('it is none of the symbols (LOW, HIGH)')
    expect(detail(column('bytes'), '"YR=="')).toBe('it should be base64 with padding')
    expect(detail(column('decimal'), '".5"')).toBe(
      'it should be a decimal such as -12.50 or 1e3: digits on both sides of the point, no +, at most 1,000',
    )
  })
})
