// Parked and quarantined messages together, as far as a filter lets through.

import type { PoolClient } from 'pg'
import { compareText } from '../../../crdt/value.ts'
import type { SetAsideFilter, SetAsideKind, SetAsideMessage, StoreStatus } from '../../store.ts'
import { readCursor } from '../cursor.ts'

/** In order of partition and offset; both tables have an index for it, so nothing is sorted first. */
export async function* listSetAside(
  client: PoolClient,
  filter: SetAsideFilter,
  cursor: string,
): AsyncGenerator<SetAsideMessage> {
  const sql = `select kind, s.partition::text, s."offset"::text, dataset, reason, detail, size::text, append_ms::text
    from (${SET_ASIDE}) as s order by s.partition, s."offset"`
  for await (const texts of readCursor(client, cursor, sql, parametersOf(filter))) {
    const [kind, partition, offset, dataset, reason, detail, size, appendMs] = texts
    yield {
      kind: kind as SetAsideKind,
      partition: Number(partition),
      offset: BigInt(offset!),
      dataset: dataset!,
      reason: reason!,
      detail: detail!,
      size: Number(size),
      appendMs: BigInt(appendMs!),
    }
  }
}

export async function countSetAside(
  client: PoolClient,
  filter: SetAsideFilter,
): Promise<StoreStatus['reasons']> {
  const { rows } = await client.query<{ kind: SetAsideKind; reason: string; count: string }>(
    `select kind, reason, count(*) from (${SET_ASIDE}) as s group by kind, reason`,
    parametersOf(filter),
  )
  return rows
    .map(({ kind, reason, count }) => ({ kind, reason, count: BigInt(count) }))
    .sort((a, b) => compareText(a.kind, b.kind) || compareText(a.reason, b.reason))
}

const MEANT = `($2::text is null or reason = $2) and ($3::text is null or dataset = $3)
  and ($4::int is null or partition = $4) and ($5::bigint is null or "offset" = $5)
  and ($6::bigint is null or "offset" >= $6) and ($7::bigint is null or "offset" < $7)`

const SET_ASIDE = `
select 'parked' as kind, partition, "offset", dataset, reason, detail, size, append_ms
from spindexer.parked where ($1::text is null or $1 = 'parked') and ${MEANT}
union all
select 'quarantined', partition, "offset", dataset collate "C", reason, detail, size, append_ms
from spindexer.quarantined where ($1::text is null or $1 = 'quarantined') and ${MEANT}`

function parametersOf(filter: SetAsideFilter): (string | null)[] {
  const { kind, reason, dataset, partition, offset, offsets } = filter
  return [
    kind ?? null,
    reason ?? null,
    dataset ?? null,
    partition?.toString() ?? null,
    offset?.toString() ?? null,
    offsets?.from.toString() ?? null,
    offsets?.next.toString() ?? null,
  ]
}
