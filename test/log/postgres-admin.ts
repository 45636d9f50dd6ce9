// What tests do to a log in Postgres behind its back.

import pg from 'pg'
import { createPostgresLog, type PostgresLog, type PostgresLogOptions } from '../../src/log/postgres/log.ts'
import { makePostgresLog } from '../../src/log/postgres/make.ts'
import { createDatabase, type PostgresVersion } from '../support/services.ts'

export interface PostgresDatabase {
  readonly url: string
  /** A handle; the test closes it. */
  open(options?: Partial<PostgresLogOptions>): PostgresLog
  /** Runs statements as the superuser that owns the log. */
  execute(sql: string): Promise<pg.QueryResult>
  drop(): Promise<void>
}

/** A database with a new log, without genesis. */
export async function createLogDatabase(
  version: PostgresVersion,
  partitions: number,
  prefix = 'log',
): Promise<PostgresDatabase> {
  const { url, drop } = await createDatabase(version, prefix)
  const made = await makePostgresLog({ connectionString: url, partitions, usualPartitions: 1 })
  if (made.type !== 'created') throw new Error(JSON.stringify(made))
  return {
    url,
    open: (options) => createPostgresLog({ connectionString: url, onLog: () => {}, ...options }),
    execute: (sql) => execute(url, sql),
    drop,
  }
}

/** One or several statements on a connection of their own; the result of the last. */
export async function execute(url: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const results: pg.QueryResult | readonly pg.QueryResult[] = await client.query(sql)
    return Array.isArray(results) ? results.at(-1)! : (results as pg.QueryResult)
  } finally {
    await client.end()
  }
}

/** Makes everything of a partition below an offset disappear, as only somebody with all rights can. */
export function truncateRecords({ execute: run }: PostgresDatabase, partition: number, first: bigint) {
  return run(`
    alter table spindexer_log.records disable trigger append_only;
    delete from spindexer_log.records where partition = ${partition} and "offset" < ${first};
    alter table spindexer_log.records enable always trigger append_only`)
}
