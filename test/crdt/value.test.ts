// The order of values: total, and by bytes.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareText, compareValues, type Value } from '../../src/crdt/value.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/crdt/value.test.ts')
const long = fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n })
const double = fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0))
const text = fc.string({ unit: 'binary', maxLength: 6 })
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  long,
  double,
  text,
  fc.uint8Array({ maxLength: 5 }),
)

function bytesOf(value: Value): Buffer {
  switch (typeof value) {
    case 'boolean':
      return Buffer.from([value ? 1 : 0])
    case 'bigint': {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64BE(value)
      return bytes
    }
    case 'number': {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleBE(value)
      return bytes
    }
    case 'string':
      return Buffer.from(value, 'utf8')
    default:
      return Buffer.from(value as Uint8Array)
  }
}

describe('values', () => {
  it('V1: are totally ordered, also across branches', () => {
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        expect(Math.sign(compareValues(a, b))).toBe(-Math.sign(compareValues(b, a)) + 0)
        expect(compareValues(a, a)).toBe(0)
        if (compareValues(a, b) <= 0 && compareValues(b, c) <= 0) {
          expect(compareValues(a, c)).toBeLessThanOrEqual(0)
        }
        if (compareValues(a, b) === 0) expect(a).toEqual(b)
      }),
      seeded(seed, 5_000),
    )
  })

  it('V2: null is least, then the bytes decide', () => {
    for (const branch of [fc.boolean(), long, double, text, fc.uint8Array({ maxLength: 5 })]) {
      fc.assert(
        fc.property(branch as fc.Arbitrary<Value>, branch as fc.Arbitrary<Value>, (a, b) => {
          expect(Math.sign(compareValues(a, b))).toBe(Math.sign(Buffer.compare(bytesOf(a), bytesOf(b))))
          expect(compareValues(null, a)).toBeLessThan(0)
        }),
        seeded(seed, 2_000),
      )
    }
  })

  it('V2: by example: negative numbers come after positive ones, U+10000 after U+FFFD', () => {
    expect(compareValues(-1n, 1n)).toBeGreaterThan(0)
    expect(compareValues(-1.5, 1.5)).toBeGreaterThan(0)
    expect(compareValues(9n, 10n)).toBeLessThan(0)
    expect(compareText('\u{10000}', '\ufffd')).toBeGreaterThan(0)
    expect(compareText('a', 'ab')).toBeLessThan(0)
    expect(compareText('\ud7ff', '\ue000')).toBeLessThan(0)
  })
})
