// Connections that are cut before a request, or between a request and its answer: appended once, acknowledged or not.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createRandom } from '../../scripts/demo/random.ts'
import { createKafkaLog, type KafkaLog } from '../../src/log/kafka/log.ts'
import { createKafkaTopics } from '../../src/log/kafka/topics.ts'
import type { Appended, NewRecord } from '../../src/log/log.ts'
import { type Fate, PRODUCE, type ProxiedKafka, startProxiedKafka } from '../support/kafka-proxy.ts'
import { announceSeed } from '../support/seed.ts'
import { temporaryDir, uniqueTopic } from '../support/services.ts'
import { deleteRecords } from './kafka-admin.ts'
import { until } from './reading.ts'
import { text, textOf } from './samples.ts'

const seed = announceSeed('test/log/kafka-cut.test.ts')
const dir = temporaryDir()
const open: KafkaLog[] = []
let kafka: ProxiedKafka

beforeAll(async () => {
  const forgetful = {
    'producer.id.expiration.ms': '1000',
    'producer.id.expiration.check.interval.ms': '200',
  }
  kafka = await startProxiedKafka(dir.path, forgetful)
})
afterEach(async () => {
  kafka.decide(null)
  await Promise.all(open.splice(0).map((log) => log.close()))
})
afterAll(async () => {
  await kafka?.end()
  dir.remove()
})

async function start(partitions: number) {
  const options = { connection: { brokers: kafka.brokers }, topic: uniqueTopic('cut'), onLog: () => {} }
  await createKafkaTopics({ ...options, partitions, replicationFactor: null })
  const log = createKafkaLog(options)
  open.push(log)
  return { log, topic: options.topic }
}

const all = { type: 'all' } as const

async function readAll(log: KafkaLog, partitions: readonly number[]) {
  const { records } = await until(log, { scope: all }, (state) => state.isCaughtUp(partitions))
  return records
}

test.each([
  ['before the request', 'cut'],
  ['before the answer', 'cut answer'],
] as const)('an append whose connection is cut %s is in the log once', async (_name, fate) => {
  const { log } = await start(1)
  await log.append(text(0, 'first'))
  let cuts = 0
  kafka.decide((apiKey) => (apiKey === PRODUCE && cuts++ < 3 ? fate : 'pass'))
  const [answer] = await log.append(text(0, 'second'))
  expect(cuts).toBeGreaterThan(3)
  expect(answer!.offset).toBe(1n)
  expect((await readAll(log, [0])).map(({ value }) => textOf(value))).toEqual(['first', 'second'])
})

test('connections cut at random: every acknowledged record is there once, at the place that was said', async () => {
  const { log } = await start(3)
  const random = createRandom(seed)
  let cuts = 0
  kafka.decide((): Fate => {
    const dice = random()
    if (dice < 0.8) return 'pass'
    cuts++
    return dice < 0.9 ? 'cut' : 'cut answer'
  })
  const calls: (readonly NewRecord[])[] = []
  const appended: Promise<readonly Appended[]>[] = []
  while (calls.length < 100 || (cuts < 10 && calls.length < 2_000)) {
    const texts = Array.from({ length: 20 }, (_, i) => `${calls.length} ${i}`)
    calls.push(texts.flatMap((one, i) => text(i % 3, one)))
    appended.push(log.append(calls.at(-1)!))
    if (calls.length % 5 === 0) await appended.at(-1)
  }
  const answers = (await Promise.all(appended)).flat()
  kafka.decide(null)
  expect(cuts).toBeGreaterThanOrEqual(10)
  const records = await readAll(log, [0, 1, 2])
  const found = new Map(
    records.map(({ partition, offset, value }) => [`${partition} ${offset}`, textOf(value)]),
  )
  const sent = calls.flat().map(({ value }) => textOf(value))
  expect(answers.map(({ partition, offset }) => found.get(`${partition} ${offset}`))).toEqual(sent)
  expect(records).toHaveLength(sent.length)
}, 180_000)

test('a writer that the broker has forgotten, and whose records are gone, goes on', async () => {
  const { log, topic } = await start(1)
  for (let round = 0; round < 3; round++) {
    const [answer] = await log.append(text(0, `${round} a`, `${round} b`))
    expect(answer!.offset).toBe(BigInt(round * 2))
    await deleteRecords(kafka.broker.brokers, topic, 0, answer!.offset + 2n)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    if (round === 1) await kafka.broker.restart()
  }
  expect((await log.describe()).partitions).toMatchObject([{ first: 6n, end: 6n }])
})
