// Migrations: bring a database to this program's version, safely when two start at once.

import type { Pool, PoolClient } from 'pg'
import { inTransaction, WRITE } from '../../postgres/pool.ts'
import { refuseServer } from '../../postgres/server.ts'
import type { StoreRefusal } from '../store.ts'
import { quote, SCHEMA } from './names.ts'
import { grantReader } from './role.ts'
import { MIGRATIONS, readVersion, refuseNewer } from './version.ts'

/** Anything fixed that nobody else is likely to lock: "spindexe" in ASCII. */
const MIGRATION_LOCK = '8318264434604996709'

export interface MigrateOptions {
  /** The schema of the views; `data` unless set. Kept in the database with the first migration. */
  readonly dataSchema?: string
  /** What was left undone for want of rights, in sentences. */
  readonly onWarning?: (text: string) => void
}

export interface Migrated {
  readonly type: 'migrated'
  /** How many migrations were run. */
  readonly applied: number
}

/**
 * Creates or updates schemas, bookkeeping tables and the reader role. Runs nothing that needs rights where there is
 * nothing to be done.
 */
export async function migrate(
  pool: Pool,
  { dataSchema = 'data', onWarning = () => {} }: MigrateOptions = {},
): Promise<Migrated | StoreRefusal> {
  const result = await inTransaction(
    pool,
    WRITE,
    async (client) => {
      await lockMigrations(client)
      const fault = await refuseServer(client)
      if (fault !== null) return { type: 'refused', ...fault } as const
      return migrateSchema(client, dataSchema)
    },
    ({ type }) => type === 'migrated',
  )
  if (result.type === 'migrated') {
    await grantReader(pool, (client) => lockMigrations(client), dataSchema, onWarning)
  }
  return result
}

async function lockMigrations(client: PoolClient): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
}

async function migrateSchema(client: PoolClient, dataSchema: string): Promise<Migrated | StoreRefusal> {
  const version = await readVersion(client)
  const refusal =
    refuseNewer(version) ??
    refuseDataSchema(dataSchema) ??
    (version === 0 ? null : await refuseOtherDataSchema(client, dataSchema))
  if (refusal !== null) return refusal
  await createSchema(client, dataSchema)
  if (version === 0) {
    await createSchema(client, SCHEMA)
    await client.query(
      'create table if not exists spindexer.migrations (number int primary key, applied_at timestamptz not null default clock_timestamp())',
    )
  }
  for (let number = version + 1; number <= MIGRATIONS.length; number++) {
    await client.query(MIGRATIONS[number - 1]!)
    await client.query('insert into spindexer.migrations (number) values ($1)', [number])
  }
  if (version === 0) await client.query('insert into spindexer.node (data_schema) values ($1)', [dataSchema])
  return { type: 'migrated', applied: MIGRATIONS.length - version }
}

/** `create schema if not exists` asks for rights that are not needed where the schema exists. */
async function createSchema(client: PoolClient, name: string): Promise<void> {
  const { rowCount } = await client.query('select from pg_namespace where nspname = $1', [name])
  if (rowCount === 0) await client.query(`create schema ${quote(name)}`)
}

function refuseDataSchema(name: string): StoreRefusal | null {
  const isReserved = name === SCHEMA || name === 'information_schema' || name.startsWith('pg_')
  if (!isReserved && name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= 63) return null
  return {
    type: 'refused',
    what: `the schema for the views cannot be ${JSON.stringify(name)}`,
    remedy: 'choose a name of 1 to 63 bytes that is not of Postgres or of spindexer, such as "data"',
  }
}

async function refuseOtherDataSchema(client: PoolClient, asked: string): Promise<StoreRefusal | null> {
  const { rows } = await client.query<{ data_schema: string }>('select data_schema from spindexer.node')
  const held = rows[0]?.data_schema
  if (held === undefined || held === asked) return null
  return {
    type: 'refused',
    what: `the views of this database are in the schema ${quote(held)}, not in ${quote(asked)}`,
    remedy: `keep ${quote(held)}, or move them while no node runs: alter schema ${quote(held)} rename to ${quote(asked)}; update spindexer.node set data_schema = '${asked.replaceAll("'", "''")}'`,
  }
}
