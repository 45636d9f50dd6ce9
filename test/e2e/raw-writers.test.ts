// What others do to a log with means of Kafka that writers of ours do not use: transactions, and a topic's own idea of time.

import type { Producer } from 'kafkajs'
import { afterEach, expect, it } from 'vitest'
import { block, branch, RAW_TIME_NS, rawMutation, stampOf, text } from '../../scripts/golden/raw-avro.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { alterTopic, withProducer } from '../log/kafka-admin.ts'
import { type RunningCli, runCli, startCli } from '../support/cli.ts'
import { waitFor } from '../support/wait.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestLog,
  createTestNode,
  foldInPython,
  type KafkaTestLog,
  type TestNode,
} from './support.ts'

const nodes: TestNode[] = []
let live: RunningCli | undefined

afterEach(async () => {
  live?.kill('SIGKILL')
  live = undefined
  await Promise.all(nodes.splice(0).map((node) => node.drop()))
})

async function newNode(log: KafkaTestLog, name: string): Promise<TestNode> {
  const node = await createTestNode(log, name)
  nodes.push(node)
  return node
}

/** Upserts of tracks, `title` by `id`, later ones with later stamps. */
function messagesOf(titles: Readonly<Record<string, string>>, later: bigint) {
  return Object.entries(titles).map(([id, title]) => {
    const columns = block([Buffer.concat([text('title'), branch.string(title)])])
    const stamp = stampOf(RAW_TIME_NS + later)
    return { partition: 0, value: frameSingleObject(rawMutation({ stamp, key: block([text(id)]), columns })) }
  })
}

function titlesOf(node: TestNode) {
  return node.query('select id, title from data.tracks order by id')
}

it('records of every transaction are merged, committed, aborted or left open, alike live, replayed and in Python', async () => {
  const log = await createTestLog('transactions', { partitions: 1, datasets: 'examples/catalogue' })
  const liveNode = await newNode(log, 'transactions_live')
  await catchUp(liveNode)
  live = startCli(['run'], { env: liveNode.env })
  await withProducer(log.brokers, { transactional: true }, async (producer: Producer) => {
    const send = async (end: 'commit' | 'abort' | null, titles: Record<string, string>, later: bigint) => {
      const transaction = await producer.transaction()
      await transaction.send({ topic: log.topic, messages: messagesOf(titles, later) })
      if (end !== null) await transaction[end]()
      return transaction
    }
    await send('commit', { a: 'committed', b: 'committed', c: 'committed' }, 1n)
    await send('abort', { b: 'aborted', c: 'aborted' }, 2n)
    const open = await send(null, { c: 'left open' }, 3n)
    const expected = [
      { id: 'a', title: 'committed' },
      { id: 'b', title: 'aborted' },
      { id: 'c', title: 'left open' },
    ]
    const merged = { consumed: 6n, merged: 6n, parked: 0n, quarantined: 0n }

    await waitFor('the live node to have all', async () => (await countsOf(liveNode)).consumed === 6n)
    expect(await titlesOf(liveNode)).toEqual(expected)
    const replay = await newNode(log, 'transactions_replay')
    await catchUp(replay)
    expect(await titlesOf(replay)).toEqual(expected)
    expect(await countsOf(replay)).toEqual(merged)
    expect(await countsOf(liveNode)).toEqual(merged)
    const cells = await cellsOf(liveNode)
    expect(await cellsOf(replay)).toBe(cells)
    expect(await foldInPython(log)).toBe(cells)

    // The marker that ends it is no message: positions step over it, and nothing else changes.
    const [before] = await replay.query('select next_offset from spindexer.positions')
    await open.abort()
    await catchUp(replay)
    const [after] = await replay.query('select next_offset from spindexer.positions')
    expect(BigInt(after!.next_offset!)).toBe(BigInt(before!.next_offset!) + 1n)
    expect(await countsOf(replay)).toEqual(merged)
    expect(await cellsOf(replay)).toBe(cells)
  })
}, 240_000)

it('a time in which the topic did not stamp is quarantined, in the past of a topic that stamps again', async () => {
  const log = await createTestLog('own_time', { partitions: 1, datasets: 'examples/catalogue' })
  const early = await newNode(log, 'own_time_early')
  const send = (titles: Record<string, string>, later: bigint) =>
    withProducer(log.brokers, { transactional: false }, (producer) =>
      producer.send({ topic: log.topic, messages: messagesOf(titles, later) }),
    )
  await send({ a: 'before', b: 'before' }, 1n)
  await catchUp(early)
  await alterTopic(log.brokers, log.topic, { 'message.timestamp.type': 'CreateTime' })
  await send({ b: 'own time', c: 'own time' }, 2n)
  const refused = await runCli(['run', '--until-end'], { env: early.env })
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('message.timestamp.type=CreateTime')
  await alterTopic(log.brokers, log.topic, { 'message.timestamp.type': 'LogAppendTime' })
  await send({ d: 'after' }, 3n)

  const late = await newNode(log, 'own_time_late')
  for (const node of [early, late]) {
    await catchUp(node)
    expect(await titlesOf(node)).toEqual([
      { id: 'a', title: 'before' },
      { id: 'b', title: 'before' },
      { id: 'd', title: 'after' },
    ])
    expect(await countsOf(node)).toEqual({ consumed: 5n, merged: 3n, parked: 0n, quarantined: 2n })
    expect(await node.query('select reason, dataset from spindexer.quarantined')).toEqual([
      { reason: 'not-log-time', dataset: null },
      { reason: 'not-log-time', dataset: null },
    ])
  }
  const cells = await cellsOf(early)
  expect(await cellsOf(late)).toBe(cells)
  expect(await foldInPython(log)).toBe(cells)
}, 240_000)
