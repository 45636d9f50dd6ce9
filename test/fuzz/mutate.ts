// Changes to valid inputs: bits, cuts, splices, lengths that lie, and words that a format gives a meaning to.

import { below, one, type Random } from '../sim/world.ts'

/** Bytes that mean something in a format here: ends of ranges, signs of varints, magic numbers. */
const BYTES = [0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xed, 0xf4, 0xfe, 0xff, 0x0a, 0x22, 0x5c, 0x7b]

/** Zigzag varints that are too long, too great or negative: what lengths and counts may claim to be. */
const VARINTS = [
  '01',
  '02',
  '7f',
  '8000',
  'ffff03',
  'fffffffff0ff01',
  'ffffffffffffffffff01',
  'feffffffffffffffff01',
  'ffffffffffffffffff7f',
  'ffffffffffffffffffffff01',
  '808080808080808080808000',
  'ffffffff0f',
  'feffffff0f',
].map((hex) => Buffer.from(hex, 'hex'))

/** A few changes to bytes; `corpus` is what is spliced in. */
export function mutateBytes(random: Random, valid: Buffer, corpus: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(valid)
  for (let i = below(random, 4); i >= 0; i--) bytes = mutateOnce(random, bytes, corpus)
  return bytes
}

function mutateOnce(random: Random, bytes: Buffer, corpus: readonly Buffer[]): Buffer {
  const at = below(random, bytes.length + 1)
  const some = below(random, 9)
  switch (below(random, 9)) {
    case 0:
      if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << below(random, 8))
      return bytes
    case 1:
      if (at < bytes.length) bytes[at] = one(random, BYTES)
      return bytes
    case 2:
      return bytes.subarray(0, at)
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + some)])
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - some * 3))])
    case 5: {
      const other = one(random, corpus)
      return Buffer.concat([bytes.subarray(0, at), other.subarray(below(random, other.length + 1))])
    }
    case 6:
      return Buffer.concat([bytes.subarray(0, at), one(random, VARINTS), bytes.subarray(at + 1)])
    case 7:
      return Buffer.concat([bytes.subarray(0, at), randomBytes(random, some), bytes.subarray(at)])
    default: {
      // Numbers of fixed width, as in headers.
      const width = one(random, [2, 4, 8])
      if (at + width <= bytes.length) bytes.fill(one(random, [0x00, 0x7f, 0x80, 0xff]), at, at + width)
      return bytes
    }
  }
}

export function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => below(random, 256)))
}

/** A few changes to a text; `words` are what is put in, `corpus` what is spliced in. */
export function mutateText(
  random: Random,
  valid: string,
  corpus: readonly string[],
  words: readonly string[],
): string {
  let text = valid
  for (let i = below(random, 4); i >= 0; i--) {
    const at = below(random, text.length + 1)
    const behind = at + below(random, 6)
    switch (below(random, 6)) {
      case 0:
        text = text.slice(0, at) + text.slice(behind)
        break
      case 1:
        text = text.slice(0, at) + one(random, words) + text.slice(at)
        break
      case 2:
        text = text.slice(0, at) + one(random, words) + text.slice(behind)
        break
      case 3:
        text = text.slice(0, at) + String.fromCharCode(anyUnit(random)) + text.slice(at + below(random, 2))
        break
      case 4:
        text = text.slice(0, behind) + text.slice(at)
        break
      default: {
        const other = one(random, corpus)
        text = text.slice(0, at) + other.slice(below(random, other.length + 1))
      }
    }
  }
  return text
}

/** Any UTF-16 unit, lone surrogates among them; those that formats look at most of all. */
function anyUnit(random: Random): number {
  return below(random, one(random, [0x20, 0x80, 0x80, 0x100, 0x10000]))
}
