// Ends sessions of workers that stopped in the middle of sending a statement, and hold locks until the rest comes.

import type { PoolClient } from 'pg'

/**
 * For who waited for a lock in vain. Postgres ends a session that is idle in its transaction, but waits for the rest of
 * a message without an end (its transaction_timeout is of version 17), and the system of a frozen process keeps the
 * connection up.
 */
export async function endStuck(client: PoolClient): Promise<void> {
  await client.query(END_STUCK)
}

// The time is that of the statement's first message: longer than the largest takes on a slow network.
const END_STUCK = `
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and usename = current_user and application_name = 'spindexer'
  and backend_xid is not null and state = 'active' and wait_event = 'ClientRead'
  and query_start < clock_timestamp() - interval '20 s'`
