// Takes parked messages away, so that exactly one worker judges each again.

import type { PoolClient } from 'pg'
import type { Pointer } from '../../../codec/record.ts'
import { plainArray } from '../arrays.ts'

/**
 * How many of the pointers were there, and are taken. Locked in order first: two workers that take overlapping chunks
 * would wait for each other in a circle.
 */
export async function takeParked(client: PoolClient, pointers: readonly Pointer[]): Promise<number> {
  const { rowCount } = await client.query(TAKE_PARKED, [
    plainArray(pointers.map(({ partition }) => partition)),
    plainArray(pointers.map(({ offset }) => offset)),
  ])
  return rowCount ?? 0
}

const TAKE_PARKED = `
with held as materialized (
  select p.partition, p."offset"
  from unnest($1::int[], $2::bigint[]) as asked (partition, "offset")
  join spindexer.parked as p on p.partition = asked.partition and p."offset" = asked."offset"
  order by p.partition, p."offset"
  for update of p
)
delete from spindexer.parked as p using held
where p.partition = held.partition and p."offset" = held."offset"
returning p.partition`
