// What the tests of a Postgres under fire share: a server of their own, a node on it, progress, and the reckoning at the end.

import { expect } from 'vitest'
import { cli, type RunningCli, startCli } from '../support/cli.ts'
import { type PostgresService, startPostgres, temporaryDir } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestLog,
  createTestNode,
  foldInPython,
  type KafkaTestLog,
  query,
  sha256,
  type TestNode,
} from './support.ts'

export interface Bench {
  readonly log: KafkaTestLog
  /** As superuser, in the database `postgres`. */
  admin(sql: string): Promise<Record<string, string>[]>
  /** The node as its superuser sees it, past any proxy. */
  readonly node: TestNode
  /** The URL of the node's database, with other parts. */
  urlOf(change: UrlChange): string
}

interface UrlChange {
  readonly username?: string
  readonly port?: number
  readonly pathname?: string
}

export interface PrivatePostgres {
  readonly server: PostgresService
  close(): Promise<void>
}

/** A Postgres of the test's own, to be killed and restarted. */
export async function openPrivatePostgres(
  options: { version?: 15 | 18; password?: string } = {},
): Promise<PrivatePostgres> {
  const dir = temporaryDir()
  const server = await startPostgres({ dir: dir.path, version: 18, removeDirWhenOrphaned: true, ...options })
  const close = async () => {
    await server.kill('SIGKILL')
    dir.remove()
  }
  return { server, close }
}

/** A log on the shared Kafka, and an empty node's database `node` that the role `node` owns, on a server's superuser URL. */
export async function openBench(name: string, serverUrl: string, tablespace = 'pg_default'): Promise<Bench> {
  const log = await createTestLog(name, { partitions: 4, datasets: 'examples/catalogue' })
  const admin = (sql: string) => query(serverUrl, sql)
  const { password } = new URL(serverUrl)
  await admin(`create role node login password '${password || 'node'}'`)
  await admin(`create database node owner node tablespace ${tablespace}`)
  const urlOf: Bench['urlOf'] = (change) => {
    const url = Object.assign(new URL(serverUrl), { pathname: '/node' })
    for (const [part, value] of Object.entries(change)) Object.assign(url, { [part]: String(value) })
    return url.href
  }
  const node = await createTestNode(log, name, urlOf({}))
  await cli(['migrate'], { env: { ...node.env, DATABASE_URL: urlOf({ username: 'node' }) } })
  return { log, admin, node, urlOf }
}

/** Starts `run` and waits until it reads. */
export async function startNode(env: Readonly<Record<string, string>>): Promise<RunningCli> {
  const running = startCli(['run'], { env })
  await waitFor('the node to run', () => {
    if (running.child.exitCode !== null) throw new Error(running.stderr())
    return running.stderr().includes('Node of log')
  })
  return running
}

/** Waits until the node has processed `count` messages more than now. */
export async function progress(
  node: TestNode,
  running: readonly RunningCli[],
  count = 1_000n,
): Promise<void> {
  const consumed = async () => (await countsOf(node).catch(() => null))?.consumed ?? null
  const before = await waitFor('the counts', async () => (await consumed())?.toString())
  await waitFor(
    'progress',
    async () => {
      for (const worker of running) {
        if (worker.child.exitCode !== null) throw new Error(`the node ended:\n${worker.stderr()}`)
      }
      const now = await consumed()
      return now !== null && now > BigInt(before) + count
    },
    { timeoutMs: 90_000, everyMs: 100 },
  )
}

/** Waits until the node says something that it had not said at `from` characters of its words. */
export async function says(running: RunningCli, words: string | RegExp, from: number): Promise<void> {
  const isSaid = () => {
    if (running.child.exitCode !== null) throw new Error(`the node ended:\n${running.stderr()}`)
    return new RegExp(words).test(running.stderr().slice(from))
  }
  await waitFor(`the node to say ${words}`, isSaid, { timeoutMs: 90_000 }).catch((error: Error) => {
    throw new Error(`${error.message}; it said:\n${running.stderr().slice(from)}`)
  })
}

export async function endNode(running: RunningCli): Promise<void> {
  running.kill('SIGTERM')
  const { code, stderr } = await running.ended
  expect(code, stderr).toBe(0)
}

/** The node's state and counts are those of a calm node that reads the log from its start, and of the fold in Python. */
export async function expectEqualToCalm(log: KafkaTestLog, node: TestNode): Promise<void> {
  await catchUp(node)
  const calm = await createTestNode(log, 'calm')
  await catchUp(calm)
  const cells = await cellsOf(calm)
  expect(sha256(await cellsOf(node))).toBe(sha256(cells))
  expect(sha256(await foldInPython(log))).toBe(sha256(cells))
  expect(await countsOf(node)).toEqual(await countsOf(calm))
  const quarantined = await node.query('select reason, detail from spindexer.quarantined')
  expect(quarantined).toEqual([])
  await calm.drop()
}
