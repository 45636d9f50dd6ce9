// Two workers of one node under load, one stopped and started; Kafka restarted; Postgres restarted: nothing lost, nothing twice.

import { afterAll, beforeAll, expect, it } from 'vitest'
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
  createTestLog,
  createTestNode,
  foldInPython,
  query,
  sha256,
  type TestNode,
} from './support.ts'

const dir = temporaryDir()
let broker: KafkaService
let server: PostgresService

beforeAll(async () => {
  ;[broker, server] = await Promise.all([
    startKafka({ dir: `${dir.path}/kafka`, removeDirWhenOrphaned: true }),
    startPostgres({ dir: `${dir.path}/postgres`, version: 18, removeDirWhenOrphaned: true }),
  ])
})

afterAll(async () => {
  await Promise.all([broker?.kill('SIGKILL'), server?.kill('SIGKILL')])
  dir.remove()
})

it('workers come and go, the broker and the database go and come back: equal to a calm node and to the fold in Python', async () => {
  await query(server.url, 'create database workers')
  const log = await createTestLog('workers', {
    partitions: 6,
    datasets: 'examples/catalogue',
    brokers: broker.brokers,
  })
  const url = new URL(server.url)
  url.pathname = '/workers'
  const node = await createTestNode(log, 'workers', url.href)
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

    await broker.restart()
    await progress(node)
    await broker.kill('SIGKILL')
    await broker.restart()
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
