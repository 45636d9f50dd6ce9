// Positions move by compare and set, with their counts: what fences a second worker.

import { plainArray } from '../../../postgres/arrays.ts'
import type { Statement } from '../../../postgres/exchange.ts'
import type { PartitionStep } from '../../store.ts'

/** Says how many positions were the ones that were read: if not all, the transaction must be rolled back. */
export function movePositions(steps: readonly PartitionStep[], onMoved: (count: number) => void): Statement {
  const pick = (of: (step: PartitionStep) => string | bigint | number | null): string =>
    plainArray(steps.map(of))
  const values = [
    pick((step) => step.partition),
    pick((step) => step.from),
    pick((step) => step.next),
    pick((step) => step.last?.offset ?? null),
    pick((step) => step.last?.hash ?? null),
    pick((step) => step.consumed),
    pick((step) => step.merged),
    pick((step) => step.parked),
    pick((step) => step.quarantined),
    pick((step) => step.controls),
    pick((step) => step.newestStamp),
    pick((step) => step.newestAppendMs),
  ]
  return { text: MOVE_POSITIONS, values, onAnswer: onMoved }
}

const MOVE_POSITIONS = `
with step as materialized (
  select * from unnest(
    $1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::uuid[], $12::bigint[]
  ) as s (
    partition, read_offset, next_offset, last_offset, last_hash, consumed, merged, parked,
    quarantined, controls, newest_stamp, newest_append_ms
  )
)
insert into spindexer.positions as p (
  partition, next_offset, last_offset, last_hash, consumed, merged, parked,
  quarantined, controls, newest_stamp, newest_append_ms
)
select
  partition, next_offset, last_offset, last_hash, consumed, merged, parked,
  quarantined, controls, newest_stamp, newest_append_ms
from step as s
where s.read_offset = 0 or exists (select from spindexer.positions as held where held.partition = s.partition)
order by partition
on conflict (partition) do update set
  next_offset = excluded.next_offset,
  last_offset = coalesce(excluded.last_offset, p.last_offset),
  last_hash = coalesce(excluded.last_hash, p.last_hash),
  consumed = p.consumed + excluded.consumed,
  merged = p.merged + excluded.merged,
  parked = p.parked + excluded.parked,
  quarantined = p.quarantined + excluded.quarantined,
  controls = p.controls + excluded.controls,
  newest_stamp = greatest(p.newest_stamp, excluded.newest_stamp),
  newest_append_ms = greatest(p.newest_append_ms, excluded.newest_append_ms)
where p.next_offset = (select s.read_offset from step as s where s.partition = excluded.partition)`
