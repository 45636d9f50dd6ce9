// Connections and transactions.

import { setTimeout as sleep } from 'node:timers/promises'
import pg, { type Pool, type PoolClient, type QueryResult } from 'pg'
import { endStuck } from './end-stuck.ts'
import { isLockTimeout } from './errors.ts'
import { readPostgresUrl } from './url.ts'
import { type WatchedClient, watchAnswers } from './watch.ts'

/** Of one process: a batch, a definition, a look at parked messages, and one to spare. */
const CONNECTIONS_MAX = 4
const FAREWELL_MS = 3_000

/**
 * What somebody sets for the role or the database must change nothing. Wide statements are compiled for seconds with
 * jit; floats lose digits with extra_float_digits at 0 or below; NULL in arrays is a text with array_nulls off; a zone
 * may have an abbreviation Z, which moves every time; and whatever comes before pg_catalog in the search path takes the
 * names of its types and functions (the rest of the path stays, for other people's triggers on our statements).
 */
const SETTINGS = `select pg_catalog.pg_backend_pid() as pid, pg_catalog.set_config(
    'search_path',
    pg_catalog.concat_ws(', ', 'pg_catalog', nullif(pg_catalog.current_setting('search_path'), '')),
    true
  ), ${settings({ jit: 'off', extra_float_digits: '1', array_nulls: 'on', timezone: 'UTC' })}`

/**
 * A worker that stops in the middle of a transaction (a paused machine, a debugger) holds locks that others wait for:
 * the server ends its session. Long enough for a busy process to come round to its next statement.
 */
const IDLE_MAX = '15s'
/**
 * Batches grow while the database is slow, so a role's limits on statements and transactions would fail them for ever.
 * Postgres before 17 has no transaction_timeout.
 */
const NO_LIMITS = `select set_config('transaction_timeout', '0', true)
  where current_setting('server_version_num')::int >= 170000`

/** Reads committed: what another worker committed is seen, and met, by the next statement. For everything that writes. */
export const WRITE = `begin isolation level read committed; ${SETTINGS}, ${settings({
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: IDLE_MAX,
})}; ${NO_LIMITS}`
/** One snapshot, taken as it begins. */
export const READ_SNAPSHOT = `begin isolation level repeatable read read only; ${SETTINGS}`

/**
 * A small pool that survives servers that go away, with or without a word. Whoever makes it ends it with `endPool`.
 * Throws for a URL that asks for TLS in a way that is not known: `readPostgresUrl` says so before.
 */
export function createPool(url: string, connectionsMax: number = CONNECTIONS_MAX): Pool {
  const read = readPostgresUrl(url)
  if (read.type === 'refused') throw new Error(`the URL of Postgres: ${read.what}; ${read.remedy}`)
  const { connectionString, ssl, sslnegotiation } = read.address
  const pool = new pg.Pool({
    connectionString,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sslnegotiation === undefined ? {} : { sslnegotiation }),
    max: connectionsMax,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: 10_000,
    application_name: 'spindexer',
  })
  // A connection that breaks is replaced at the next use; without a listener it would end the process. From its first
  // moment on: the server's farewell may come in one piece with its welcome.
  pool.on('error', ignore)
  pool.on('connect', (client) => void client.on('error', ignore))
  watchAnswers(pool)
  return pool
}

/** Ends a pool; a connection that does not answer the farewell is left behind. */
export async function endPool(pool: Pool): Promise<void> {
  await Promise.race([pool.end(), sleep(FAREWELL_MS, undefined, { ref: false })])
}

/** Opens a transaction by the statements of `text`: WRITE or READ_SNAPSHOT, and more. Answers with the result of the last. */
export async function begin(client: WatchedClient, text: string): Promise<QueryResult> {
  const answer: unknown = await client.query(text)
  // One statement's result after the other, which the driver's types do not know.
  const results = answer as readonly QueryResult[]
  client.backendPid = results[1]!.rows[0].pid
  return results.at(-1)!
}

/** For a select list: settings of the transaction. One statement for all of them costs less than one each. */
export function settings(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `pg_catalog.set_config('${name}', '${value}', true)`)
    .join(', ')
}

/** False for what the driver would not take, whatever it says of TLS; nothing is connected. */
export function isConnectionString(text: string): boolean {
  try {
    const read = readPostgresUrl(text)
    const connectionString = read.type === 'ok' ? read.address.connectionString : 'postgres://'
    return new pg.Client({ connectionString }) !== null
  } catch {
    return false
  }
}

/** Runs `body`, which gets what the last statement of `text` said, in a transaction that `text` opens; commits when `isKept` says so of its result, else rolls back. */
export async function inTransaction<T>(
  pool: Pool,
  text: string,
  body: (client: PoolClient, opened: QueryResult) => Promise<T>,
  isKept: (result: T) => boolean = () => true,
): Promise<T> {
  const client = await pool.connect()
  let isBroken = true
  try {
    const opened = await begin(client, text)
    const result = await body(client, opened)
    await end(client, isKept(result))
    isBroken = false
    return result
  } catch (error) {
    isBroken = await client.query('rollback').then(
      () => false,
      () => true,
    )
    if (!isBroken && isLockTimeout(error)) await endStuck(client).catch(ignore)
    throw error
  } finally {
    client.release(isBroken)
  }
}

async function end(client: PoolClient, isKept: boolean): Promise<void> {
  const { command } = await client.query(isKept ? 'commit' : 'rollback')
  // Postgres answers a commit of a failed transaction with ROLLBACK, and no error.
  if (isKept && command !== 'COMMIT') throw new Error(`Postgres answered a commit with ${command}`)
}

function ignore(): void {}
