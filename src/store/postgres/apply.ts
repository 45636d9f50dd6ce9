// Applying a fold: its datasets and rows in one fixed order, so that two workers never wait for each other in a circle.

import type { PoolClient } from 'pg'
import type { Catalogue } from '../../codec/catalogue.ts'
import type { PackedFold } from '../../crdt/packed/fold.ts'
import { type Bundle, createBundle, type Statement } from '../../postgres/exchange.ts'
import { copyRows, isWorthCopying } from './copy.ts'
import { type Chunk, chunksOf, foldToRows, type PackedRows } from './packed-rows.ts'
import { chunkParameters } from './parameters.ts'
import { settleTies } from './ties.ts'
import { MEETINGS, upsertSql, weighed } from './upsert.ts'

/**
 * Applies a fold behind the statements of `bundle`, and settles that. Ends early where `isStale` says, after those, that
 * nothing will be kept.
 */
export async function applyFold(
  client: PoolClient,
  bundle: Bundle,
  catalogue: Catalogue,
  fold: PackedFold,
  isStale = () => false,
): Promise<void> {
  const upserted: PackedRows[] = []
  for (const rows of foldToRows(catalogue, fold)) {
    if (isWorthCopying(rows)) {
      await bundle.settle()
      if (isStale()) return
      if (await copyRows(client, rows)) continue
    }
    await upsertRows(bundle, rows)
    upserted.push(rows)
  }
  await settle(client, bundle, upserted, isStale)
}

/** The same for some rows of one dataset, always by the upsert. */
export async function applyRows(client: PoolClient, rows: PackedRows): Promise<void> {
  const bundle = createBundle(client)
  await upsertRows(bundle, rows)
  await settle(client, bundle, [rows])
}

async function upsertRows(bundle: Bundle, rows: PackedRows): Promise<void> {
  // A statement's arrays are made while Postgres is at work on those before.
  for (const chunk of chunksOf(rows)) await bundle.add(statementOf(chunk))
}

function statementOf(chunk: Chunk): Statement {
  return { text: upsertSql(chunk), values: chunkParameters(chunk) }
}

async function settle(
  client: PoolClient,
  bundle: Bundle,
  upserted: readonly PackedRows[],
  isStale = () => false,
): Promise<void> {
  if (upserted.length === 0) return bundle.settle()
  let isTied = false
  let isMixed = false
  const meetings: Statement = {
    text: MEETINGS,
    values: [],
    onAnswer: (_count, [row]) => {
      isTied = row?.[0] === 'yes'
      isMixed = row?.[1] === 'yes'
    },
  }
  await bundle.add(meetings)
  await bundle.settle()
  if (isStale()) return
  if (isMixed) {
    for (const rows of upserted)
      for (const chunk of chunksOf(rows)) if (chunk.isPlain) await bundle.add(statementOf(weighed(chunk)))
    await bundle.add(meetings)
    await bundle.settle()
  }
  if (!isTied) return
  for (const rows of upserted) for (const chunk of chunksOf(rows)) await settleTies(client, weighed(chunk))
}
