// Connections and transactions.

import pg, { type Pool, type PoolClient } from 'pg'

/** Of one process: a batch, a definition, a look at parked messages, and one to spare. */
const CONNECTIONS_MAX = 4

/**
 * Wide statements are compiled for seconds with jit, and floats lose digits when somebody sets extra_float_digits
 * to 0 or below for the role or the database.
 */
const SETTINGS = 'set local jit = off; set local extra_float_digits = 1'

/** Reads committed: what another worker committed is seen, and met, by the next statement. For everything that writes. */
export const WRITE = `begin isolation level read committed; ${SETTINGS}`
/** One snapshot, taken by the first statement that reads. */
export const READ_SNAPSHOT = `begin isolation level repeatable read read only; ${SETTINGS}`

/** A small pool that survives servers that go away. Whoever makes it ends it. */
export function createPool(connectionString: string): Pool {
  const pool = new pg.Pool({
    connectionString,
    max: CONNECTIONS_MAX,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    application_name: 'spindexer',
  })
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on('error', ignore)
  return pool
}

/** Runs `body` in a transaction that `begin` opens; commits when `isKept` says so of its result, else rolls back. */
export async function inTransaction<T>(
  pool: Pool,
  begin: string,
  body: (client: PoolClient) => Promise<T>,
  isKept: (result: T) => boolean = () => true,
): Promise<T> {
  const client = await connect(pool)
  let isBroken = true
  try {
    await client.query(begin)
    const result = await body(client)
    await end(client, isKept(result))
    isBroken = false
    return result
  } catch (error) {
    isBroken = await client.query('rollback').then(
      () => false,
      () => true,
    )
    throw error
  } finally {
    release(client, isBroken)
  }
}

/** A connection of the pool that may break between two statements without ending the process. */
export async function connect(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect()
  client.on('error', ignore)
  return client
}

export function release(client: PoolClient, isBroken: boolean): void {
  client.off('error', ignore)
  client.release(isBroken)
}

async function end(client: PoolClient, isKept: boolean): Promise<void> {
  const { command } = await client.query(isKept ? 'commit' : 'rollback')
  // Postgres answers a commit of a failed transaction with ROLLBACK, and no error.
  if (isKept && command !== 'COMMIT') throw new Error(`Postgres answered a commit with ${command}`)
}

function ignore(): void {}
