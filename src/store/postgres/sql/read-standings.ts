// What holds at positions, where policies or closes have changed it.

import type { PoolClient } from 'pg'
import type { GuardedStanding } from '../../../codec/policy/standing.ts'
import { standingFromJson } from '../../../codec/policy/standing-json.ts'

/** By partition, ascending; partitions in which the same holds have one object between them. */
export async function readStandings(client: PoolClient): Promise<ReadonlyMap<number, GuardedStanding>> {
  const { rows } = await client.query<{ partitions: number[]; standing: string }>(READ_STANDINGS)
  const standings = rows.flatMap(({ partitions, standing }) => {
    const read = standingFromJson(standing)
    return partitions.map((partition): [number, GuardedStanding] => [partition, read])
  })
  return new Map(standings.sort(([a], [b]) => a - b))
}

// A policy may be long, and comes into all partitions: it is sent once.
const READ_STANDINGS =
  'select array_agg(partition) as partitions, standing::text as standing from spindexer.standings group by standings.standing'
