// New rows by COPY, which costs half of what an upsert does: tried where a look at some of the keys finds none of them stored.

import type { PoolClient } from 'pg'
import { ALIVE, DEAD, NULL_LENGTH } from '../../crdt/packed/table.ts'
import { readLength } from '../../crdt/packed/unpack.ts'
import { codeOf, isDataError } from '../../postgres/errors.ts'
import { createOut, type Out, putHalf, reserve } from '../../postgres/out.ts'
import { copyIn } from './copy-in.ts'
import { elementTypeOf, keyElementTypeOf } from './elements.ts'
import { keyColumnOf, stampColumnOf, tableOf, valueColumnOf } from './names.ts'
import type { PackedRows } from './packed-rows.ts'
import { isStampSaid, keyArrays, putNull, putStamp } from './parameters.ts'
import { sameKeySql, unnestKeysSql } from './rows.ts'

/** With fewer rows the questions cost more than the answer saves. */
const ROWS_MIN = 1_000
/** Where one row in a hundred is stored, this many keys find one nine times in ten. */
const SAMPLE_ROWS = 250
/** Sent at once. */
const PIECE_BYTES = 256 * 1024
/** Some kinds of tables take no COPY: those with row security that is forced upon their owner. */
const NOT_SUPPORTED = '0A000'

/** Whether there are enough rows for `copyRows`, which takes some round trips of its own. */
export function isWorthCopying({ rows }: PackedRows): boolean {
  return rows.length >= ROWS_MIN
}

/**
 * Writes the rows if all of them seem to be new, and are. False when nothing was written: then they have to be merged.
 * The primary key is the judge, so another worker that adds the same rows at the same time does no harm.
 */
export async function copyRows(client: PoolClient, set: PackedRows): Promise<boolean> {
  if (!(await seemNew(client, set))) return false
  await client.query('savepoint copy')
  try {
    await copyIn(client, copySql(set), copyPieces(set))
  } catch (error) {
    if (!isDataError(error) && codeOf(error) !== NOT_SUPPORTED) throw error
    // A row that is there after all; or what the upsert will meet again, where it can be traced.
    await client.query('rollback to savepoint copy')
    return false
  }
  await client.query('release savepoint copy')
  return true
}

async function seemNew(client: PoolClient, set: PackedRows): Promise<boolean> {
  const { dataset, rows } = set
  const step = rows.length / SAMPLE_ROWS
  const sample = Uint32Array.from({ length: SAMPLE_ROWS }, (_, i) => rows[Math.floor(i * step)]!)
  const { rows: found } = await client.query<{ is_found: boolean }>(
    `select exists (
       select from ${unnestKeysSql(dataset)} join ${tableOf(dataset.name)} as t on ${sameKeySql(dataset)}
     ) as is_found`,
    keyArrays(createOut(0), { ...set, rows: sample }),
  )
  return !found[0]!.is_found
}

function copySql({ dataset, columns }: PackedRows): string {
  const names = [
    ...dataset.key.map(({ name }) => keyColumnOf(name)),
    'alive',
    'dead',
    ...columns.flatMap(({ column: { name } }) => [valueColumnOf(name), stampColumnOf(name)]),
  ]
  return `copy ${tableOf(dataset.name)} (${names.join(', ')}) from stdin (format binary)`
}

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const END_OF_ROWS = -1

/** The rows in COPY's binary format, in pieces. */
function* copyPieces({ dataset, arena, table, columns, rows }: PackedRows): Generator<Buffer> {
  const { bytes, words } = arena
  const key = dataset.key.map(keyElementTypeOf)
  const cells = columns.map(({ column, place }) => ({ place, type: elementTypeOf(column) }))
  const fields = key.length + 2 + 2 * cells.length
  let out = createOut(PIECE_BYTES + 4096)
  SIGNATURE.copy(out.bytes)
  out.at = SIGNATURE.length
  for (const row of rows) {
    reserve(out, 2)
    putHalf(out.bytes, out.at, fields)
    out.at += 2
    let at = table.keyAt(row)
    for (const { room, put } of key) {
      const [length, begin] = readLength(bytes, at)
      reserve(out, room(length))
      out.at = put(out.bytes, out.at, bytes, begin, length)
      at = begin + length
    }
    putStampOrNull(out, words, row + ALIVE, table.hasStamp(row + ALIVE))
    putStampOrNull(out, words, row + DEAD, table.hasStamp(row + DEAD))
    for (const { place, type } of cells) {
      const cell = table.cellOf(row, place)
      const isThere = table.hasStamp(cell)
      const length = isThere ? table.valueLength(cell) : NULL_LENGTH
      if (length === NULL_LENGTH) putNull(out)
      else {
        reserve(out, type.room(length))
        out.at = type.put(out.bytes, out.at, bytes, table.valueAt(cell), length)
      }
      putStampOrNull(out, words, cell, isThere && isStampSaid(words, row, cell, length))
    }
    if (out.at >= PIECE_BYTES) {
      yield out.bytes.subarray(0, out.at)
      out = createOut(PIECE_BYTES + 4096)
    }
  }
  reserve(out, 2)
  putHalf(out.bytes, out.at, END_OF_ROWS)
  yield out.bytes.subarray(0, out.at + 2)
}

function putStampOrNull(out: Out, words: Uint32Array, at: number, isThere: boolean): void {
  if (isThere) putStamp(out, words, at)
  else putNull(out)
}
