// Canonical decimals in Postgres's binary format: groups of four decimal digits, counted from the point.

import { putHalf, putWord } from '../../postgres/out.ts'

const GROUP = 4
const HEADER_BYTES = 8
const NEGATIVE = 0x4000
const MINUS = 0x2d
const POINT = 0x2e
const ZERO = 0x30

/** At most how many bytes `putNumeric` writes for a text of `length` bytes. */
export function roomOfNumeric(length: number): number {
  return 4 + HEADER_BYTES + 2 * (Math.ceil(length / GROUP) + 2)
}

/** Writes a length word and the number. Returns where it ends. */
export function putNumeric(
  to: Uint8Array,
  at: number,
  from: Uint8Array,
  start: number,
  length: number,
): number {
  const end = start + length
  const isNegative = from[start] === MINUS
  const first = isNegative ? start + 1 : start
  let point = first
  while (point < end && from[point] !== POINT) point++
  const whole = point - first
  const scale = point === end ? 0 : end - point - 1
  const wholeGroups = Math.ceil(whole / GROUP)
  let groups = 0
  let weight = wholeGroups - 1
  let place = at + 4 + HEADER_BYTES
  const count = wholeGroups + Math.ceil(scale / GROUP)
  for (let i = 0; i < count; i++) {
    // The first digit of the group, counted from the point; behind it one further, because of the point itself.
    const group = groupAt(from, (i - wholeGroups) * GROUP, point, first, end)
    if (group === 0 && groups === 0) {
      // Leading groups of zeros are left out: a smaller weight says as much.
      weight--
      continue
    }
    putHalf(to, place, group)
    place += 2
    groups++
  }
  putWord(to, at, place - at - 4)
  putHalf(to, at + 4, groups)
  putHalf(to, at + 6, groups === 0 ? 0 : weight)
  putHalf(to, at + 8, isNegative ? NEGATIVE : 0)
  putHalf(to, at + 10, scale)
  return place
}

/** Four digits from a place relative to the point; beyond both ends are zeros. */
function groupAt(from: Uint8Array, relative: number, point: number, first: number, end: number): number {
  let group = 0
  for (let i = relative; i < relative + GROUP; i++) {
    const at = i < 0 ? point + i : point + 1 + i
    group = group * 10 + (at < first || at >= end ? 0 : from[at]! - ZERO)
  }
  return group
}
