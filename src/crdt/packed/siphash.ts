// HalfSipHash-1-3: a hash of key bytes that nobody can aim at without knowing the seed.
// https://www.aumasson.jp/siphash/siphash.pdf, https://github.com/veorq/SipHash (halfsiphash.c)

/** Two words of 32 bits that others cannot guess. Rows come from strangers, who could else make every key collide. */
export interface HashSeed {
  readonly first: number
  readonly second: number
}

/** Rounds behind the last word. */
const FINAL_ROUNDS = 3

/**
 * The hash of bytes[start, end), 32 bits, signed. One round a word, the last of which holds the length and what is left
 * of the bytes; the final rounds are those of a word of 0. Written out, since a call a round costs more than the round.
 */
export function hashBytes(bytes: Uint8Array, start: number, end: number, seed: HashSeed): number {
  const whole = (end - start) >>> 2
  let a = seed.first
  let b = seed.second
  let c = 0x6c796765 ^ a
  let d = 0x74656462 ^ b
  for (let i = 0; i <= whole + FINAL_ROUNDS; i++) {
    const at = start + 4 * i
    const word =
      i < whole
        ? bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
        : i === whole
          ? lastWord(bytes, at, end, end - start)
          : 0
    d ^= word
    a = (a + b) | 0
    b = ((b << 5) | (b >>> 27)) ^ a
    a = (a << 16) | (a >>> 16)
    c = (c + d) | 0
    d = ((d << 8) | (d >>> 24)) ^ c
    a = (a + d) | 0
    d = ((d << 7) | (d >>> 25)) ^ a
    c = (c + b) | 0
    b = ((b << 13) | (b >>> 19)) ^ c
    c = (c << 16) | (c >>> 16)
    a ^= word
    if (i === whole) c ^= 0xff
  }
  return b ^ d
}

function lastWord(bytes: Uint8Array, start: number, end: number, length: number): number {
  let word = length << 24
  for (let at = start; at < end; at++) word |= bytes[at]! << (8 * (at - start))
  return word
}
