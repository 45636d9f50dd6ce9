// Cells of equal stamps and different values: read back with their rows locked, decided by the one merge.

import type { PoolClient } from 'pg'
import { cellWins } from '../../crdt/merge.ts'
import { unpackRow } from '../../crdt/packed/fold.ts'
import { createOut } from '../../postgres/out.ts'
import { keyColumnOf, stampColumnOf, tableOf, valueColumnOf } from './names.ts'
import type { Chunk, ChunkColumn } from './packed-rows.ts'
import { chunkParameters, keyArrays, valueArray } from './parameters.ts'
import { decodeRow, sameKeySql, selectList } from './rows.ts'
import { sqlTypeOf } from './types.ts'
import { cellSql, unnestSql } from './upsert.ts'

/** Writes the incoming cells that win over the stored ones of equal stamp. */
export async function settleTies(client: PoolClient, chunk: Chunk): Promise<void> {
  const { dataset, arena, table, columns, rows } = chunk
  if (columns.length === 0) return
  const { rows: tied } = await client.query<(string | null)[]>({
    text: tiedRowsSql(chunk),
    values: chunkParameters(chunk),
    rowMode: 'array',
  })
  if (tied.length === 0) return
  const winners = new Map<number, ReadonlySet<string>>()
  for (const [number, ...texts] of tied) {
    const row = rows[Number(number) - 1]!
    const held = decodeRow(
      dataset,
      columns.map(({ column }) => column),
      texts,
    )
    const names = new Set<string>()
    for (const [name, cell] of unpackRow({ arena }, table, row).cells) {
      const holder = held.cells.get(name)
      if (holder !== undefined && holder.stamp === cell.stamp && cellWins(cell, holder)) names.add(name)
    }
    if (names.size > 0) winners.set(row, names)
  }
  if (winners.size > 0) await writeWinners(client, chunk, winners)
}

/** By place in the chunk, from 1. The upsert has locked these rows, each in its turn. */
function tiedRowsSql(chunk: Chunk): string {
  const { dataset, columns } = chunk
  const list = selectList(
    dataset,
    columns.map(({ column }) => column),
  )
  const ties = columns.map((column) => `(${cellSql(chunk, column).ties})`)
  return `select e.number::text, ${list}
from ${unnestSql(chunk, 'number')} join ${tableOf(dataset.name)} as t on ${sameKeySql(dataset)}
where ${ties.join(' or ')} order by e.number`
}

async function writeWinners(
  client: PoolClient,
  chunk: Chunk,
  winners: ReadonlyMap<number, ReadonlySet<string>>,
): Promise<void> {
  const some = { ...chunk, rows: Uint32Array.from(winners.keys()) }
  const columns = chunk.columns.filter(({ column }) =>
    [...winners.values()].some((names) => names.has(column.name)),
  )
  const out = createOut(0)
  const values = columns.map((one) =>
    valueArray(out, some, one, (i) => winners.get(some.rows[i]!)!.has(one.column.name)),
  )
  await client.query(writeWinnersSql(chunk, columns), [...keyArrays(out, some), ...values])
}

/** Null is least and wins over nothing, so that where there is no value no cell has won. */
function writeWinnersSql({ dataset }: Chunk, columns: readonly ChunkColumn[]): string {
  const all = [
    ...dataset.key.map((column) => [sqlTypeOf(column).name, keyColumnOf(column.name)]),
    ...columns.map(({ column }) => [sqlTypeOf(column).name, valueColumnOf(column.name)]),
  ]
  const arrays = all.map(([type], i) => `$${i + 1}::${type}[]`)
  const sets = columns.flatMap(({ column }) => {
    const value = valueColumnOf(column.name)
    const stamp = stampColumnOf(column.name)
    const isImplied = `e.${value} is not null and t.${stamp} = t.alive`
    return [
      `${value} = coalesce(e.${value}, t.${value})`,
      `${stamp} = case when ${isImplied} then null else t.${stamp} end`,
    ]
  })
  return `update ${tableOf(dataset.name)} as t set ${sets.join(', ')}
from unnest(${arrays.join(', ')}) as e (${all.map(([, name]) => name).join(', ')}) where ${sameKeySql(dataset)}`
}
