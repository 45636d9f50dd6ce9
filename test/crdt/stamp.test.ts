// Stamps: text form, order, limits.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createStamp,
  isStamp,
  maxStamp,
  type Origin,
  STAMP_TIME_END,
  stampToIso,
  stampToOrigin,
  stampToTime,
  ZERO_STAMP,
} from '../../src/crdt/stamp.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/crdt/stamp.test.ts')
const time = fc.bigInt({ min: 1n, max: STAMP_TIME_END - 1n })
const origin = fc
  .bigInt({ min: 0n, max: (1n << 64n) - 1n })
  .map((bits) => bits.toString(16).padStart(16, '0') as Origin)

describe('stamps', () => {
  it('S1: compare as their bytes: time first, then origin', () => {
    fc.assert(
      fc.property(time, origin, time, origin, (t1, o1, t2, o2) => {
        const a = createStamp(t1, o1)
        const b = createStamp(t2, o2)
        const bytes = Buffer.compare(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'))
        expect(Math.sign(bytes)).toBe(a < b ? -1 : a > b ? 1 : 0)
        if (t1 !== t2) expect(a < b).toBe(t1 < t2)
        expect(maxStamp(a, b)).toBe(a < b ? b : a)
      }),
      seeded(seed, 2_000),
    )
  })

  it('give back their time and origin', () => {
    fc.assert(
      fc.property(time, origin, (t, o) => {
        const stamp = createStamp(t, o)
        expect(isStamp(stamp)).toBe(true)
        expect(stampToTime(stamp)).toBe(t)
        expect(stampToOrigin(stamp)).toBe(o)
      }),
      seeded(seed, 1_000),
    )
  })

  it('S2: the all-zero one and those with the top bit set are refused', () => {
    expect(isStamp(ZERO_STAMP)).toBe(false)
    expect(isStamp(`8${'0'.repeat(31)}`)).toBe(false)
    expect(isStamp(`f${'f'.repeat(31)}`)).toBe(false)
    expect(isStamp(`7${'f'.repeat(31)}`)).toBe(true)
    expect(isStamp(`${'0'.repeat(31)}1`)).toBe(true)
    expect(isStamp('7F'.padEnd(32, '0'))).toBe(false)
    expect(() => createStamp(STAMP_TIME_END, '0'.repeat(16) as Origin)).toThrow(RangeError)
    expect(() => createStamp(-1n, '0'.repeat(16) as Origin)).toThrow(RangeError)
  })

  it('print their time with nine decimals', () => {
    const stamp = createStamp(1_666_283_719_896_000_001n, '00000000000000ff' as Origin)
    expect(stampToIso(stamp)).toBe('2022-10-20T16:35:19.896000001Z')
    expect(maxStamp(null, stamp)).toBe(stamp)
    expect(maxStamp(stamp, null)).toBe(stamp)
    expect(maxStamp(null, null)).toBe(null)
  })
})
