// Stamps: the 128 bits that order mutations, held as 32 lower-case hex digits so that `<` on strings is their order.

declare const stampBrand: unique symbol
declare const originBrand: unique symbol

/**
 * 64 bits of nanoseconds since 1970 and 64 bits of origin, big-endian, as 32 lower-case hex digits.
 * Hex digits sort as the bytes do, so two stamps compare with `<`, `>` and `===`.
 */
export type Stamp = string & { readonly [stampBrand]: 'Stamp' }

/** Who stamped: 64 random bits of a writer's session (or 8 bytes of a content hash), as 16 lower-case hex digits. */
export type Origin = string & { readonly [originBrand]: 'Origin' }

export const ZERO_STAMP = '0'.repeat(32) as Stamp
export const ZERO_ORIGIN = '0'.repeat(16) as Origin

/** The first time that no stamp may have: the top bit is reserved. */
export const STAMP_TIME_END = 1n << 63n

const STAMP_PATTERN = /^[0-7][0-9a-f]{31}$/
const ORIGIN_PATTERN = /^[0-9a-f]{16}$/

/** True for a stamp that a log may hold: 32 lower-case hex digits, not all zero, top bit clear. */
export function isStamp(text: string): text is Stamp {
  return STAMP_PATTERN.test(text) && text !== ZERO_STAMP
}

export function isOrigin(text: string): text is Origin {
  return ORIGIN_PATTERN.test(text)
}

/** Joins a time (nanoseconds since 1970, 0 to 2^63 - 1) and an origin. Throws RangeError for a time out of range. */
export function createStamp(timeNs: bigint, origin: Origin): Stamp {
  if (timeNs < 0n || timeNs >= STAMP_TIME_END) {
    throw new RangeError(`stamp time ${timeNs} ns is not between 0 and 2^63 - 1`)
  }
  return (timeToHex(timeNs) + origin) as Stamp
}

/** Nanoseconds as the 16 hex digits that a stamp of that time begins with. */
export function timeToHex(timeNs: bigint): string {
  return timeNs.toString(16).padStart(16, '0')
}

/** A stamp of four words of 32 bits, most significant first, from an index on. */
export function wordsToStamp(words: Uint32Array, at = 0): Stamp {
  let text = ''
  for (let i = at; i < at + 4; i++) text += words[i]!.toString(16).padStart(8, '0')
  return text as Stamp
}

/** Word number `i`, 0 to 3, of a stamp: 32 bits, unsigned. */
export function stampWord(stamp: Stamp, i: number): number {
  return Number.parseInt(stamp.slice(8 * i, 8 * i + 8), 16)
}

/** Nanoseconds since 1970. */
export function stampToTime(stamp: Stamp): bigint {
  return BigInt(`0x${stamp.slice(0, 16)}`)
}

export function stampToOrigin(stamp: Stamp): Origin {
  return stamp.slice(16) as Origin
}

/** The stamp's time as ISO 8601 in UTC with nine decimals, for people: `2022-10-20T16:35:19.896000000Z`. */
export function stampToIso(stamp: Stamp): string {
  const time = stampToTime(stamp)
  const seconds = new Date(Number(time / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${(time % 1_000_000_000n).toString().padStart(9, '0')}Z`
}

/** The greater of two stamps, where null is none. */
export function maxStamp(a: Stamp | null, b: Stamp | null): Stamp | null {
  if (a === null) return b
  if (b === null) return a
  return a > b ? a : b
}
