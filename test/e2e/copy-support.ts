// Sources and targets of copies: logs of either kind by their URLs, hostile content, and nodes that are compared.

import { expect } from 'vitest'
import { createKafkaLog } from '../../src/log/kafka/log.ts'
import { parseKafkaUrl } from '../../src/log/kafka/url.ts'
import type { KeptLog } from '../../src/log/log.ts'
import { createPostgresLog } from '../../src/log/postgres/log.ts'
import { type CliResult, cli, runCli } from '../support/cli.ts'
import { type ReadLog, readLog } from '../support/copies.ts'
import { createDatabase, kafka, type PostgresVersion, uniqueTopic } from '../support/services.ts'
import { catchUp, cellsOf, countsOf, createTestNode, type TestNode } from './support.ts'

/** Where a log is to be, and a handle on it; the log itself is for a command to make. */
export interface LogPlace {
  readonly url: string
  open(): KeptLog
  drop(): Promise<void>
}

export async function kafkaPlace(name: string, brokers?: readonly string[]): Promise<LogPlace> {
  const at = brokers ?? (await kafka()).brokers
  const url = `kafka://${at.join(',')}/${uniqueTopic(name)}`
  return { url, open: () => openLog(url), drop: async () => {} }
}

export async function postgresPlace(name: string, version: PostgresVersion = 18): Promise<LogPlace> {
  const { url, drop } = await createDatabase(version, name)
  return { url, open: () => openLog(url), drop }
}

export function openLog(url: string): KeptLog {
  if (url.startsWith('postgres')) return createPostgresLog({ connectionString: url, onLog: () => {} })
  const parsed = parseKafkaUrl(url)
  if (parsed.type === 'refused') throw new Error(parsed.what)
  const { brokers, topic } = parsed.address
  return createKafkaLog({ connection: { brokers }, topic, onLog: () => {} })
}

export async function withLog<T>({ open }: LogPlace, use: (log: KeptLog) => Promise<T>): Promise<T> {
  const log = open()
  try {
    return await use(log)
  } finally {
    await log.close()
  }
}

export const readPlace = (place: LogPlace): Promise<ReadLog> => withLog(place, readLog)

export function runCopy(from: LogPlace, to: LogPlace, ...options: readonly string[]): Promise<CliResult> {
  return runCli(['log', 'copy', '--from', from.url, '--to', to.url, ...options])
}

export interface Copied {
  readonly copyId: string
  readonly generation: number
  readonly copied: number
  readonly marked: number
  readonly appendedAgain: number
  readonly closed: string | null
}

/** Copies, and answers with what the command says of it. */
export async function copy(from: LogPlace, to: LogPlace, ...options: readonly string[]): Promise<Copied> {
  const { code, stdout, stderr } = await runCopy(from, to, ...options)
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

export function createLogAt({ url }: LogPlace, ...options: readonly string[]): Promise<string> {
  return cli(['log', 'create', ...options], { env: { SPINDEXER_LOG: url } })
}

/** A node that follows a log; with a database that it had before. */
export function nodeAt({ url }: LogPlace, name: string, databaseUrl?: string): Promise<TestNode> {
  return createTestNode({ env: { SPINDEXER_LOG: url } }, name, databaseUrl)
}

export interface NodeFigures {
  readonly cells: string
  readonly counts: Readonly<Record<string, bigint>>
  readonly definitions: unknown
  readonly setAside: readonly string[]
}

/** A node's state and figures, as they are. */
export async function figuresOf(node: TestNode): Promise<NodeFigures> {
  const definitions = await node.query('select taken, refused, controls from spindexer.definitions')
  const setAside = await node.query(
    `select partition, "offset", 'quarantined' as kind, reason from spindexer.quarantined
     union all select partition, "offset", 'parked', reason from spindexer.parked`,
  )
  return {
    cells: await cellsOf(node),
    counts: await countsOf(node),
    definitions,
    setAside: setAside
      .map(({ partition, offset, kind, reason }) => `${partition}/${offset} ${kind} ${reason}`)
      .sort(),
  }
}

/** The node moves to the copy; then it and a fresh one are equal in everything. Answers with the figures. */
export async function expectMoved(kept: TestNode, to: LogPlace, generation: number): Promise<NodeFigures> {
  const moving = await nodeAt(to, 'kept', kept.url)
  const { code, stderr } = await runCli(['run', '--until-end'], { env: moving.env })
  expect(code, stderr).toBe(0)
  expect(stderr).toContain(`This node moves to generation ${generation} of its log, copy `)
  expect(stderr).toContain('its rows stay, and it reads from the start')
  const fresh = await nodeAt(to, 'fresh')
  await catchUp(fresh)
  const [ofKept, ofFresh] = [await figuresOf(moving), await figuresOf(fresh)]
  expect(ofKept.cells === ofFresh.cells, 'cells of the node that kept its state, and of a fresh one').toBe(
    true,
  )
  expect({ ...ofKept, cells: '' }).toEqual({ ...ofFresh, cells: '' })
  await fresh.drop()
  return ofKept
}
