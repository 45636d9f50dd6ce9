// Parked messages whose dataset has changed since they were judged.

import type { PoolClient } from 'pg'
import type { Pointer } from '../../../codec/record.ts'

const PENDING = `
from spindexer.parked as p
join spindexer.datasets as d on d.name = p.dataset and d.changed_at > p.judged_at`

/** At most `limit`, in order of partition and offset. */
export async function pendingParked(client: PoolClient, limit: number): Promise<Pointer[]> {
  const { rows } = await client.query<{ partition: number; offset: string }>(
    `select p.partition, p."offset" ${PENDING} order by p.partition, p."offset" limit $1`,
    [limit],
  )
  return rows.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) }))
}

/**
 * Marks the state as being at D, if D is still `offset` and nothing is pending. One statement, so one snapshot: what
 * another worker has taken but not committed is still there, and pending. D is compared again should it have moved
 * while this waited; the datasets of a later D are not in the snapshot.
 */
export async function markRejudged(client: PoolClient, offset: bigint): Promise<void> {
  await client.query(
    `update spindexer.definitions set rejudged_to = next_offset
     where next_offset = $1 and rejudged_to <> next_offset and not exists (select ${PENDING})`,
    [offset.toString()],
  )
}
