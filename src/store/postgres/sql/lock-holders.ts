// Who holds what a definition has to change: for messages.

import type { PoolClient } from 'pg'
import type { Dataset } from '../../../codec/catalogue.ts'
import { textArray } from '../../../postgres/arrays.ts'
import { tableOf } from '../names.ts'
import { viewOf } from '../tables.ts'

export interface LockHolder {
  /** The relation's name as Postgres writes it. */
  readonly relation: string
  readonly pid: number
  /** Empty when it does not say. */
  readonly application: string
  /** `active`, `idle in transaction`, … */
  readonly state: string
  /** Seconds since its transaction began. */
  readonly seconds: number
}

/** Other sessions with a lock on the view or the table of one of these datasets, at most five. */
export async function lockHolders(
  client: PoolClient,
  datasets: readonly Dataset[],
  dataSchema: string,
): Promise<readonly LockHolder[]> {
  const names = datasets.flatMap((dataset) => [viewOf(dataset, dataSchema), tableOf(dataset.name)])
  const { rows } = await client.query<LockHolder>(LOCK_HOLDERS, [textArray(names)])
  return rows
}

const LOCK_HOLDERS = `
select distinct on (a.pid) l.relation::regclass::text as relation, a.pid, a.application_name as application,
  coalesce(a.state, 'unknown') as state,
  coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::int as seconds
from pg_locks as l
join pg_stat_activity as a on a.pid = l.pid
where l.granted and l.locktype = 'relation' and a.pid <> pg_backend_pid()
  and l.database = (select oid from pg_database where datname = current_database())
  and l.relation in (select to_regclass(name) from unnest($1::text[]) as asked (name))
order by a.pid, relation
limit 5`

/** For people: `tracks is held by process 4711 (psql, idle in transaction, since 12 s)`. */
export function describeHolders(holders: readonly LockHolder[]): string {
  if (holders.length === 0) return 'somebody held a table that changes, or batches were being written'
  const words = holders.map(({ relation, pid, application, state, seconds }) => {
    const name = application === '' ? state : `${application}, ${state}`
    return `${relation} is held by process ${pid} (${name}, since ${seconds} s)`
  })
  return words.join('; ')
}
