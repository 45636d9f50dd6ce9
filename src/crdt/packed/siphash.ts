// HalfSipHash-1-3: a hash of key bytes that nobody can aim at without knowing the seed.
// https://www.aumasson.jp/siphash/siphash.pdf, https://github.com/veorq/SipHash (halfsiphash.c)

/** Two words of 32 bits that others cannot guess. Rows come from strangers, who could else make every key collide. */
export interface HashSeed {
  readonly first: number
  readonly second: number
}

/**
 * The hash of bytes[start, end), 32 bits, signed. The rounds are written out: a call or a loop a round costs more
 * than the round.
 */
export function hashBytes(bytes: Uint8Array, start: number, end: number, seed: HashSeed): number {
  let a = seed.first
  let b = seed.second
  let c = 0x6c796765 ^ a
  let d = 0x74656462 ^ b
  let at = start
  for (const whole = end - 3; at < whole; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
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
  }
  let last = (end - start) << 24
  switch (end - at) {
    case 3:
      last |= (bytes[at + 2]! << 16) | (bytes[at + 1]! << 8) | bytes[at]!
      break
    case 2:
      last |= (bytes[at + 1]! << 8) | bytes[at]!
      break
    case 1:
      last |= bytes[at]!
  }
  d ^= last
  for (let round = 0; round < 4; round++) {
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
    if (round === 0) {
      a ^= last
      c ^= 0xff
    }
  }
  return b ^ d
}
