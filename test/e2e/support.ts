// What the end-to-end tests stand on: a log of their own, nodes with a database each, fingerprints, the fold in Python.

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { cli, ROOT } from '../support/cli.ts'
import { runPython } from '../support/python.ts'
import { createDatabase, kafka, uniqueTopic } from '../support/services.ts'

export interface TestLog {
  readonly brokers: readonly string[]
  readonly topic: string
  /** What every command on this log needs. */
  readonly env: Readonly<Record<string, string>>
}

/** A new log on the shared Kafka (or on `brokers`), with the definitions of a folder applied. */
export async function createTestLog(
  name: string,
  options: { partitions: number; datasets?: string; brokers?: readonly string[]; maxClockAheadMs?: number },
): Promise<TestLog> {
  const brokers = options.brokers ?? (await kafka()).brokers
  const topic = uniqueTopic(name)
  const env = { SPINDEXER_LOG: `kafka://${brokers.join(',')}/${topic}` }
  const ahead =
    options.maxClockAheadMs === undefined ? [] : ['--max-clock-ahead', `${options.maxClockAheadMs}`]
  await cli(['log', 'create', '--partitions', String(options.partitions), ...ahead], { env })
  if (options.datasets !== undefined) await cli(['datasets', 'apply', join(ROOT, options.datasets)], { env })
  return { brokers, topic, env }
}

export interface TestNode {
  readonly env: Readonly<Record<string, string>>
  readonly url: string
  query(sql: string, parameters?: unknown[]): Promise<Record<string, string>[]>
  drop(): Promise<void>
}

/** A node that has not run yet: an empty database of its own (Postgres 18, or `url` for one that the test owns). */
export async function createTestNode(log: TestLog, name = 'node', url?: string): Promise<TestNode> {
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

/** The state by the second implementation, in Python, from the topic itself. */
export async function foldInPython(log: TestLog): Promise<string> {
  const args = ['--brokers', log.brokers.join(','), '--topic', log.topic]
  const { code, stdout, stderr } = await runPython(join(ROOT, 'examples/python/fold_topic.py'), args)
  if (code !== 0) throw new Error(`fold_topic.py ended with ${code}:\n${stderr}`)
  return stdout
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
