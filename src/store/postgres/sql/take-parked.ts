// Takes parked messages away, so that exactly one worker judges each again.

import type { PoolClient } from 'pg'
import type { Pointer } from '../../../codec/record.ts'
import { plainArray } from '../../../postgres/arrays.ts'

/**
 * How many of the pointers were there, and are taken. The caller holds the positions of their partitions: two workers
 * that took overlapping chunks would else wait for each other in a circle.
 */
export async function takeParked(client: PoolClient, pointers: readonly Pointer[]): Promise<number> {
  const { rowCount } = await client.query(TAKE_PARKED, [
    plainArray(pointers.map(({ partition }) => partition)),
    plainArray(pointers.map(({ offset }) => offset)),
  ])
  return rowCount ?? 0
}

// One look into the index each, whatever the statistics say: a join may become a hash join, which reads the whole table
// for every chunk.
const TAKE_PARKED = `
delete from spindexer.parked
where ctid = any (array(
  select (
    select p.ctid from spindexer.parked as p
    where p.partition = asked.partition and p."offset" = asked."offset"
  )
  from unnest($1::int[], $2::bigint[]) as asked (partition, "offset")
))`
