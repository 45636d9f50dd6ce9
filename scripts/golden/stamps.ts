// Vectors of stamps: joining, reading, refusing and ordering them.

import {
  createStamp,
  isStamp,
  type Origin,
  stampToIso,
  stampToOrigin,
  stampToTime,
} from '../../src/crdt/stamp.ts'
import { demand } from './forms.ts'

/** Nanoseconds, origin, and the ISO time that they have to have. */
const VALID: readonly (readonly [bigint, string, string])[] = [
  [0n, '0000000000000001', '1970-01-01T00:00:00.000000000Z'],
  [1n, '0000000000000000', '1970-01-01T00:00:00.000000001Z'],
  [946_684_800_000_000_000n, 'ffffffffffffffff', '2000-01-01T00:00:00.000000000Z'],
  [1_666_283_719_896_000_000n, '00112233aabbccdd', '2022-10-20T16:35:19.896000000Z'],
  [1_709_164_800_123_456_789n, 'fedcba9876543210', '2024-02-29T00:00:00.123456789Z'],
  [9_007_199_254_740_993n, '8000000000000000', '1970-04-15T05:59:59.254740993Z'],
  [(1n << 63n) - 1n, 'ffffffffffffffff', '2262-04-11T23:47:16.854775807Z'],
]

const INVALID: readonly (readonly [string, string])[] = [
  ['00000000000000000000000000000000', 'all zero'],
  ['80000000000000000000000000000001', 'the top bit is set'],
  ['ffffffffffffffffffffffffffffffff', 'the top bit is set'],
  ['1720000000000000000000000000001', '31 digits'],
  ['017200000000000000000000000000001', '33 digits'],
  ['1720000000000000000000000000000g', 'not hex'],
  ['1720000000000000000000000000000A', 'upper case'],
  ['', 'empty'],
]

const ORDER: readonly (readonly [string, string])[] = [
  ['00000000000000000000000000000001', '00000000000000010000000000000000'],
  ['0000000000000001ffffffffffffffff', '00000000000000020000000000000000'],
  ['17200000000000007fffffffffffffff', '17200000000000008000000000000000'],
  ['1720000000000000fffffffffffffffe', '1720000000000000ffffffffffffffff'],
  ['00ffffffffffffff0000000000000000', '01000000000000000000000000000000'],
]

export function stampVectors() {
  const valid = VALID.map(([timeNs, origin, iso]) => {
    const stamp = createStamp(timeNs, origin as Origin)
    demand(`time of ${stamp}`, stampToTime(stamp), timeNs)
    demand(`origin of ${stamp}`, stampToOrigin(stamp), origin)
    demand(`ISO time of ${stamp}`, stampToIso(stamp), iso)
    demand(`${stamp} is a stamp`, isStamp(stamp), true)
    return { timeNs: String(timeNs), origin, stamp, iso }
  })
  const invalid = INVALID.map(([stamp, why]) => {
    demand(`${stamp} is a stamp`, isStamp(stamp), false)
    return { stamp, why }
  })
  for (const [smaller, greater] of ORDER) demand(`${smaller} < ${greater}`, smaller < greater, true)
  return { valid, invalid, order: ORDER }
}
