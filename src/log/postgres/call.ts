// A call of one of the log's functions that append: a transaction of its own, in one round trip.

import type { PoolClient } from 'pg'
import { exchange } from '../../postgres/exchange.ts'
import type { WatchedClient } from '../../postgres/watch.ts'

/** Where the first record of a partition stands now; the others that were given for it follow. */
export interface Answer {
  readonly partition: number
  readonly first: bigint
  readonly appendMs: bigint
}

/** Whatever is set for the role and the database, a server that has come to stand by included. */
const BEGIN = 'begin isolation level read committed, read write'
/**
 * A batch that waits for another transaction must not fail for ever by a role's limits. A process that is frozen before
 * its commit has left holds partitions: its session is ended; and one that is gone while its session waits should not
 * append any more, where the server's system can tell. Postgres before 17 has no transaction_timeout.
 */
const SETTINGS = `select pg_catalog.pg_backend_pid(),
  pg_catalog.set_config('statement_timeout', '0', true), pg_catalog.set_config('lock_timeout', '0', true),
  pg_catalog.set_config('idle_in_transaction_session_timeout', '15s', true),
  case when pg_catalog.version() ~ 'linux|darwin|bsd'
    then pg_catalog.set_config('client_connection_check_interval', '1s', true) end,
  case when pg_catalog.current_setting('server_version_num')::int >= 170000
    then pg_catalog.set_config('transaction_timeout', '0', true) end`

const CALLS = {
  append: `select of_partition, first_offset, appended_ms from spindexer_log.append(
    $1::oid, $2::int[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[], $7::text[], $8::text[], $9::text[])`,
  appendFirst: `select of_partition, first_offset, appended_ms from spindexer_log.append(
    $1::oid, $2::int[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[], $7::text[], $8::text[], $9::text[], true)`,
  seal: `select of_partition, first_offset, appended_ms from spindexer_log.seal(
    $1::oid, $2::int[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[], $7::text[], $8::text[], $9::text[])`,
} as const

/** Resolves when it is durable. `onPid` is told the server's process before that waits for anything. */
export async function callFunction(
  client: PoolClient,
  name: keyof typeof CALLS,
  values: readonly (string | Buffer)[],
  onPid: (pid: number) => void = () => {},
): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  await exchange(client, [
    { text: BEGIN, values: [] },
    {
      text: SETTINGS,
      values: [],
      isAnsweredAtOnce: true,
      onAnswer(_count, rows) {
        const pid = Number(rows[0]![0])
        ;(client as WatchedClient).backendPid = pid
        onPid(pid)
      },
    },
    {
      text: CALLS[name],
      values,
      onAnswer(_count, rows) {
        for (const [partition, first, appendMs] of rows) {
          answers.push({ partition: Number(partition), first: BigInt(first!), appendMs: BigInt(appendMs!) })
        }
      },
    },
    { text: 'commit', values: [] },
  ])
  return answers
}
