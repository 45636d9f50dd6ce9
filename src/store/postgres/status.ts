// Figures for people, all of one snapshot.

import type { PoolClient } from 'pg'
import type { Catalogue } from '../../codec/catalogue.ts'
import { compareText } from '../../crdt/value.ts'
import type { StoreStatus } from '../store.ts'
import { tableOf } from './names.ts'
import { readStandings } from './sql/read-standings.ts'
import { countSetAside } from './sql/set-aside.ts'
import { readHead, readPositions, toState } from './state.ts'
import { completeSql, EXISTS } from './tables.ts'

export async function readStatus(client: PoolClient, catalogue: Catalogue): Promise<StoreStatus> {
  const head = await readHead(client)
  const positions = await readPositions(client)
  return {
    identity: head.identity,
    state: head.identity === null ? null : toState(head, catalogue, positions, await readStandings(client)),
    definitions: { taken: head.taken, refused: head.refused, controls: head.controls },
    counts: positions.map(({ partition, position, consumed, merged, parked, quarantined, controls }) => ({
      partition,
      position,
      consumed,
      merged,
      parked,
      quarantined,
      controls,
    })),
    reasons: await countSetAside(client, {}),
    rows: await countRows(client, catalogue),
    origins: await countOrigins(client),
  }
}

async function countRows(client: PoolClient, catalogue: Catalogue): Promise<StoreStatus['rows']> {
  const counts: StoreStatus['rows'][number][] = []
  for (const name of [...catalogue.datasets.keys()].sort(compareText)) {
    const complete = completeSql(catalogue.datasets.get(name)!)
    const { rows } = await client.query<{ visible: string; incomplete: string; absent: string }>(
      `select
         count(*) filter (where ${EXISTS} and ${complete}) as visible,
         count(*) filter (where ${EXISTS} and not ${complete}) as incomplete,
         count(*) filter (where not ${EXISTS}) as absent
       from ${tableOf(name)}`,
    )
    const { visible, incomplete, absent } = rows[0]!
    counts.push({
      dataset: name,
      visible: BigInt(visible),
      incomplete: BigInt(incomplete),
      absent: BigInt(absent),
    })
  }
  return counts
}

/** A session's numbers run from 0 over all partitions: fewer than its greatest + 1 is a gap, more a duplicate. */
async function countOrigins(client: PoolClient): Promise<StoreStatus['origins']> {
  const { rows } = await client.query<{ seen: string; gaps: string; duplicates: string }>(
    `select
       count(*) as seen,
       count(*) filter (where count < highest + 1) as gaps,
       count(*) filter (where count > highest + 1) as duplicates
     from (
       select sum(count) as count, max(highest_seq) as highest from spindexer.origins group by origin
     ) as sessions`,
  )
  const { seen, gaps, duplicates } = rows[0]!
  return { seen: BigInt(seen), withGaps: BigInt(gaps), withDuplicates: BigInt(duplicates) }
}
