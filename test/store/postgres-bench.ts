// A migrated database of its own for one test, with as many workers as it asks for.

import pg, { type Pool } from 'pg'
import { createPool } from '../../src/postgres/pool.ts'
import { type MigrateOptions, migrate } from '../../src/store/postgres/migrate.ts'
import { createPostgresReader } from '../../src/store/postgres/reader.ts'
import { createPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store, StoreReader } from '../../src/store/store.ts'
import { createDatabase, type PostgresVersion } from '../support/services.ts'

export interface PostgresBench {
  readonly url: string
  readonly pool: Pool
  store(): Store
  reader(): Promise<StoreReader>
  close(): Promise<void>
}

/** `beforehand`: SQL that the database's operator runs in it before spindexer comes; `%` is the database's name, quoted. */
export async function openPostgres(
  version: PostgresVersion,
  options?: MigrateOptions,
  beforehand: readonly string[] = [],
): Promise<PostgresBench> {
  const database = await createDatabase(version, 'store')
  await runAll(database.url, beforehand)
  const pool = createPool(database.url)
  const migrated = await migrate(pool, options)
  if (migrated.type === 'refused') throw new Error(migrated.what)
  return {
    url: database.url,
    pool,
    store: () => createPostgresStore({ pool }),
    async reader() {
      const reader = await createPostgresReader(pool)
      if ('type' in reader) throw new Error(reader.what)
      return reader
    },
    async close() {
      await pool.end()
      await database.drop()
    },
  }
}

async function runAll(url: string, statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const name = `"${new URL(url).pathname.slice(1)}"`
    for (const statement of statements) await client.query(statement.replace('%', name))
  } finally {
    await client.end()
  }
}
