// The processes that share one node's partitions, and the id that they share.

import type { Pool } from 'pg'

/** A worker that was not seen for so long is gone. */
const WORKER_GONE_AFTER = '5 minutes'

/** The id of the node that this database is; its consumer group is named after it. */
export async function readNodeId(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ node_id: string }>('select node_id from spindexer.node')
  return rows[0]!.node_id
}

/** For a database that was cloned: a new node id, and no workers. The state stays. Answers with the id. */
export async function resetNodeId(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ node_id: string }>(
    `with gone as (delete from spindexer.workers)
     update spindexer.node set node_id = gen_random_uuid() returning node_id`,
  )
  return rows[0]!.node_id
}

/** Registers a worker (a uuid), or says that it still lives; workers that have not said so for long are removed. */
export async function registerWorker(pool: Pool, workerId: string): Promise<void> {
  await pool.query(
    `with gone as (
       delete from spindexer.workers
       where worker_id <> $1 and seen_at < clock_timestamp() - interval '${WORKER_GONE_AFTER}'
     )
     insert into spindexer.workers (worker_id) values ($1)
     on conflict (worker_id) do update set seen_at = clock_timestamp()`,
    [workerId],
  )
}

/** Ids of the workers that were seen not long ago. */
export async function registeredWorkers(pool: Pool): Promise<ReadonlySet<string>> {
  const { rows } = await pool.query<{ worker_id: string }>(
    `select worker_id from spindexer.workers
     where seen_at >= clock_timestamp() - interval '${WORKER_GONE_AFTER}'`,
  )
  return new Set(rows.map(({ worker_id }) => worker_id))
}
