// Leaders that do not know yet how far they are, and topics that are made anew behind a reader's back.

import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { isTransient } from '../../src/log/kafka/errors.ts'
import type { FetchedPartition } from '../../src/log/kafka/exchange.ts'
import type { Broker } from '../../src/log/kafka/kafkajs.ts'
import { createKafkaLog, type KafkaLog } from '../../src/log/kafka/log.ts'
import { pickRecords } from '../../src/log/kafka/picker.ts'
import { createKafkaTopics } from '../../src/log/kafka/topics.ts'
import type { LogEvent } from '../../src/log/log.ts'
import { kafka, uniqueTopic } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { withAdmin } from './kafka-admin.ts'

const open: KafkaLog[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((log) => log.close()))
})

async function start() {
  const { brokers } = await kafka()
  const options = { connection: { brokers }, topic: uniqueTopic('moved'), onLog: () => {} }
  const make = async () => {
    const made = await createKafkaTopics({ ...options, partitions: 1, replicationFactor: null })
    expect(made.type).toBe('created')
  }
  const handle = () => {
    const log = createKafkaLog(options)
    open.push(log)
    return log
  }
  await make()
  return {
    log: handle(),
    another: handle,
    /** Deletes the topics, makes them again and fills them with records of 50 kB, through another handle. */
    async remake(count: number) {
      const { topic } = options
      await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic, `${topic}.definitions`] }))
      await waitFor('the topics to be gone', () =>
        withAdmin(brokers, async (admin) => !(await admin.listTopics()).includes(topic)),
      )
      await make()
      await handle().append(large('new', count))
    },
  }
}

/** As large in the log as here: what compresses well would all come at once. */
const large = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => {
    const value = Buffer.concat([Buffer.from(`${name} ${i} `), randomBytes(50_000)])
    return { partition: 0, key: null, value }
  })

/** Reads everything up to the end of the topic as it is; what the first byte of each record's value says, and other events. */
async function readAll(log: KafkaLog, from: bigint, afterFirst: () => Promise<void>): Promise<string[]> {
  const seen: string[] = []
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), 60_000)
  const scope = { type: 'all' } as const
  const note = (event: LogEvent) => {
    if (event.type !== 'chunk') return [event.type]
    return [...event.records].map(({ value }) => value!.toString('utf8', 0, 3))
  }
  let isFirst = true
  for await (const event of log.read({
    scope,
    positions: async () => new Map([[0, from]]),
    signal: stop.signal,
  })) {
    seen.push(...note(event))
    if (event.type === 'chunk' && isFirst) {
      isFirst = false
      await afterFirst()
    }
    if (event.type === 'lost' || (event.type === 'chunk' && event.next === event.end && seen.includes('new')))
      break
  }
  clearTimeout(timer)
  return seen.filter((one, i) => one !== seen[i - 1])
}

test('a topic that is made anew and filled while nobody fetches: the checks are asked for before its first record', async () => {
  const { log, remake } = await start()
  await log.append(large('old', 120))
  await log.describe()
  // The reader holds the first chunk: behind it 2 MiB wait, so that nothing is fetched meanwhile.
  expect(await readAll(log, 0n, () => remake(200))).toEqual(['assigned', 'old', 'reconnected', 'new'])
}, 120_000)

test('a topic that is made anew between the checks and the reading', async () => {
  const { log, remake } = await start()
  await log.append(large('old', 3))
  await log.describe()
  await remake(5)
  expect(await readAll(log, 3n, async () => {})).toEqual(['assigned', 'reconnected', 'new'])
}, 120_000)

test('a writer appends nothing to a topic that was made anew, and says so', async () => {
  const { log, remake, another } = await start()
  await log.append(large('old', 1))
  await remake(2)
  await expect(log.append(large('old', 1))).rejects.toThrow(
    /was deleted and made anew while it was written to; run/,
  )
  expect((await another().describe()).partitions).toMatchObject([{ end: 2n }])
}, 120_000)

test('a leader that does not know yet how far the others are is asked again, and nothing is said to be lost', async () => {
  const answer = (end: bigint): FetchedPartition => ({
    partition: 0,
    errorCode: 0,
    end,
    bytes: Buffer.alloc(0),
  })
  const pick = (fetched: FetchedPartition, end: string) => {
    const broker = {
      versions: { 1: { minVersion: 4, maxVersion: 13 } },
      connectionPool: { send: async () => [fetched] },
      listOffsets: async () => ({ responses: [{ partitions: [{ partition: 0, offset: end }] }] }),
    } as unknown as Broker
    const client = {
      layout: async () => [{ partition: 0, topicId: null, leader: 1, replicas: 3 }],
      broker: async () => broker,
    }
    return pickRecords(client as unknown as Parameters<typeof pickRecords>[0], 'any', [
      { partition: 0, offset: 0n },
    ])
  }
  const error = await pick(answer(0n), '7').catch((error: unknown) => error)
  expect(error).toMatchObject({ type: 'OFFSET_NOT_AVAILABLE' })
  expect(isTransient(error)).toBe(true)
  expect(await pick(answer(0n), '0')).toEqual([null])
})
