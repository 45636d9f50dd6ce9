// The order in which rows are written: that of their primary key's index, so that workers never wait in a circle and the index grows at its end.

import type { ColumnType, Dataset } from '../../codec/catalogue.ts'
import type { Arena } from '../../crdt/packed/arena.ts'
import type { PackedTable } from '../../crdt/packed/table.ts'
import { readLength } from '../../crdt/packed/unpack.ts'
import { daysAt, secondsAt } from './elements.ts'

const RANK_MAX = 2 ** 32 - 1
const MINUS = 0x2d
/** Of a text: as many as a double holds. */
const RANK_BYTES = 6

/**
 * All rows of a table (indices in the arena) by key, as Postgres orders the columns' types. Sorted natively by a rank of
 * 32 bits, which follows the key's first part; only rows of equal rank are compared.
 */
export function orderRows({ key }: Dataset, arena: Arena, table: PackedTable): Uint32Array {
  const { size } = table
  const ordered = new Uint32Array(size)
  for (let i = 0; i < size; i++) ordered[i] = table.rowAt(i)
  if (size < 2) return ordered
  const ranks = ranksOf(key[0]!.type, arena.bytes, table, ordered)
  let least = Number.POSITIVE_INFINITY
  let greatest = Number.NEGATIVE_INFINITY
  for (const rank of ranks) {
    if (rank < least) least = rank
    if (rank > greatest) greatest = rank
  }
  // Where ranks are fewer than 32 bits tell apart, none are lost by this.
  const scale = greatest - least <= RANK_MAX ? 1 : RANK_MAX / (greatest - least)
  const packed = new BigUint64Array(size)
  const words = new Uint32Array(packed.buffer)
  for (let i = 0; i < size; i++) {
    words[2 * i] = i
    words[2 * i + 1] = Math.floor((ranks[i]! - least) * scale)
  }
  packed.sort()
  const rows = new Uint32Array(size)
  const types = key.map(({ type }) => type)
  const compare = (a: number, b: number): number =>
    compareKeys(types, arena.bytes, table.keyAt(a), table.keyAt(b))
  for (let from = 0; from < size; ) {
    let to = from
    const rank = words[2 * from + 1]!
    while (to < size && words[2 * to + 1] === rank) {
      rows[to] = ordered[words[2 * to]!]!
      to++
    }
    if (to - from > 1) rows.subarray(from, to).sort(compare)
    from = to
  }
  return rows
}

/** Of each row a number that does not fall as the first part of the key rises. */
function ranksOf(type: ColumnType, bytes: Uint8Array, table: PackedTable, rows: Uint32Array): Float64Array {
  const skip = type === 'string' || type === 'uuid' ? sharedPrefix(bytes, table, rows) : 0
  const ranks = new Float64Array(rows.length)
  for (let i = 0; i < rows.length; i++) {
    const [length, at] = readLength(bytes, table.keyAt(rows[i]!))
    ranks[i] = rankOf(type, bytes, at, length, skip)
  }
  return ranks
}

function rankOf(type: ColumnType, bytes: Uint8Array, at: number, length: number, skip: number): number {
  switch (type) {
    case 'boolean':
      return bytes[at] === 0x74 ? 1 : 0
    case 'long':
      return nearestNumber(bytes, at, length)
    case 'date':
      return daysAt(bytes, at)
    case 'timestamp':
      return secondsAt(bytes, at)
    default: {
      let rank = 0
      for (let i = skip; i < skip + RANK_BYTES; i++) rank = rank * 256 + (i < length ? bytes[at + i]! : 0)
      return rank
    }
  }
}

/** What a double keeps of an integer's digits: enough for a rank. */
function nearestNumber(bytes: Uint8Array, at: number, length: number): number {
  const isNegative = bytes[at] === MINUS
  let number = 0
  for (let i = isNegative ? at + 1 : at; i < at + length; i++) number = number * 10 + bytes[i]! - 0x30
  return isNegative ? -number : number
}

/** How many bytes the first parts of all keys begin with alike. */
function sharedPrefix(bytes: Uint8Array, table: PackedTable, rows: Uint32Array): number {
  let [shared, first] = readLength(bytes, table.keyAt(rows[0]!))
  for (let i = 1; i < rows.length && shared > 0; i++) {
    const [length, at] = readLength(bytes, table.keyAt(rows[i]!))
    if (length < shared) shared = length
    let same = 0
    while (same < shared && bytes[at + same] === bytes[first + same]) same++
    shared = same
    first = at
  }
  return shared
}

function compareKeys(types: readonly ColumnType[], bytes: Uint8Array, a: number, b: number): number {
  let atA = a
  let atB = b
  for (const type of types) {
    const [lengthA, beginA] = readLength(bytes, atA)
    const [lengthB, beginB] = readLength(bytes, atB)
    const order =
      type === 'long'
        ? compareLongs(bytes, beginA, lengthA, beginB, lengthB)
        : compareSpans(bytes, beginA, lengthA, beginB, lengthB)
    if (order !== 0) return order
    atA = beginA + lengthA
    atB = beginB + lengthB
  }
  return 0
}

/** The canonical texts of all types but long are ordered as their values are. */
function compareSpans(bytes: Uint8Array, a: number, lengthA: number, b: number, lengthB: number): number {
  const shared = Math.min(lengthA, lengthB)
  for (let i = 0; i < shared; i++) {
    const difference = bytes[a + i]! - bytes[b + i]!
    if (difference !== 0) return difference
  }
  return lengthA - lengthB
}

function compareLongs(bytes: Uint8Array, a: number, lengthA: number, b: number, lengthB: number): number {
  const isNegative = bytes[a] === MINUS
  if (isNegative !== (bytes[b] === MINUS)) return isNegative ? -1 : 1
  const order = lengthA - lengthB || compareSpans(bytes, a, lengthA, b, lengthB)
  return isNegative ? -order : order
}
