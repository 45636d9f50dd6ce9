// Databases of the one Postgres server: made, copied and dropped between runs, and questions to them.

import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const IN_USE = '55006'
const COPY_TRIES = 50

export function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/**
 * An empty database, or a copy of `template` as it stands on disk. A checkpoint follows, so that nobody who is measured
 * writes out the pages of those before.
 */
export function createDatabase(serverUrl: string, name: string, template: string | null): Promise<string> {
  return withClient(serverUrl, async (client) => {
    const source = template === null ? '' : ` template ${template} strategy file_copy`
    for (let tries = 1; ; tries++) {
      try {
        await client.query(`create database ${name}${source}`)
        break
      } catch (error) {
        // Sessions of a program that has just ended, or a vacuum, may still be in the template.
        if ((error as { code?: string }).code !== IN_USE || tries === COPY_TRIES) throw error
        await sleep(200)
      }
    }
    await client.query('checkpoint')
    return databaseUrl(serverUrl, name)
  })
}

/** Vacuums, as autovacuum would sooner or later: else one copy is taken before that and the next one after it. */
export async function keepDatabase(serverUrl: string, name: string): Promise<string> {
  await withClient(databaseUrl(serverUrl, name), (client) => client.query('vacuum analyze'))
  return name
}

export async function dropDatabase(serverUrl: string, name: string | null): Promise<void> {
  if (name === null) return
  await withClient(serverUrl, (client) => client.query(`drop database ${name} with (force)`))
}
