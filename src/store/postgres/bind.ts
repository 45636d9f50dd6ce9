// Which log this database follows: a fresh one takes the identity that it is given, a state moves to a later copy of its log.

import type { Pool, PoolClient } from 'pg'
import { maxStamp, type Stamp } from '../../crdt/stamp.ts'
import { inTransaction, WRITE } from '../../postgres/pool.ts'
import { isSameIdentity, refuseIdentity } from '../identity.ts'
import type { LogIdentity } from '../store.ts'
import { LOCK_EXCLUSIVELY, readHead, readPositions } from './state.ts'

/**
 * Binds the database, which is fresh or bound to an earlier generation, to a log. When another worker was first, what it
 * did stays, and is the caller's to judge. Answers with the identity from which the state was moved, or null.
 */
export function bindTo(pool: Pool, identity: LogIdentity): Promise<LogIdentity | null> {
  return inTransaction(pool, WRITE, async (client) => {
    await client.query(LOCK_EXCLUSIVELY)
    const { identity: held } = await readHead(client)
    const isDone =
      held !== null && (isSameIdentity(held, identity) || refuseIdentity(held, identity) !== null)
    if (isDone) return null
    if (held !== null) await forgetLog(client)
    const { logId, copyId, generation } = identity
    await client.query('update spindexer.node set log_id = $1, copy_id = $2, generation = $3', [
      logId,
      copyId,
      generation,
    ])
    return held
  })
}

/**
 * Everything that speaks of places in the log goes. The newest stamp stays, with partition 0, which every log has: what
 * was written by it can still be read. Not truncated: readers keep their snapshots.
 */
async function forgetLog(client: PoolClient): Promise<void> {
  const newest = (await readPositions(client)).reduce<Stamp | null>(
    (stamp, { newestStamp }) => maxStamp(stamp, newestStamp),
    null,
  )
  for (const table of ['positions', 'parked', 'quarantined', 'cures', 'origins', 'standings']) {
    await client.query(`delete from spindexer.${table}`)
  }
  if (newest !== null) await client.query(KEEP_NEWEST, [newest])
  await client.query(`
    update spindexer.definitions set
      next_offset = 0, rejudged_to = 0, last_offset = null, last_hash = null, taken = 0, refused = 0, controls = 0`)
  await client.query('update spindexer.datasets set changed_at = 0')
}

const KEEP_NEWEST = `
insert into spindexer.positions (
  partition, next_offset, consumed, merged, parked, quarantined, controls, newest_stamp
) values (0, 0, 0, 0, 0, 0, 0, $1)`
