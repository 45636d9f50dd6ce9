// The processes that share one node's partitions, and the id that they share.

import type { Pool } from 'pg'
import { inTransaction, WRITE } from '../../postgres/pool.ts'
import type { StoreRefusal } from '../store.ts'
import { refuseSchema } from './version.ts'

/** Never by this alone: while the database is away no worker is seen, and all of them may live. */
const FORGOTTEN_AFTER = '1 hour'

/** The id of the node that this database is; its consumer group is named after it. */
export async function readNodeId(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ node_id: string }>('select node_id from spindexer.node')
  return rows[0]!.node_id
}

/** For a database that was cloned: a new node id, and no workers. The state stays. Answers with the id. */
export async function resetNodeId(pool: Pool): Promise<string | StoreRefusal> {
  return inTransaction(pool, WRITE, async (client) => {
    const refusal = await refuseSchema(client)
    if (refusal !== null) return refusal
    const { rows } = await client.query<{ node_id: string }>(
      `with gone as (delete from spindexer.workers)
       update spindexer.node set node_id = gen_random_uuid() returning node_id`,
    )
    return rows[0]!.node_id
  })
}

/** Registers a worker (a uuid), or says that it still lives. */
export async function registerWorker(pool: Pool, workerId: string): Promise<void> {
  await pool.query(
    `insert into spindexer.workers (worker_id) values ($1)
     on conflict (worker_id) do update set seen_at = clock_timestamp()`,
    [workerId],
  )
}

/** Of each worker when it was last seen: a text that changes each time. */
export async function registeredWorkers(pool: Pool): Promise<ReadonlyMap<string, string>> {
  const { rows } = await pool.query<{ worker_id: string; seen_at: string }>(
    'select worker_id, seen_at::text as seen_at from spindexer.workers',
  )
  return new Map(rows.map(({ worker_id, seen_at }) => [worker_id, seen_at]))
}

/** Removes workers that were not seen for long and are none of these, which are at work. */
export async function forgetWorkers(pool: Pool, atWork: readonly string[]): Promise<void> {
  await pool.query(
    `delete from spindexer.workers
     where seen_at < clock_timestamp() - interval '${FORGOTTEN_AFTER}' and worker_id::text <> all ($1::text[])`,
    [atWork],
  )
}
