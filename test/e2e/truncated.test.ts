// A log whose beginning or end is gone, or that was made anew, under a node that runs and one that does not: refused, never jumped over.

import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { deleteRecords, withAdmin } from '../log/kafka-admin.ts'
import { cli, ROOT, runCli, startCli } from '../support/cli.ts'
import { type KafkaService, startKafka, temporaryDir } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { publishGenerated } from './load.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestLog,
  createTestNode,
  type KafkaTestLog,
  type TestNode,
} from './support.ts'

const dir = temporaryDir()
let broker: KafkaService

beforeAll(async () => {
  broker = await startKafka({ dir: join(dir.path, 'kafka'), removeDirWhenOrphaned: true })
})

afterAll(async () => {
  await broker?.kill('SIGKILL')
  dir.remove()
})

const COUNT = 1_000

async function createFilled(name: string): Promise<KafkaTestLog> {
  const options = { partitions: 1, datasets: 'examples/catalogue', brokers: broker.brokers }
  const log = await createTestLog(name, options)
  await publishGenerated(log, 'writer', 1, COUNT)
  return log
}

async function startLive(log: KafkaTestLog, name: string, count: number) {
  const node = await createTestNode(log, name)
  const running = startCli(['run'], { env: node.env })
  await waitFor('the node to catch up', async () => {
    const { consumed } = await countsOf(node).catch(() => ({ consumed: 0n }))
    return consumed === BigInt(count)
  })
  return { node, running }
}

async function expectUntouched(node: TestNode, task: () => Promise<void>) {
  const before = [await cellsOf(node), await countsOf(node)]
  await task()
  expect([await cellsOf(node), await countsOf(node)]).toEqual(before)
}

it('records deleted from the beginning: a node that runs behind them stops, one that starts refuses, writers too', async () => {
  const log = await createFilled('beginning')
  const { node, running } = await startLive(log, 'live', COUNT)
  const behind = await createTestNode(log, 'behind')
  try {
    await deleteRecords(log.brokers, log.topic, 0, BigInt(COUNT) + 1n)
    // The position itself is still there, and nothing tells the node but its checks: at a reconnection, at the latest.
    await broker.restart()
    const { code, stderr } = await running.ended
    expect(stderr).toMatch(/begins at offset 1001: what was before has expired or was deleted/)
    expect(stderr).toMatch(/restore the log from a backup/)
    expect(code).toBe(1)
    for (const one of [node, behind]) {
      const refused = await runCli(['run', '--until-end'], { env: one.env })
      expect(refused.stderr).toMatch(/begins at offset 1001/)
      expect(refused.code).toBe(1)
    }
    for (const args of [
      ['publish', '-'],
      ['log', 'check'],
      ['log', 'create'],
    ]) {
      const refused = await runCli(args, { env: log.env, input: '' })
      expect(refused.stderr).toMatch(/begins at offset 1001/)
      expect(refused.code).toBe(1)
    }
  } finally {
    running.kill('SIGKILL')
  }
  await node.drop()
  await behind.drop()
})

it('records deleted between a node’s position and the end: it stops there and does not jump', async () => {
  const log = await createFilled('middle')
  const { node, running } = await startLive(log, 'stopped', COUNT)
  try {
    running.kill('SIGSTOP')
    await publishGenerated(log, 'writer', 2, 500)
    // An answer that was under way when the node fell asleep brings some of these; behind it there is a hole.
    await publishGenerated(log, 'writer', 3, 500)
    await deleteRecords(log.brokers, log.topic, 0, BigInt(COUNT) + 1_001n)
    running.kill('SIGCONT')
    const { code, stderr } = await running.ended
    expect(stderr).toMatch(/begins at offset 2001: what was before has expired or was deleted/)
    expect(code).toBe(1)
    expect((await countsOf(node)).consumed).toBeLessThanOrEqual(BigInt(COUNT) + 1_000n)
  } finally {
    running.kill('SIGKILL')
  }
  await node.drop()
})

it('a broker whose disk is a backup: shorter than the position, then longer again with other records', async () => {
  const log = await createFilled('backup')
  await broker.stop()
  await broker.disk.backUp()
  await broker.restart()
  await publishGenerated(log, 'writer', 2, 500)
  const { node, running } = await startLive(log, 'restored', COUNT + 500)
  const down = await createTestNode(log, 'down')
  await catchUp(down)
  try {
    await expectUntouched(node, async () => {
      await broker.stop()
      await broker.disk.restoreBackup()
      await broker.restart()
      const { code, stderr } = await running.ended
      expect(stderr).toMatch(/has no record any more at offset 1500 .* truncated or made anew/)
      expect(stderr).toMatch(/empty database/)
      expect(code).toBe(1)
    })
    await publishGenerated(log, 'writer', 3, 700)
    for (const one of [node, down]) {
      await expectUntouched(one, async () => {
        const refused = await runCli(['run', '--until-end'], { env: one.env })
        expect(refused.stderr).toMatch(/has another record at offset 1500/)
        expect(refused.code).toBe(1)
      })
    }
  } finally {
    running.kill('SIGKILL')
  }
  await node.drop()
  await down.drop()
})

it('a topic made anew and longer than before, while a node sleeps: refused at once, before any record of it', async () => {
  const log = await createFilled('anew')
  const { node, running } = await startLive(log, 'sleeper', COUNT)
  try {
    await expectUntouched(node, async () => {
      running.kill('SIGSTOP')
      await withAdmin(log.brokers, (admin) =>
        admin.deleteTopics({ topics: [log.topic, `${log.topic}.definitions`] }),
      )
      await waitFor('the topics to be gone', () =>
        withAdmin(log.brokers, async (admin) => !(await admin.listTopics()).includes(log.topic)),
      )
      await cli(['log', 'create', '--partitions', '1'], { env: log.env })
      await cli(['datasets', 'apply', join(ROOT, 'examples/catalogue')], { env: log.env })
      await publishGenerated(log, 'other', 9, 2 * COUNT)
      running.kill('SIGCONT')
      const { code, stderr } = await running.ended
      expect(stderr).toMatch(/is log [0-9a-f-]{36}.* this node's state was made from log/)
      expect(stderr).toMatch(/empty database/)
      expect(code).toBe(1)
    })
  } finally {
    running.kill('SIGKILL')
  }
  await node.drop()
})
