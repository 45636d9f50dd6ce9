// Two workers of one node under load, one stopped and started; the log's server restarted, and the node's: nothing lost, nothing twice.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cli, type RunningCli, startCli } from '../support/cli.ts'
import {
  type KafkaService,
  type PostgresService,
  startKafka,
  startPostgres,
  temporaryDir,
} from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { startLoad } from './load.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createPostgresTestLog,
  createTestLog,
  createTestNode,
  foldInPython,
  LOG_KINDS,
  query,
  sha256,
  type TestLog,
  type TestNode,
} from './support.ts'

const dir = temporaryDir()
let keeper: KafkaService | PostgresService
let server: PostgresService

describe.each(LOG_KINDS)('on a log in %s', (kind) => {
  beforeAll(async () => {
    const options = (name: string) => ({ dir: `${dir.path}/${kind}-${name}`, removeDirWhenOrphaned: true })
    ;[keeper, server] = await Promise.all([
      kind === 'kafka' ? startKafka(options('log')) : startPostgres({ ...options('log'), version: 18 }),
      startPostgres({ ...options('node'), version: 18 }),
    ])
  })

  afterAll(async () => {
    await Promise.all([keeper?.kill('SIGKILL'), server?.kill('SIGKILL')])
  })

  it('workers come and go, the log and the database go and come back: equal to a calm node and to the fold in Python', async () => {
    const log = await createLog(keeper)
    const node = await createNode(log, server)
    await cli(['migrate'], { env: node.env })
    const running = new Set<RunningCli>()
    const start = async () => {
      const worker = startCli(['run'], { env: node.env })
      running.add(worker)
      await waitFor('the worker to run', () => worker.stderr().includes('Node of log'))
      return worker
    }
    const stop = async (worker: RunningCli) => {
      worker.kill('SIGTERM')
      const { code, stderr } = await worker.ended
      running.delete(worker)
      expect(code, stderr).toBe(0)
    }
    const load = startLoad(log, 'loader', 3)
    try {
      const first = await start()
      let second = await start()
      await progress(node)
      for (let round = 0; round < 2; round++) {
        await stop(second)
        await progress(node)
        second = await start()
        await progress(node)
      }

      await keeper.restart()
      await progress(node)
      await keeper.kill('SIGKILL')
      await keeper.restart()
      await progress(node)

      await server.restart()
      await progress(node)
      await server.stop('immediate')
      await server.restart()
      await progress(node)

      await load.stop()
      await catchUp(node)
      await stop(first)
      await stop(second)
    } finally {
      load.kill()
      for (const worker of running) worker.kill('SIGKILL')
    }
    const calm = await createTestNode(log, 'calm')
    await catchUp(calm)
    const cells = await cellsOf(calm)
    expect(sha256(await cellsOf(node))).toBe(sha256(cells))
    expect(sha256(await foldInPython(log))).toBe(sha256(cells))
    expect(await countsOf(node)).toEqual(await countsOf(calm))
    await calm.drop()
  }, 400_000)
})

afterAll(() => dir.remove())

function createLog(service: KafkaService | PostgresService): Promise<TestLog> {
  const options = { partitions: 6, datasets: 'examples/catalogue' }
  return 'brokers' in service
    ? createTestLog('workers', { ...options, brokers: service.brokers })
    : createPostgresTestLog('workers', { ...options, url: service.url })
}

async function createNode(log: TestLog, service: PostgresService): Promise<TestNode> {
  await query(service.url, 'create database workers')
  const url = new URL(service.url)
  url.pathname = '/workers'
  return createTestNode(log, 'workers', url.href)
}

/** Waits until the node has processed a good deal more than now. */
async function progress(node: TestNode): Promise<void> {
  const consumed = async () => (await countsOf(node).catch(() => ({ consumed: null }))).consumed
  const before = await waitFor(
    'the counts',
    async () => ({ is: await consumed() }).is !== null && { is: await consumed() },
  )
  await waitFor(
    'progress',
    async () => {
      const now = await consumed()
      return now !== null && now !== undefined && now > (before.is ?? 0n) + 2_000n
    },
    { timeoutMs: 60_000, everyMs: 100 },
  )
}
