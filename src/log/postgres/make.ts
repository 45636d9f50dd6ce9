// Making a log in a database: its schema and its partitions, safely when two start at once.

import type { Pool, PoolClient } from 'pg'
import { DEFINITIONS } from '../../codec/record.ts'
import { createPool, endPool, inTransaction, WRITE } from '../../postgres/pool.ts'
import { refuseServer } from '../../postgres/server.ts'
import type { Problem } from '../log.ts'
import { withRetry } from './connections.ts'
import { postgresLogName } from './name.ts'
import { MIGRATIONS, readVersion, refuseVersion } from './version.ts'

export interface MakePostgresLogOptions {
  readonly connectionString: string
  /** Null: as many as there are; of a new log, `usualPartitions`. */
  readonly partitions: number | null
  readonly usualPartitions: number
}

/** `existed`: it was there already, with so many partitions. */
export type MakePostgresLogResult =
  | { readonly type: 'created' | 'existed' }
  | { readonly type: 'refused'; readonly problems: readonly Problem[] }

const FOR_MS = 30_000
/** Anything fixed that nobody else is likely to lock: "spindlog" in ASCII. */
const MIGRATION_LOCK = '8318264434605129575'

/** Makes the log, or brings its tables up to date. An interruption leaves nothing half done. */
export async function makePostgresLog(options: MakePostgresLogOptions): Promise<MakePostgresLogResult> {
  const { connectionString } = options
  const pool = createPool(connectionString)
  const name = postgresLogName(pool)
  const { signal } = new AbortController()
  try {
    return await withRetry(`making ${name}`, { forMs: FOR_MS, signal }, () => makeOnce(pool, name, options))
  } finally {
    await endPool(pool)
  }
}

function makeOnce(pool: Pool, name: string, options: MakePostgresLogOptions): Promise<MakePostgresLogResult> {
  const { partitions, usualPartitions } = options
  return inTransaction(
    pool,
    WRITE,
    async (client) => {
      await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
      const version = await readVersion(client)
      const problem =
        (await refuseServer(client)) ?? (version > MIGRATIONS.length ? refuseVersion(name, version) : null)
      if (problem !== null) return { type: 'refused', problems: [problem] }
      await migrate(client, version)
      if (version === 0) return makePartitions(client, partitions ?? usualPartitions)
      return partitions === null ? { type: 'existed' } : judgePartitions(client, name, partitions)
    },
    ({ type }) => type !== 'refused',
  )
}

async function migrate(client: PoolClient, version: number): Promise<void> {
  if (version === 0) {
    // `if not exists` asks for rights that are not needed where the schema is there.
    const { rowCount } = await client.query(`select from pg_namespace where nspname = 'spindexer_log'`)
    if (rowCount === 0) await client.query('create schema spindexer_log')
    await client.query(
      'create table spindexer_log.migrations (number int primary key, applied_at timestamptz not null default clock_timestamp())',
    )
  }
  for (let number = version + 1; number <= MIGRATIONS.length; number++) {
    await client.query(MIGRATIONS[number - 1]!)
    await client.query('insert into spindexer_log.migrations (number) values ($1)', [number])
  }
}

async function makePartitions(client: PoolClient, partitions: number): Promise<MakePostgresLogResult> {
  await client.query('insert into spindexer_log.partitions select generate_series($1::int, $2::int)', [
    DEFINITIONS,
    partitions - 1,
  ])
  return { type: 'created' }
}

async function judgePartitions(
  client: PoolClient,
  name: string,
  expected: number,
): Promise<MakePostgresLogResult> {
  const { rows } = await client.query<{ found: number }>(
    'select count(*)::int as found from spindexer_log.partitions where partition <> $1',
    [DEFINITIONS],
  )
  const { found } = rows[0]!
  if (found === expected) return { type: 'existed' }
  const what = `${name} exists with ${found} partition${found === 1 ? '' : 's'}, not ${expected}`
  return {
    type: 'refused',
    problems: [{ what, remedy: 'name that number, or another database: it is fixed when the log is made' }],
  }
}
