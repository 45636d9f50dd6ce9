// Parked messages that wait for what a definition has brought since they were judged.

import type { PoolClient } from 'pg'
import { compareText } from '../../../crdt/value.ts'
import { textArray } from '../../../postgres/arrays.ts'
import type { PendingMessage } from '../../store.ts'

/** What a definition has brought for messages that were judged below `definedAt`. */
export interface Cure {
  readonly dataset: string
  readonly waitsFor: string
  readonly definedAt: bigint
}

/**
 * Keeps, of what a definition step brings, what some message waits for. No message is parked beside a definition, so
 * none that waits for it comes later.
 */
export async function keepCures(
  client: PoolClient,
  cures: readonly CureName[],
  definedAt: bigint,
): Promise<void> {
  if (cures.length === 0) return
  await client.query(
    `insert into spindexer.cures (dataset, waits_for, defined_at)
     select cure.dataset, cure.waits_for, $3
     from unnest($1::text[], $2::text[]) as cure (dataset, waits_for)
     where exists (
       select from spindexer.parked as p where p.dataset = cure.dataset and p.waits_for = cure.waits_for
     )
     on conflict (dataset, waits_for) do update set defined_at = excluded.defined_at`,
    [
      textArray(cures.map(({ dataset }) => dataset)),
      textArray(cures.map(({ waitsFor }) => waitsFor)),
      definedAt.toString(),
    ],
  )
}

/** A dataset, and what of it messages may wait for. */
export type CureName = Pick<Cure, 'dataset' | 'waitsFor'>

/** The order in which messages are judged again: by dataset, then by what they wait for. */
export function compareCures(a: CureName, b: CureName): number {
  return compareText(a.dataset, b.dataset) || compareText(a.waitsFor, b.waitsFor)
}

/** How many parked messages wait for one of these. */
export async function countWaiting(client: PoolClient, cures: readonly CureName[]): Promise<bigint> {
  const { rows } = await client.query<{ count: string }>(
    `select count(*) from spindexer.parked
     where (dataset, waits_for) in (select * from unnest($1::text[], $2::text[]))`,
    [textArray(cures.map(({ dataset }) => dataset)), textArray(cures.map(({ waitsFor }) => waitsFor))],
  )
  return BigInt(rows[0]!.count)
}

/** In the order of `compareCures`. */
export async function readCures(client: PoolClient): Promise<Cure[]> {
  const { rows } = await client.query<{ dataset: string; waits_for: string; defined_at: string }>(
    'select * from spindexer.cures order by dataset, waits_for',
  )
  return rows.map(({ dataset, waits_for, defined_at }) => ({
    dataset,
    waitsFor: waits_for,
    definedAt: BigInt(defined_at),
  }))
}

/**
 * At most `limit` messages that wait for a cure, behind `after` if that waits for the same. One range of the index:
 * without a place to begin at, each chunk would wade through what the ones before have deleted.
 */
export async function pendingParked(
  client: PoolClient,
  { dataset, waitsFor, definedAt }: Cure,
  after: PendingMessage | null,
  limit: number,
): Promise<PendingMessage[]> {
  const from = after === null ? [] : [after.judgedAt, after.partition, after.offset]
  const { rows } = await client.query<{ partition: number; offset: string; judged_at: string; size: string }>(
    `select partition, "offset", judged_at, size from spindexer.parked
     where dataset = $1 and waits_for = $2 and judged_at < $3
       ${after === null ? '' : 'and (judged_at, partition, "offset") > ($5, $6, $7)'}
     order by judged_at, partition, "offset" limit $4`,
    [dataset, waitsFor, definedAt.toString(), limit, ...from.map(String)],
  )
  return rows.map(({ partition, offset, judged_at, size }) => ({
    partition,
    offset: BigInt(offset),
    dataset,
    waitsFor,
    judgedAt: BigInt(judged_at),
    size: Number(size),
  }))
}

/**
 * Forgets a cure for which no message waits any more. One statement, so one snapshot: what another worker has taken but
 * not committed is still there. A later definition's cure of the same name stays, since it is another `definedAt`.
 */
export async function endCure(client: PoolClient, { dataset, waitsFor, definedAt }: Cure): Promise<void> {
  await client.query(
    `delete from spindexer.cures
     where dataset = $1 and waits_for = $2 and defined_at = $3 and not exists (
       select from spindexer.parked where dataset = $1 and waits_for = $2 and judged_at < $3
     )`,
    [dataset, waitsFor, definedAt.toString()],
  )
}

/** Marks the state as being at D, if D is still `offset` and no message waits for what was defined. */
export async function markRejudged(client: PoolClient, offset: bigint): Promise<void> {
  await client.query(
    `update spindexer.definitions set rejudged_to = next_offset
     where next_offset = $1 and rejudged_to <> next_offset and not exists (select from spindexer.cures)`,
    [offset.toString()],
  )
}
