// A migrated database of its own for one test, with as many workers as it asks for.

import type { Pool } from 'pg'
import { type MigrateOptions, migrate } from '../../src/store/postgres/migrate.ts'
import { createPool } from '../../src/store/postgres/pool.ts'
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

export async function openPostgres(
  version: PostgresVersion,
  options?: MigrateOptions,
): Promise<PostgresBench> {
  const database = await createDatabase(version, 'store')
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
