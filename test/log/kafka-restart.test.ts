// A broker that goes away and comes back while somebody reads, appends, or belongs to a group.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createKafkaLog, type KafkaLog } from '../../src/log/kafka/log.ts'
import { type KafkaService, startKafka, temporaryDir } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { createTopic, withAdmin } from './kafka-admin.ts'
import { until } from './reading.ts'
import { text, textOf } from './samples.ts'

const dir = temporaryDir()
let broker: KafkaService
const open: KafkaLog[] = []

beforeAll(async () => {
  broker = await startKafka({ dir: dir.path })
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((log) => log.close()))
})
afterAll(async () => {
  await broker?.stop()
  dir.remove()
})

async function start(partitions: number) {
  const made = await createTopic(broker.brokers, partitions, 'restart')
  const another = () => {
    const log = made.open()
    open.push(log)
    return log
  }
  return { topic: made.topic, log: another(), another }
}

const all = { type: 'all' } as const

test.each(['stop', 'SIGKILL'] as const)(
  'reading goes on after %s, says that it was interrupted, and misses nothing',
  async (how) => {
    const { log, another } = await start(2)
    const writer = another()
    const values = (from: number) => Array.from({ length: 100 }, (_, i) => `${from + i}`)
    await writer.append(text(0, ...values(0)))
    let isBack: Promise<void> | null = null
    const { events, records } = await until(log, { scope: all }, (state) => {
      if (isBack === null && state.isCaughtUp([0, 1])) {
        isBack = (async () => {
          if (how === 'SIGKILL') await broker.kill('SIGKILL')
          await broker.restart()
          await writer.append([...text(0, ...values(100)), ...text(1, 'end')])
        })()
      }
      return state.records.length === 201
    })
    await isBack
    const own = records.filter(({ partition }) => partition === 0)
    expect(own.map(({ value }) => textOf(value))).toEqual(values(0).concat(values(100)))
    expect(own.map(({ offset }) => offset)).toEqual(own.map((_, i) => BigInt(i)))
    expect(events.some(({ type }) => type === 'reconnected')).toBe(true)
  },
)

test('what is appended while the broker is killed is acknowledged later, each record at its own place', async () => {
  const { log } = await start(2)
  const calls: Promise<readonly { partition: number; offset: bigint }[]>[] = []
  const restarting = (async () => {
    for (let round = 0; round < 2; round++) {
      await sleep(300)
      await broker.kill('SIGKILL')
      await broker.restart()
    }
  })()
  let isOver = false
  restarting.finally(() => {
    isOver = true
  })
  const sent: string[][] = []
  while (!isOver || calls.length < 10) {
    const texts = Array.from({ length: 50 }, (_, i) => `call ${calls.length} record ${i}`)
    sent.push(texts)
    calls.push(log.append(texts.flatMap((one, i) => text(i % 2, one))))
    await sleep(10)
  }
  await restarting
  const answers = await Promise.all(calls)
  const picked = await log.pick(answers.flat())
  expect(picked.map((record) => textOf(record!.value))).toEqual(sent.flat())
  expect(new Set(answers.flat().map(({ partition, offset }) => `${partition} ${offset}`)).size).toBe(
    sent.flat().length,
  )
  // A batch that was sent again is known by its number: nothing is in the log twice.
  const ends = (await log.describe()).partitions.map(({ end }) => end)
  expect(ends).toEqual(Array(2).fill(BigInt(sent.flat().length / 2)))
})

test('the members of a group come back and have all partitions between them', async () => {
  const { log, another } = await start(3)
  const stop = new AbortController()
  const shares = new Map<string, readonly number[]>()
  const join = async (one: KafkaLog, member: string) => {
    const scope = { type: 'group', group: 'spindexer-restart', member } as const
    for await (const event of one.read({ scope, positions: async () => new Map(), signal: stop.signal })) {
      if (event.type === 'assigned') shares.set(member, event.partitions)
      if (event.type === 'reconnected') shares.delete(member)
    }
  }
  const members = [join(log, 'one'), join(another(), 'two')]
  const isDivided = () => [...shares.values()].flat().sort().join() === '0,1,2' && shares.size === 2
  await waitFor('both to have a share', isDivided)
  await broker.kill('SIGKILL')
  shares.clear()
  await broker.restart()
  await waitFor('both to have a share again', isDivided)
  await waitFor(
    'both to be known',
    async () => [...(await log.groupMembers('spindexer-restart'))].sort().join() === 'one,two',
  )
  stop.abort()
  await Promise.all(members)
})

test('a topic that is deleted while it is read is lost', async () => {
  const { topic, log } = await start(1)
  await log.append(text(0, 'a'))
  let isDeleted = false
  const { events } = await until(log, { scope: all }, async (state) => {
    if (!isDeleted && state.isCaughtUp([0])) {
      isDeleted = true
      await withAdmin(broker.brokers, (admin) => admin.deleteTopics({ topics: [topic] }))
    }
    return false
  })
  expect(events.at(-1)).toEqual({ type: 'lost', partition: 0, position: 1n })
})

test('closing is quick while the broker is gone', async () => {
  const { log } = await start(1)
  const reading = until(log, { scope: all, forMs: 60_000 }, () => false)
  await sleep(500)
  await broker.kill('SIGKILL')
  const appending = expect(log.append(text(0, 'a'))).rejects.toThrow(/closed/)
  await sleep(500)
  const began = Date.now()
  await log.close()
  await Promise.all([reading, appending])
  expect(Date.now() - began).toBeLessThan(3_000)
  await broker.restart()
  const other = createKafkaLog({ connection: { brokers: broker.brokers }, topic: 'x', onLog: () => {} })
  open.push(other)
  expect((await other.describe()).partitions).toEqual([])
})
