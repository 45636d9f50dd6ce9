// Cells of equal stamps and different values: read back under the upsert's row locks, decided by the one merge.

import type { PoolClient } from 'pg'
import { Cells } from '../../crdt/cells.ts'
import type { FoldedRow } from '../../crdt/fold.ts'
import { cellWins } from '../../crdt/merge.ts'
import { keyToText } from '../../crdt/mutation.ts'
import { stampColumnOf, tableOf, valueColumnOf } from './names.ts'
import {
  createRowSet,
  decodeRow,
  keyParameters,
  type RowSet,
  rowParameters,
  sameKeySql,
  selectByKeySql,
  unnestSql,
} from './rows.ts'

/** Writes the incoming cells that win over the stored ones of equal stamp, and takes the marks of the upsert away. */
export async function settleTies(
  client: PoolClient,
  { dataset, columns, rows }: RowSet,
  tiedKeys: readonly (readonly string[])[],
): Promise<void> {
  const { rows: stored } = await client.query<(string | null)[]>({
    text: selectByKeySql(dataset, columns),
    values: keyParameters(dataset, tiedKeys),
    rowMode: 'array',
  })
  const incomingByKey = new Map(rows.map((row) => [keyToText(row.key), row]))
  const winners = createRowSet(
    dataset,
    stored.map((texts): FoldedRow => {
      const held = decodeRow(dataset, columns, texts)
      return {
        key: held.key,
        alive: null,
        dead: null,
        cells: winningCells(incomingByKey.get(keyToText(held.key))!, held),
      }
    }),
  )
  await client.query(writeWinnersSql(winners), rowParameters(winners))
}

function winningCells(incoming: FoldedRow, held: FoldedRow): Cells {
  const winners = new Cells()
  for (const [name, cell] of incoming.cells) {
    const holder = held.cells.get(name)
    if (holder !== undefined && holder.stamp === cell.stamp && cellWins(cell, holder)) {
      winners.set(name, cell.stamp, cell.value)
    }
  }
  return winners
}

function writeWinnersSql(winners: RowSet): string {
  const { dataset, columns } = winners
  const sets = columns.map(({ name }) => {
    const value = valueColumnOf(name)
    return `${value} = case when e.${stampColumnOf(name)} is null then t.${value} else e.${value} end`
  })
  return `update ${tableOf(dataset.name)} as t set ${['tied = null', ...sets].join(', ')}
from ${unnestSql(winners)} where ${sameKeySql(dataset)}`
}
