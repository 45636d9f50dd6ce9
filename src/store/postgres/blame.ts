// Which row Postgres refuses to store, and for which column: a look for people at a batch that failed, which writes nothing.

import type { Pool, PoolClient } from 'pg'
import type { Catalogue } from '../../codec/catalogue.ts'
import type { PackedFold } from '../../crdt/packed/fold.ts'
import { readKey } from '../../crdt/packed/unpack.ts'
import { wordsToStamp } from '../../crdt/stamp.ts'
import { codeOf, isDataError } from '../../postgres/errors.ts'
import { inTransaction } from '../../postgres/pool.ts'
import type { Rejected } from '../store.ts'
import { applyRows } from './apply.ts'
import { foldToRows, type PackedColumn, type PackedRows } from './packed-rows.ts'

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
    for (const rows of foldToRows(catalogue, fold)) {
      const found = await findRow(client, rows)
      if (found !== null) return describeRow(found, await findColumn(client, found.rows))
    }
    // It is not the rows: bookkeeping that does not add up is a bug, not something in the data.
    throw failure
  }
  return inTransaction(pool, begin, find, () => false)
}

/** The one row that failed, and why. */
interface FailedRow {
  readonly rows: PackedRows
  readonly error: unknown
}

function describeRow({ rows: set, error }: FailedRow, failed: PackedColumn | null): Rejected {
  const { dataset, arena, table, rows } = set
  const row = rows[0]!
  const cell = failed === null ? null : table.cellOf(row, failed.place)
  return {
    type: 'rejected',
    dataset: dataset.name,
    key: readKey(arena, table.keyAt(row), dataset.key.length),
    column: failed?.column.name ?? null,
    stamp: cell === null ? null : wordsToStamp(arena.words, cell),
    what: describe(error),
  }
}

/** The first row that cannot be applied behind those before it, which stay applied. */
async function findRow(client: PoolClient, set: PackedRows): Promise<FailedRow | null> {
  const failure = await attempt(client, set)
  if (failure === null) return null
  const { rows } = set
  if (rows.length === 1) return { rows: set, error: failure.error }
  const middle = rows.length >> 1
  return (
    (await findRow(client, { ...set, rows: rows.subarray(0, middle) })) ??
    (await findRow(client, { ...set, rows: rows.subarray(middle) }))
  )
}

/** The one column without which the row could be applied, or with which alone it cannot; null when there is none. */
async function findColumn(client: PoolClient, row: PackedRows): Promise<PackedColumn | null> {
  const { table, columns, rows } = row
  if ((await attempt(client, withColumns(row, []), false)) !== null) return null
  for (const column of columns) {
    if (!table.hasStamp(table.cellOf(rows[0]!, column.place))) continue
    if ((await attempt(client, withColumns(row, [column]), false)) !== null) return column
  }
  return null
}

/** As if the dataset had no others: what an upsert does to columns that a row does not have is left out too. */
function withColumns(row: PackedRows, columns: readonly PackedColumn[]): PackedRows {
  const byName = new Map(columns.map(({ column }) => [column.name, column]))
  return { ...row, columns, dataset: { ...row.dataset, columns: byName } }
}

/** Null when the rows could be applied; whether they stay is `isKept`. Errors that are none of the data are thrown. */
async function attempt(
  client: PoolClient,
  rows: PackedRows,
  isKept = true,
): Promise<{ readonly error: unknown } | null> {
  await client.query('savepoint blame')
  try {
    await applyRows(client, rows)
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
