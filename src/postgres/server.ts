// Which servers and databases will do.

import type { ClientBase } from 'pg'

const VERSION_MIN = 150_000

/** What forbids the use of a database, and what to do. */
export interface ServerFault {
  readonly what: string
  readonly remedy: string
}

/** Null for a server that will do. In another encoding than UTF-8 Postgres refuses, or changes, texts that the log may hold. */
export async function refuseServer(client: ClientBase): Promise<ServerFault | null> {
  const { rows } = await client.query<{ version: number; encoding: string }>(
    `select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding`,
  )
  const { version, encoding } = rows[0]!
  if (version < VERSION_MIN) {
    return {
      what: `the database server is Postgres ${Math.floor(version / 10_000)}; spindexer needs 15 or later`,
      remedy: 'use a newer server',
    }
  }
  if (encoding === 'UTF8') return null
  return {
    what: `the database has the encoding ${encoding}, which cannot hold every text`,
    remedy: `make one with UTF-8: create database … encoding 'UTF8' template template0`,
  }
}
