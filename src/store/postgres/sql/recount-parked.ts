// Moves what was judged again from the count of parked messages to that of merged ones.

import type { PoolClient } from 'pg'
import { plainArray } from '../../../postgres/arrays.ts'

/** How many partitions were there to be recounted. The caller holds their positions. */
export async function recountParked(
  client: PoolClient,
  countByPartition: ReadonlyMap<number, number>,
): Promise<number> {
  const { rowCount } = await client.query(RECOUNT_PARKED, [
    plainArray([...countByPartition.keys()]),
    plainArray([...countByPartition.values()]),
  ])
  return rowCount ?? 0
}

const RECOUNT_PARKED = `
update spindexer.positions as p set parked = p.parked - moved.count, merged = p.merged + moved.count
from unnest($1::int[], $2::bigint[]) as moved (partition, count)
where p.partition = moved.partition`

/**
 * Locks the positions of partitions, in their order, as batches do: one after the other for all who move messages of the
 * same partition.
 */
export async function holdPositions(client: PoolClient, partitions: Iterable<number>): Promise<void> {
  await client.query(
    'select from spindexer.positions where partition = any ($1::int[]) order by partition for update',
    [plainArray([...new Set(partitions)])],
  )
}
