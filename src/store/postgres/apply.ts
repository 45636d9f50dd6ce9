// Applying a fold: its datasets and rows in one fixed order, so that two workers never wait for each other in a circle.

import type { PoolClient } from 'pg'
import type { Catalogue, Dataset } from '../../codec/catalogue.ts'
import type { FoldedRow } from '../../crdt/fold.ts'
import { type PackedFold, unpackFold } from '../../crdt/packed/fold.ts'
import { compareText } from '../../crdt/value.ts'
import { createRowSet, rowParameters } from './rows.ts'
import { settleTies } from './ties.ts'
import { upsertSql } from './upsert.ts'

/** A statement's bounds. Postgres takes messages below 1 GiB, and arrays are parsed in its memory. */
const STATEMENT_ROWS_MAX = 10_000
const STATEMENT_BYTES_MAX = 64 * 1024 * 1024

export async function applyFold(client: PoolClient, catalogue: Catalogue, fold: PackedFold): Promise<void> {
  for (const { dataset, rows } of foldToChunks(catalogue, fold)) await applyRows(client, dataset, rows)
}

/** Rows of one dataset, in order of their keys, few enough for a statement. */
export async function applyRows(
  client: PoolClient,
  dataset: Dataset,
  rows: readonly FoldedRow[],
): Promise<void> {
  const rowSet = createRowSet(dataset, rows)
  const { rows: tied } = await client.query<string[]>({
    text: upsertSql(rowSet),
    values: rowParameters(rowSet),
    rowMode: 'array',
  })
  if (tied.length > 0) await settleTies(client, rowSet, tied)
}

/** A statement's worth each, in the order in which they are to be applied. */
export function* foldToChunks(
  catalogue: Catalogue,
  packed: PackedFold,
): Generator<{ readonly dataset: Dataset; readonly rows: readonly FoldedRow[] }> {
  const fold = unpackFold(packed)
  for (const name of [...fold.keys()].sort(compareText)) {
    const dataset = catalogue.datasets.get(name)
    if (dataset === undefined) throw new Error(`a batch holds rows of "${name}", which is not defined`)
    // Any order that all workers share will do here, and that of UTF-16 is the one that costs nothing.
    const rowsByKey = fold.get(name)!
    const sorted = [...rowsByKey.keys()].sort().map((key) => rowsByKey.get(key)!)
    for (const rows of chunksOf(sorted)) yield { dataset, rows }
  }
}

function* chunksOf(rows: readonly FoldedRow[]): Generator<readonly FoldedRow[]> {
  let from = 0
  let bytes = 0
  for (let i = 0; i < rows.length; i++) {
    const size = sizeOf(rows[i]!)
    if (i > from && (i - from >= STATEMENT_ROWS_MAX || bytes + size > STATEMENT_BYTES_MAX)) {
      yield rows.slice(from, i)
      from = i
      bytes = 0
    }
    bytes += size
  }
  if (from < rows.length) yield rows.slice(from)
}

/** Roughly the bytes of a row in the parameters; exact where it counts, in long texts and bytes. */
function sizeOf({ cells }: FoldedRow): number {
  let size = 100
  cells.forEach((_name, _stamp, value) => {
    size += 40
    if (typeof value === 'string') size += value.length
    else if (value instanceof Uint8Array) size += 2 * value.length
  })
  return size
}
