// Moves what was judged again from the count of parked messages to that of merged ones.

import type { PoolClient } from 'pg'
import { plainArray } from '../arrays.ts'

/** How many partitions were there to be recounted. */
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
with held as materialized (
  select partition from spindexer.positions where partition = any ($1::int[]) order by partition for update
)
update spindexer.positions as p set parked = p.parked - moved.count, merged = p.merged + moved.count
from held join unnest($1::int[], $2::bigint[]) as moved (partition, count) on moved.partition = held.partition
where p.partition = held.partition`
