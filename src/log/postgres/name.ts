// What a log in Postgres is called in messages.

import pg, { type Pool } from 'pg'

/** `postgres log in database "spindexer" at 127.0.0.1:5432`: no user and no password. */
export function postgresLogName(pool: Pool): string {
  const { host, port, database } = new pg.Client(pool.options)
  return `postgres log in database "${database}" at ${host}:${port}`
}
