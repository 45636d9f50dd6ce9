// Keeps what holds at positions from now on. Who moves a position holds its row, so nobody else writes the same one.

import type { GuardedStanding } from '../../../codec/policy/standing.ts'
import { standingToJson } from '../../../codec/policy/standing-json.ts'
import { plainArray, textArray } from '../../../postgres/arrays.ts'
import type { Statement } from '../../../postgres/exchange.ts'

/** By partition, DEFINITIONS included. */
export function keepStandings(standings: ReadonlyMap<number, GuardedStanding>): Statement {
  const texts = [...standings.values()].map(standingToJson)
  return { text: KEEP_STANDINGS, values: [plainArray([...standings.keys()]), textArray(texts)] }
}

const KEEP_STANDINGS = `
insert into spindexer.standings (partition, standing)
select partition, standing::jsonb from unnest($1::int[], $2::text[]) as s (partition, standing) order by partition
on conflict (partition) do update set standing = excluded.standing`
