// Whether this program and the database's bookkeeping understand each other.

import type { PoolClient } from 'pg'
import type { StoreRefusal } from '../store.ts'
import { sql as bookkeeping } from './migrations/0001-bookkeeping.ts'
import { sql as cures } from './migrations/0002-cures.ts'
import { sql as impliedStamps } from './migrations/0003-implied-stamps.ts'
import { sql as signatures } from './migrations/0004-signatures.ts'

/** Numbered from 1 in this order. Never changed once released, only added to. */
export const MIGRATIONS: readonly string[] = [bookkeeping, cures, impliedStamps, signatures]

/** The newest migration in the database; 0 when it has none. */
export async function readVersion(client: PoolClient): Promise<number> {
  const { rows } = await client.query<{ is_there: boolean }>(
    `select to_regclass('spindexer.migrations') is not null as is_there`,
  )
  if (!rows[0]!.is_there) return 0
  const versions = await client.query<{ version: number }>(
    'select coalesce(max(number), 0) as version from spindexer.migrations',
  )
  return versions.rows[0]!.version
}

export function refuseNewer(version: number): StoreRefusal | null {
  if (version <= MIGRATIONS.length) return null
  return {
    type: 'refused',
    what: `the database was migrated to version ${version} by a newer spindexer; this one knows versions up to ${MIGRATIONS.length}`,
    remedy: 'use the newer spindexer: migrations go forward only',
  }
}

/** Null when the database is at this program's version; else what to do about it. */
export async function refuseSchema(client: PoolClient): Promise<StoreRefusal | null> {
  const version = await readVersion(client)
  if (version === MIGRATIONS.length) return null
  return (
    refuseNewer(version) ?? {
      type: 'refused',
      what:
        version === 0
          ? 'the database has no schema "spindexer" with its tables yet'
          : `the database is at version ${version} of its tables; this program needs version ${MIGRATIONS.length}`,
      remedy: 'run `spindexer migrate`',
    }
  )
}
