// How far named readers have come, as they say themselves.

import type { ClientBase } from 'pg'
import { plainArray } from '../../postgres/arrays.ts'

/** See `LogKeeping.loadBookmark`. */
export async function loadBookmark(client: ClientBase, name: string): Promise<ReadonlyMap<number, bigint>> {
  const { rows } = await client.query<{ partition: number; offset: string }>(LOAD, [name])
  return new Map(rows.map(({ partition, offset }) => [partition, BigInt(offset)]))
}

/** See `LogKeeping.saveBookmark`. In a transaction of its own, whose commit is waited for. */
export async function saveBookmark(
  client: ClientBase,
  name: string,
  positions: ReadonlyMap<number, bigint>,
): Promise<void> {
  if (positions.size === 0) return
  await client.query(SAVE, [name, plainArray([...positions.keys()]), plainArray([...positions.values()])])
}

const LOAD = `
select partition, next_offset::text as "offset" from spindexer_log.bookmarks where name = $1`

/** The setting is made while the row is written, so before the commit. */
const SAVE = `
insert into spindexer_log.bookmarks as b (name, partition, next_offset)
select $1, p.partition, p.next_offset
from unnest($2::int[], $3::bigint[]) as p (partition, next_offset),
  (select set_config('synchronous_commit', 'on', true)) as durable
on conflict (name, partition) do update set next_offset = excluded.next_offset, saved_at = clock_timestamp()`
