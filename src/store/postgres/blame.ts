// Which row Postgres refuses to store, and for which column: a look for people at a batch that failed, which writes nothing.

import type { Pool, PoolClient } from 'pg'
import type { Catalogue, Dataset } from '../../codec/catalogue.ts'
import { Cells } from '../../crdt/cells.ts'
import type { FoldedRow } from '../../crdt/fold.ts'
import type { PackedFold } from '../../crdt/packed/fold.ts'
import type { Rejected } from '../store.ts'
import { applyRows, foldToChunks } from './apply.ts'
import { codeOf, isDataError } from './errors.ts'
import { inTransaction } from './pool.ts'

/** `begin` opens a transaction that writes state; `readCatalogue` gives what the fold was judged by. */
interface BlameOptions {
  readonly pool: Pool
  readonly begin: string
  readonly readCatalogue: (client: PoolClient) => Promise<Catalogue>
}

/**
 * Applies the fold again, in halves where it fails, until a single row is left, then that row's cells one by one. It
 * takes about twice a batch's time, once: a data error is the program's bug or an operator's doing, and stops the node.
 * Throws `failure` when every row can be applied.
 */
export function findRejected(
  { pool, begin, readCatalogue }: BlameOptions,
  fold: PackedFold,
  failure: unknown,
): Promise<Rejected> {
  const find = async (client: PoolClient): Promise<Rejected> => {
    const catalogue = await readCatalogue(client)
    // What an operator has put off to the commit would else never be seen here.
    await client.query('set constraints all immediate')
    for (const { dataset, rows } of foldToChunks(catalogue, fold)) {
      const found = await findRow(client, dataset, rows)
      if (found === null) continue
      const { row, error } = found
      const column = await findColumn(client, dataset, row)
      const stamp = column === null ? null : (row.cells.get(column)?.stamp ?? null)
      return { type: 'rejected', dataset: dataset.name, key: row.key, column, stamp, what: describe(error) }
    }
    // It is not the rows: bookkeeping that does not add up is a bug, not something in the data.
    throw failure
  }
  return inTransaction(pool, begin, find, () => false)
}

interface FailedRow {
  readonly row: FoldedRow
  readonly error: unknown
}

/** The first row that cannot be applied behind those before it, which stay applied. */
async function findRow(
  client: PoolClient,
  dataset: Dataset,
  rows: readonly FoldedRow[],
): Promise<FailedRow | null> {
  const failure = await attempt(client, dataset, rows)
  if (failure === null) return null
  if (rows.length === 1) return { row: rows[0]!, error: failure.error }
  const middle = rows.length >> 1
  return (
    (await findRow(client, dataset, rows.slice(0, middle))) ??
    (await findRow(client, dataset, rows.slice(middle)))
  )
}

/** The one column without which the row could be applied, or with which alone it cannot; null when there is none. */
async function findColumn(client: PoolClient, dataset: Dataset, row: FoldedRow): Promise<string | null> {
  const bare = { ...row, cells: new Cells() }
  if ((await attempt(client, dataset, [bare], false)) !== null) return null
  for (const [name, { stamp, value }] of row.cells) {
    const cells = new Cells()
    cells.set(name, stamp, value)
    if ((await attempt(client, dataset, [{ ...row, cells }], false)) !== null) return name
  }
  return null
}

/** Null when the rows could be applied; whether they stay is `isKept`. Errors that are none of the data are thrown. */
async function attempt(
  client: PoolClient,
  dataset: Dataset,
  rows: readonly FoldedRow[],
  isKept = true,
): Promise<{ readonly error: unknown } | null> {
  await client.query('savepoint blame')
  try {
    await applyRows(client, dataset, rows)
    await client.query(isKept ? 'release savepoint blame' : 'rollback to savepoint blame')
    return null
  } catch (error) {
    if (!isDataError(error)) throw error
    await client.query('rollback to savepoint blame')
    return { error }
  }
}

function describe(error: unknown): string {
  const { constraint, table } = error as { readonly constraint?: string; readonly table?: string }
  const place = constraint === undefined ? '' : `, constraint ${constraint} of ${table}`
  return `${error instanceof Error ? error.message : String(error)} (SQLSTATE ${codeOf(error)}${place})`
}
