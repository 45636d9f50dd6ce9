// Whether this program and the log's tables understand each other.

import type { ClientBase } from 'pg'
import type { Problem } from '../log.ts'
import { sql as log } from './migrations/0001-log.ts'

/** Numbered from 1 in this order. Never changed once released, only added to. */
export const MIGRATIONS: readonly string[] = [log]

/** The newest migration of the log in the database; 0 when there is no log. */
export async function readVersion(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ is_there: boolean }>(
    `select to_regclass('spindexer_log.migrations') is not null as is_there`,
  )
  if (!rows[0]!.is_there) return 0
  const versions = await client.query<{ version: number }>(
    'select coalesce(max(number), 0) as version from spindexer_log.migrations',
  )
  return versions.rows[0]!.version
}

/** Null where the log is at this program's version, or is not there. */
export function refuseVersion(name: string, version: number): Problem | null {
  if (version > MIGRATIONS.length) {
    return {
      what: `${name} was migrated to version ${version} by a newer spindexer; this one knows versions up to ${MIGRATIONS.length}`,
      remedy: 'use the newer spindexer: migrations go forward only',
    }
  }
  if (version === 0 || version === MIGRATIONS.length) return null
  return {
    what: `${name} is at version ${version} of its tables; this program needs version ${MIGRATIONS.length}`,
    remedy: 'run `spindexer log create`: it brings them up to date',
  }
}
