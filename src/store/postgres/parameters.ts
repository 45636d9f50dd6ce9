// The arrays of a statement in Postgres's binary format, straight from a packed fold: no string and no object a cell.

import { ALIVE, DEAD, NULL_LENGTH } from '../../crdt/packed/table.ts'
import { readLength } from '../../crdt/packed/unpack.ts'
import { createOut, type Out, putWord, reserve } from '../../postgres/out.ts'
import { elementTypeOf, keyElementTypeOf, NULL_WORD, UUID_BYTES, UUID_OID } from './elements.ts'
import { type Chunk, type ChunkColumn, isStampOf, type PackedRows } from './packed-rows.ts'

/** Dimensions, a flag for nulls, the elements' oid, how many, and the number of the first. */
const HEADER_BYTES = 20
const STAMP_BYTES = 4 + UUID_BYTES

/**
 * For `unnestSql`: an array a key column, those of `alive` and `dead` where some row has them, and for each column
 * its values and, where they have to be said, its stamps.
 */
export function chunkParameters(chunk: Chunk): Buffer[] {
  const { rows, hasAlive, hasDead, columns, bytes } = chunk
  const out = createOut(bytes + HEADER_BYTES * (rows.length > 0 ? 20 + 2 * columns.length : 0))
  return [
    ...keyArrays(out, chunk),
    ...(hasAlive ? [stampArray(out, chunk, ALIVE)] : []),
    ...(hasDead ? [stampArray(out, chunk, DEAD)] : []),
    ...columns.flatMap((column) => [
      valueArray(out, chunk, column, () => true),
      ...(column.isStamped ? [cellStampArray(out, chunk, column)] : []),
    ]),
  ]
}

/** The keys alone. */
export function keyArrays(out: Out, { dataset, arena, table, rows }: PackedRows): Buffer[] {
  const { bytes } = arena
  // Where the next part of each row's key begins.
  const places = Uint32Array.from(rows, (row) => table.keyAt(row))
  return dataset.key.map((column) => {
    const { oid, room, put } = keyElementTypeOf(column)
    return arrayOf(out, oid, rows.length, (i) => {
      const [length, begin] = readLength(bytes, places[i]!)
      reserve(out, room(length))
      out.at = put(out.bytes, out.at, bytes, begin, length)
      places[i] = begin + length
    })
  })
}

/** The values of a column; those that `isIncluded` does not say yes to are null. */
export function valueArray(
  out: Out,
  { arena, table, rows }: PackedRows,
  { column, place }: Pick<ChunkColumn, 'column' | 'place'>,
  isIncluded: (i: number) => boolean,
): Buffer {
  const { bytes } = arena
  const { oid, room, put } = elementTypeOf(column)
  return arrayOf(out, oid, rows.length, (i) => {
    const cell = table.cellOf(rows[i]!, place)
    const length = table.hasStamp(cell) && isIncluded(i) ? table.valueLength(cell) : NULL_LENGTH
    if (length === NULL_LENGTH) {
      putNull(out)
      return
    }
    reserve(out, room(length))
    out.at = put(out.bytes, out.at, bytes, table.valueAt(cell), length)
  })
}

function stampArray(out: Out, { arena, table, rows }: PackedRows, which: number): Buffer {
  return arrayOf(out, UUID_OID, rows.length, (i) => {
    const at = rows[i]! + which
    if (table.hasStamp(at)) putStamp(out, arena.words, at)
    else putNull(out)
  })
}

/** Null for an absent cell, and for one that has a value and the stamp of `alive`. */
function cellStampArray(out: Out, { arena, table, rows }: PackedRows, { place }: ChunkColumn): Buffer {
  const { words } = arena
  return arrayOf(out, UUID_OID, rows.length, (i) => {
    const row = rows[i]!
    const cell = table.cellOf(row, place)
    if (isStampSaid(words, row, cell, table.valueLength(cell)) && table.hasStamp(cell)) {
      putStamp(out, words, cell)
    } else putNull(out)
  })
}

/** Whether the stamp of a cell that is there stands beside it: it is neither that of `alive`, nor is there a value that says so. */
export function isStampSaid(words: Uint32Array, row: number, cell: number, length: number): boolean {
  return length === NULL_LENGTH || !isStampOf(words, cell, row + ALIVE)
}

export function putNull(out: Out): void {
  reserve(out, 4)
  putWord(out.bytes, out.at, NULL_WORD)
  out.at += 4
}

export function putStamp(out: Out, words: Uint32Array, at: number): void {
  reserve(out, STAMP_BYTES)
  const { bytes } = out
  putWord(bytes, out.at, UUID_BYTES)
  for (let i = 0; i < 4; i++) putWord(bytes, out.at + 4 + 4 * i, words[at + i]!)
  out.at += STAMP_BYTES
}

/** An array of one dimension, whose elements `putElement` writes one after the other. */
function arrayOf(out: Out, oid: number, count: number, putElement: (i: number) => void): Buffer {
  reserve(out, HEADER_BYTES)
  const from = out.at
  putWord(out.bytes, from, 1)
  putWord(out.bytes, from + 4, 1)
  putWord(out.bytes, from + 8, oid)
  putWord(out.bytes, from + 12, count)
  putWord(out.bytes, from + 16, 1)
  out.at += HEADER_BYTES
  for (let i = 0; i < count; i++) putElement(i)
  return out.bytes.subarray(from, out.at)
}
