// The statistic on sessions' numbers, for a bounded number of them.

import { plainArray, textArray } from '../../../postgres/arrays.ts'
import type { Statement } from '../../../postgres/exchange.ts'
import { ORIGINS_MAX } from '../../limits.ts'
import type { OriginStep } from '../../store.ts'

export function countOrigins(steps: readonly OriginStep[]): Statement {
  const values = [
    textArray(steps.map(({ origin }) => origin)),
    plainArray(steps.map(({ partition }) => partition)),
    plainArray(steps.map(({ highestSeq }) => highestSeq)),
    plainArray(steps.map(({ count }) => count)),
  ]
  return { text: COUNT_ORIGINS, values }
}

// Both workers of a node may add at once and go a little beyond the bound: it bounds space, no more.
const COUNT_ORIGINS = `
with step as materialized (
  select s.*, exists (
    select from spindexer.origins as o where o.origin = s.origin and o.partition = s.partition
  ) as is_known
  from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) as s (origin, partition, highest_seq, count)
),
fresh as (
  select * from step where not is_known
  limit greatest(0, ${ORIGINS_MAX} - (select count(*) from spindexer.origins))
)
insert into spindexer.origins as o (origin, partition, highest_seq, count)
select origin, partition, highest_seq, count
from (select * from step where is_known union all select * from fresh) as recorded
order by origin, partition
on conflict (origin, partition) do update set
  highest_seq = greatest(o.highest_seq, excluded.highest_seq),
  count = o.count + excluded.count`
