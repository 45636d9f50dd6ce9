// Values of cells and the total order that decides between equal stamps.

/**
 * What a cell holds, after validation: the JavaScript type says the Avro branch.
 * bigint is a long (64 bits), number a double (never NaN, infinite or −0), string everything that is held as text
 * (string, enum, uuid, decimal, date, timestamp, json, each in its canonical form), Uint8Array bytes.
 */
export type Value = null | boolean | bigint | number | string | Uint8Array

/**
 * Orders two values of one column: negative, zero or positive. Null is least, then by bytes: false before true,
 * long as two's complement big-endian and double as IEEE 754 big-endian, both compared unsigned (so negative ones
 * come after positive ones), text as UTF-8. Values of different branches cannot meet in one column; they are
 * ordered all the same (boolean, long, double, text, bytes), or the merge would depend on the order of arrival.
 */
export function compareValues(a: Value, b: Value): number {
  const rank = rankOf(a) - rankOf(b)
  if (rank !== 0 || a === null) return rank
  switch (typeof a) {
    case 'boolean':
      return Number(a) - Number(b)
    case 'bigint':
      return compareUnsigned(BigInt.asUintN(64, a), BigInt.asUintN(64, b as bigint))
    case 'number':
      return compareUnsigned(doubleBits(a), doubleBits(b as number))
    case 'string':
      return compareText(a, b as string)
    default:
      return compareBytes(a, b as Uint8Array)
  }
}

/**
 * Orders two well-formed strings as their UTF-8 bytes. JavaScript's own order is that of UTF-16, which puts
 * U+10000 and above before U+E000.
 */
export function compareText(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return utf8Rank(x) - utf8Rank(y)
  }
  return a.length - b.length
}

/** Orders byte strings: first difference, then length. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

function rankOf(value: Value): number {
  if (value === null) return 0
  switch (typeof value) {
    case 'boolean':
      return 1
    case 'bigint':
      return 2
    case 'number':
      return 3
    case 'string':
      return 4
    default:
      return 5
  }
}

/** A UTF-16 unit's place in the order of UTF-8: surrogates, which stand for U+10000 and above, after all others. */
function utf8Rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

function compareUnsigned(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function doubleBits(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0]!
}
