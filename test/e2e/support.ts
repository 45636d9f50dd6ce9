// What the end-to-end tests stand on: a log of their own, nodes with a database each, fingerprints, the fold in Python.

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { createKafkaLog } from '../../src/log/kafka/log.ts'
import type { Appended, KeptLog, NewRecord } from '../../src/log/log.ts'
import { createPostgresLog } from '../../src/log/postgres/log.ts'
import { makePostgresLog } from '../../src/log/postgres/make.ts'
import { cli, ROOT } from '../support/cli.ts'
import { runPython } from '../support/python.ts'
import { createDatabase, kafka, uniqueTopic } from '../support/services.ts'

export const LOG_KINDS = ['kafka', 'postgres'] as const
export type LogKind = (typeof LOG_KINDS)[number]

export interface TestLog {
  readonly kind: LogKind
  /** What every command on this log needs. */
  readonly env: Readonly<Record<string, string>>
  /** A handle on it for what no command does; the test closes it. */
  open(): KeptLog
}

export interface KafkaTestLog extends TestLog {
  readonly kind: 'kafka'
  readonly brokers: readonly string[]
  readonly topic: string
}

export interface PostgresTestLog extends TestLog {
  readonly kind: 'postgres'
  /** Of the log's database. */
  readonly url: string
}

interface LogOptions {
  readonly partitions: number
  /** A folder of definitions to apply. */
  readonly datasets?: string
  readonly maxClockAheadMs?: number
  /** Who guard the log, as `keys show` prints them; none: it is open. */
  readonly admins?: readonly string[]
  /** The text of the private key (`testKeyText`) with which the definitions of a guarded log are applied. */
  readonly key?: string
}

/** A new log on the shared Kafka (or on `brokers`), with the definitions of a folder applied. */
export async function createTestLog(
  name: string,
  options: LogOptions & { readonly brokers?: readonly string[] },
): Promise<KafkaTestLog> {
  const brokers = options.brokers ?? (await kafka()).brokers
  const topic = uniqueTopic(name)
  const env = { SPINDEXER_LOG: `kafka://${brokers.join(',')}/${topic}` }
  await makeLog(env, options)
  return kafkaTestLog(brokers, topic)
}

/** The log in a topic that is there already. */
export function kafkaTestLog(brokers: readonly string[], topic: string): KafkaTestLog {
  const env = { SPINDEXER_LOG: `kafka://${brokers.join(',')}/${topic}` }
  const open = () => createKafkaLog({ connection: { brokers }, topic, onLog: () => {} })
  return { kind: 'kafka', brokers, topic, env, open }
}

/** A new log in a database of its own of the shared Postgres 18 (or in the database at `url`). */
export async function createPostgresTestLog(
  name: string,
  options: LogOptions & { readonly url?: string },
): Promise<PostgresTestLog> {
  const url = options.url ?? (await createDatabase(18, name)).url
  const log = postgresTestLog(url)
  await makeLog(log.env, options)
  return log
}

/** The same without genesis. */
export async function emptyPostgresLog(name: string, partitions: number): Promise<PostgresTestLog> {
  const { url } = await createDatabase(18, name)
  const made = await makePostgresLog({ connectionString: url, partitions, usualPartitions: 1 })
  if (made.type !== 'created') throw new Error(JSON.stringify(made))
  return postgresTestLog(url)
}

function postgresTestLog(url: string): PostgresTestLog {
  const open = () => createPostgresLog({ connectionString: url, onLog: () => {} })
  return { kind: 'postgres', url, env: { SPINDEXER_LOG: url }, open }
}

/** Either: for the tests that say the same of both. */
export function createLogOfKind(kind: LogKind, name: string, options: LogOptions): Promise<TestLog> {
  return kind === 'kafka' ? createTestLog(name, options) : createPostgresTestLog(name, options)
}

async function makeLog(env: TestLog['env'], options: LogOptions) {
  const { partitions, datasets, maxClockAheadMs, admins = [], key } = options
  const ahead = maxClockAheadMs === undefined ? [] : ['--max-clock-ahead', `${maxClockAheadMs}`]
  const guards = admins.flatMap((admin) => ['--admin', admin])
  await cli(['log', 'create', '--partitions', String(partitions), ...ahead, ...guards], { env })
  const signing: TestLog['env'] = key === undefined ? {} : { SPINDEXER_KEY: key }
  if (datasets === undefined) return
  await cli(['datasets', 'apply', join(ROOT, datasets)], { env: { ...env, ...signing } })
}

/** Appends records as they are, as a writer that nothing holds to any rule; answers with their places. */
export async function appendRaw(log: TestLog, records: readonly NewRecord[]): Promise<readonly Appended[]> {
  const handle = log.open()
  try {
    return await handle.append(records)
  } finally {
    await handle.close()
  }
}

export interface TestNode {
  readonly env: Readonly<Record<string, string>>
  readonly url: string
  query(sql: string, parameters?: unknown[]): Promise<Record<string, string>[]>
  drop(): Promise<void>
}

/** A node that has not run yet: an empty database of its own (Postgres 18, or `url` for one that the test owns). */
export async function createTestNode(
  log: Pick<TestLog, 'env'>,
  name = 'node',
  url?: string,
): Promise<TestNode> {
  const database = url === undefined ? await createDatabase(18, name) : { url, drop: async () => {} }
  return {
    env: { ...log.env, DATABASE_URL: database.url },
    url: database.url,
    query: (sql, parameters) => query(database.url, sql, parameters),
    drop: database.drop,
  }
}

export async function query(
  url: string,
  sql: string,
  parameters: unknown[] = [],
): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: url })
  // A server that is killed just now breaks the farewell.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql, parameters)).rows
  } finally {
    await client.end()
  }
}

/** Runs a node until it has everything that the log holds now. */
export async function catchUp(node: TestNode): Promise<void> {
  await cli(['run', '--until-end'], { env: node.env })
}

/** The node's whole state as text. */
export function cellsOf(node: TestNode): Promise<string> {
  return cli(['dump', '--cells'], { env: node.env })
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * The state by the second implementation, in Python, from the topic itself, or from the records that SQL says there
 * are. With `verdicts` it also writes what became of each record to that file.
 */
export async function foldInPython(log: TestLog, verdicts?: string): Promise<string> {
  const args = verdicts === undefined ? [] : ['--verdicts', verdicts]
  const { code, stdout, stderr } = isKafka(log)
    ? await runPython('fold_topic.py', ['--brokers', log.brokers.join(','), '--topic', log.topic, ...args])
    : await runPython('fold_records.py', args, { input: await recordLines(log) })
  if (code !== 0) throw new Error(`the fold in Python ended with ${code}:\n${stderr}`)
  return stdout
}

export function isKafka(log: TestLog): log is KafkaTestLog {
  return log.kind === 'kafka'
}

const RECORD_LINES = `
select json_build_object('partition', partition, 'offset', "offset", 'append_ms', append_ms,
  'value', translate(encode(value, 'base64'), e'\\n', ''),
  'headers', translate(encode(headers, 'base64'), e'\\n', '')) as line
from spindexer_log.records order by partition, "offset"`

/** Every record of a log in Postgres as `fold_records.py` takes it: by SQL alone, past our own reader. */
async function recordLines(log: TestLog): Promise<string> {
  const rows = await query((log as PostgresTestLog).url, RECORD_LINES)
  return rows.map(({ line }) => `${JSON.stringify(line)}\n`).join('')
}

/** By partition, the counters of a node; their sum rule is checked here too. */
export async function countsOf(node: TestNode): Promise<Record<string, bigint>> {
  const [row] = await node.query(
    'select sum(consumed) as consumed, sum(merged) as merged, sum(parked) as parked, sum(quarantined) as quarantined from spindexer.positions',
  )
  const counts = Object.fromEntries(
    Object.entries(row ?? {}).map(([name, value]) => [name, BigInt(value ?? 0)]),
  )
  if (counts.consumed !== counts.merged! + counts.parked! + counts.quarantined!) {
    throw new Error(`the counts do not add up: ${JSON.stringify(row)}`)
  }
  return counts
}

/** Where real production data is: a folder beside the checkout, or SPINDEXER_TEST_DATA. Null when it is not there. */
export function realDataFolder(): string | null {
  const folder = process.env.SPINDEXER_TEST_DATA ?? join(ROOT, '../shared/data')
  return existsSync(join(folder, 'seeds.jsonl')) ? folder : null
}
