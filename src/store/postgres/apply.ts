// Applying a fold: its datasets and rows in one fixed order, so that two workers never wait for each other in a circle.

import type { PoolClient } from 'pg'
import type { Catalogue } from '../../codec/catalogue.ts'
import type { PackedFold } from '../../crdt/packed/fold.ts'
import { copyRows } from './copy.ts'
import { type Chunk, chunksOf, foldToRows, type PackedRows } from './packed-rows.ts'
import { chunkParameters } from './parameters.ts'
import { hasTies, settleTies } from './ties.ts'
import { upsertSql } from './upsert.ts'

export async function applyFold(client: PoolClient, catalogue: Catalogue, fold: PackedFold): Promise<void> {
  const upserted: PackedRows[] = []
  for (const rows of foldToRows(catalogue, fold)) {
    if (await copyRows(client, rows)) continue
    await upsertRows(client, rows)
    upserted.push(rows)
  }
  if (upserted.length > 0) await settle(client, upserted)
}

/** The same for some rows of one dataset, always by the upsert. */
export async function applyRows(client: PoolClient, rows: PackedRows): Promise<void> {
  await upsertRows(client, rows)
  await settle(client, [rows])
}

async function upsertRows(client: PoolClient, rows: PackedRows): Promise<void> {
  let written: Promise<unknown> = Promise.resolve()
  for (const chunk of chunksOf(rows)) {
    // Made while Postgres is at work on the chunk before.
    const statement = statementOf(chunk)
    await written
    written = client.query(statement)
    // Awaited with the next one, which may throw before.
    written.catch(() => {})
  }
  await written
}

function statementOf(chunk: Chunk): { readonly text: string; readonly values: Buffer[] } {
  return { text: upsertSql(chunk), values: chunkParameters(chunk) }
}

async function settle(client: PoolClient, upserted: readonly PackedRows[]): Promise<void> {
  if (!(await hasTies(client))) return
  for (const rows of upserted) for (const chunk of chunksOf(rows)) await settleTies(client, chunk)
}
