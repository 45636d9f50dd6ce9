// The role that may read: made when missing, and allowed to select from every view.

import type { Pool, PoolClient } from 'pg'
import { codeOf } from '../../postgres/errors.ts'
import { inTransaction, WRITE } from '../../postgres/pool.ts'
import { quote, READER_ROLE } from './names.ts'

const INSUFFICIENT_PRIVILEGE = '42501'
/** Roles belong to the whole cluster, so another node's migration may make it at the same moment. */
const ALREADY_THERE: ReadonlySet<string | null> = new Set(['42710', '23505'])

/**
 * Makes the role and grants it what is not granted yet. Without the rights to do so: a warning. Views that come later
 * are granted as they are made, and not by default privileges, which would open whatever else this role makes in the
 * schema.
 */
export async function grantReader(
  pool: Pool,
  lock: (client: PoolClient) => Promise<void>,
  dataSchema: string,
  onWarning: (text: string) => void,
): Promise<void> {
  try {
    await createRole(pool)
    await inTransaction(pool, WRITE, async (client) => {
      await lock(client)
      await grantMissing(client, dataSchema)
    })
  } catch (error) {
    if (codeOf(error) !== INSUFFICIENT_PRIVILEGE) throw error
    onWarning(
      `no right to create the role ${READER_ROLE} or to grant it the views (${(error as Error).message}); ` +
        `as a superuser: create role ${READER_ROLE} nologin; then run \`spindexer migrate\``,
    )
  }
}

async function createRole(pool: Pool): Promise<void> {
  const { rowCount } = await pool.query('select from pg_roles where rolname = $1', [READER_ROLE])
  if (rowCount === 1) return
  try {
    await pool.query(`create role ${READER_ROLE} nologin`)
  } catch (error) {
    if (!ALREADY_THERE.has(codeOf(error))) throw error
  }
}

async function grantMissing(client: PoolClient, dataSchema: string): Promise<void> {
  const schema = await client.query<{ is_granted: boolean }>(
    `select has_schema_privilege($1, $2, 'usage') as is_granted`,
    [READER_ROLE, dataSchema],
  )
  if (!schema.rows[0]!.is_granted) {
    await client.query(`grant usage on schema ${quote(dataSchema)} to ${READER_ROLE}`)
  }
  const views = await client.query<{ name: string }>(
    `select d.name from spindexer.datasets as d
     join pg_class as c on c.relname = d.name and c.relnamespace = to_regnamespace($2)
     where not has_table_privilege($1, c.oid, 'select') order by d.name`,
    [READER_ROLE, quote(dataSchema)],
  )
  for (const { name } of views.rows) {
    await client.query(`grant select on ${quote(dataSchema)}.${quote(name)} to ${READER_ROLE}`)
  }
}
