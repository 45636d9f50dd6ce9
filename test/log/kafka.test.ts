// What Kafka has and the port does not speak of: transactions, compression, settings, topics that are made again.

import { randomBytes } from 'node:crypto'
import { CompressionTypes } from 'kafkajs'
import { afterEach, expect, test } from 'vitest'
import { checkLog } from '../../src/log/check.ts'
import { createLog } from '../../src/log/genesis.ts'
import { createClient } from '../../src/log/kafka/client.ts'
import type { KafkaLog } from '../../src/log/kafka/log.ts'
import { createKafkaLog } from '../../src/log/kafka/log.ts'
import { definitionsTopic } from '../../src/log/kafka/topic.ts'
import { createKafkaTopics } from '../../src/log/kafka/topics.ts'
import { kafka } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { codecsOf } from './batch-codecs.ts'
import { alterTopic, createTopic, withAdmin, withProducer } from './kafka-admin.ts'
import { until } from './reading.ts'
import { plan, text, textOf } from './samples.ts'

const open: KafkaLog[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((log) => log.close()))
})

async function start(partitions: number) {
  const { brokers } = await kafka()
  const made = await createTopic(brokers, partitions)
  const log = made.open()
  open.push(log)
  return { brokers, topic: made.topic, log }
}

const all = { type: 'all' } as const

test('records of every transaction are read, control records are stepped over, the end is reached', async () => {
  const { brokers, topic, log } = await start(1)
  await log.append(text(0, 'before'))
  await withProducer(brokers, { transactional: true }, async (producer) => {
    for (const end of ['commit', 'abort'] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value: `${end} 1` }, { value: `${end} 2` }] })
      await transaction[end]()
    }
    const left = await producer.transaction()
    await left.send({ topic, messages: [{ value: 'open' }] })
    const { records, chunks } = await until(log, { scope: all }, (state) => state.isCaughtUp([0]))
    const expected = ['before', 'commit 1', 'commit 2', 'abort 1', 'abort 2', 'open']
    expect(records.map(({ value }) => textOf(value))).toEqual(expected)
    expect(records.map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 4n, 5n, 7n])
    expect(chunks.at(-1)).toMatchObject({ next: 8n, end: 8n })
    expect(
      await log.pick([
        { partition: 0, offset: 3n },
        { partition: 0, offset: 4n },
      ]),
    ).toMatchObject([null, { offset: 4n }])
    await left.abort()
  })
  const { records, chunks } = await until(log, { scope: all, positions: new Map([[0, 8n]]) }, (state) =>
    state.isCaughtUp([0]),
  )
  expect(records).toEqual([])
  expect(chunks.at(-1)).toMatchObject({ next: 9n, end: 9n })
})

test('reading from the middle of a batch begins there', async () => {
  const { log } = await start(1)
  await log.append(text(0, 'a', 'b', 'c', 'd'))
  const { records } = await until(log, { scope: all, positions: new Map([[0, 2n]]) }, (state) =>
    state.isCaughtUp([0]),
  )
  expect(records.map(({ offset, value }) => [offset, textOf(value)])).toEqual([
    [2n, 'c'],
    [3n, 'd'],
  ])
})

test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
  'records that the broker compressed with %s are read',
  async (codec) => {
    const { brokers, topic, log } = await start(1)
    await alterTopic(brokers, topic, { 'compression.type': codec })
    const values = Array.from({ length: 500 }, (_, i) => `value ${i}`)
    await waitFor('the broker to compress', async () => {
      const [first] = await log.append(text(0, ...values))
      return (await codecsOf(brokers, topic, { from: first!.offset })).includes(codec)
    })
    const { records } = await until(log, { scope: all }, (state) => state.isCaughtUp([0]))
    expect(records.length % values.length).toBe(0)
    expect(records.slice(-values.length).map(({ value }) => textOf(value))).toEqual(values)
    const picked = await log.pick([{ partition: 0, offset: 77n }])
    expect(textOf(picked[0]!.value)).toBe('value 77')
  },
)

test('a batch of more than 64 MiB is read as records without a value', async () => {
  const { brokers, topic, log } = await start(1)
  const send = (bytes: number) =>
    withProducer(brokers, { transactional: false }, (producer) =>
      producer.send({
        topic,
        compression: CompressionTypes.GZIP,
        messages: [{ value: 'first' }, { value: Buffer.alloc(bytes) }],
      }),
    )
  await send(64 * 1024 * 1024)
  await send(1_000)
  const { records } = await until(log, { scope: all }, (state) => state.isCaughtUp([0]))
  expect(records.map(({ offset, value }) => [offset, value?.length ?? null])).toEqual([
    [0n, null],
    [1n, null],
    [2n, 5],
    [3n, 1_000],
  ])
})

test('a topic that does not stamp records: they say so', async () => {
  const { brokers, topic, log } = await start(1)
  await alterTopic(brokers, topic, { 'message.timestamp.type': 'CreateTime' })
  const offset = await withProducer(brokers, { transactional: false }, (producer) =>
    // A broker answers a change of settings before its partitions have taken it.
    waitFor('the broker no longer stamps what it appends', async () => {
      const [answer] = await producer.send({ topic, messages: [{ value: 'a', timestamp: '1234567890123' }] })
      return answer?.logAppendTime === '-1' ? BigInt(answer.baseOffset!) : undefined
    }),
  )
  const [record] = await log.pick([{ partition: 0, offset }])
  expect(record).toMatchObject({ stampedByLog: false, appendMs: 1_234_567_890_123n })
})

test.each([
  ['cleanup.policy', 'compact'],
  ['retention.ms', '60000'],
  ['retention.bytes', '1000000'],
  ['message.timestamp.type', 'CreateTime'],
  ['unclean.leader.election.enable', 'true'],
])('a topic with %s=%s is refused, with the command that mends it', async (name, value) => {
  const { brokers, topic, log } = await start(1)
  await createLog(log, plan(1))
  expect(checkLog(await log.describe()).type).toBe('ok')
  for (const one of [topic, `${topic}.definitions`]) {
    await alterTopic(brokers, one, { [name]: value })
    const check = await waitFor('the setting to be seen', async () => {
      const found = checkLog(await log.describe())
      return found.type === 'refused' && found
    })
    const [problem] = check.problems
    expect(problem!.what).toContain(`"${one}" has ${name}=${value}`)
    expect(problem!.remedy).toContain(
      `--bootstrap-server ${brokers[0]} --entity-type topics --entity-name ${one} --alter`,
    )
    await alterTopic(brokers, one, { [name]: value === 'compact' ? 'delete' : restored(name) })
    await waitFor('the setting to be mended', async () => checkLog(await log.describe()).type === 'ok')
  }
})

function restored(name: string): string {
  if (name === 'message.timestamp.type') return 'LogAppendTime'
  return name.startsWith('retention') ? '-1' : 'false'
}

test('one copy of each record is a warning', async () => {
  const { log } = await start(1)
  await createLog(log, plan(1))
  const check = checkLog(await log.describe())
  expect(check.type === 'ok' && check.warnings).toEqual([expect.stringMatching(/replication factor 1/)])
})

test('a topic that was made again is lost to its reader, and is another log', async () => {
  const { brokers, topic, log } = await start(1)
  await createLog(log, plan(1))
  await log.append(text(0, ...Array.from({ length: 50 }, (_, i) => `${i}`)))
  let isRemade = false
  const { events } = await until(log, { scope: all }, async (state) => {
    if (isRemade || !state.isCaughtUp([0])) return false
    isRemade = true
    await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic] }))
    const options = {
      connection: { brokers },
      topic,
      partitions: 1,
      replicationFactor: null,
      onLog: () => {},
    }
    await waitFor(
      'the topic to be there again',
      async () => (await createKafkaTopics(options)).type === 'created',
    )
    return false
  })
  expect(events.at(-1)).toEqual({ type: 'lost', partition: 0, position: 51n })
  expect(checkLog(await log.describe()).type).toBe('refused')
})

test('a log that does not exist is described, and refused', async () => {
  const { brokers } = await kafka()
  const log = createKafkaLog({ connection: { brokers }, topic: 'nowhere', onLog: () => {} })
  open.push(log)
  expect(await log.describe()).toMatchObject({ partitions: [], definitions: null, problems: [] })
  expect(checkLog(await log.describe())).toMatchObject({
    problems: [{ remedy: 'run `spindexer log create`' }],
  })
  await expect(until(log, { scope: all }, () => false)).rejects.toThrow(/does not exist/)
})

test('topics that exist stay as they are; another number of partitions is refused', async () => {
  const { brokers } = await kafka()
  const { topic } = await createTopic(brokers, 2)
  const options = { connection: { brokers }, topic, replicationFactor: null, onLog: () => {} }
  expect(await createKafkaTopics({ ...options, partitions: 2 })).toEqual({ type: 'existed' })
  expect(await createKafkaTopics({ ...options, partitions: 3 })).toMatchObject({
    type: 'refused',
    problems: [{ what: `kafka topic "${topic}" exists with 2 partitions, not 3` }],
  })
})

test('batches too large for the topic are sent smaller, a record too large is refused by name', async () => {
  const { brokers, topic, log } = await start(1)
  await alterTopic(brokers, topic, { 'max.message.bytes': '20000' })
  const value = randomBytes(3_000)
  const appended = await log.append(Array.from({ length: 40 }, () => ({ partition: 0, key: null, value })))
  expect(appended.map(({ offset }) => offset)).toEqual(Array.from({ length: 40 }, (_, i) => BigInt(i)))
  const large = log.append([{ partition: 0, key: null, value: randomBytes(30_000) }])
  await expect(large).rejects.toThrow(/MESSAGE_TOO_LARGE.*max.message.bytes/)
  expect((await log.append(text(0, 'after')))[0]!.offset).toBe(40n)
  expect((await log.describe()).warnings.join()).toContain('max.message.bytes=20000')
})

test('the members of a group are known by the names that they read with', async () => {
  const { log } = await start(1)
  const stop = new AbortController()
  const scope = { type: 'group', group: 'spindexer-names', member: 'node-7' } as const
  const reading = (async () => {
    for await (const event of log.read({ scope, positions: async () => new Map(), signal: stop.signal })) {
      if (event.type === 'chunk') return await log.groupMembers('spindexer-names')
    }
    return []
  })()
  expect(await reading).toEqual(['node-7'])
  await waitFor('the member to be gone', async () => (await log.groupMembers('spindexer-names')).length === 0)
})

test('a cluster that is not there is an error that names it', async () => {
  const log = createKafkaLog({ connection: { brokers: ['127.0.0.1:1'] }, topic: 'x', onLog: () => {} })
  open.push(log)
  await expect(log.describe()).rejects.toThrow('describing kafka topic "x" at 127.0.0.1:1')
})

test('a record that is picked holds on to its own bytes alone, not to its batch', async () => {
  const { log } = await start(1)
  const records = Array.from({ length: 50 }, (_, i) => text(0, `${i} ${'x'.repeat(10_000)}`))
  const appended = await log.append(records.flat())
  const picked = await log.pick([appended[7]!, appended[31]!])
  for (const record of picked) {
    // Ten thousand of them are asked for at once: a batch for each would be gigabytes. 64 KiB is Node.js’s pool.
    expect(record!.value!.length).toBeGreaterThan(10_000)
    expect(record!.value!.buffer.byteLength).toBeLessThan(100_000)
  }
})

test('topics that are asked for at once are all answered', async () => {
  const { brokers, topic, log } = await start(2)
  await log.describe()
  const client = createClient({ connection: { brokers }, clientId: 'asking', onLog: () => {} })
  try {
    const asked = Array.from({ length: 200 }, (_, i) =>
      client.layout(i % 2 === 0 ? topic : definitionsTopic(topic)),
    )
    const counts = (await Promise.all(asked)).map((layout) => layout?.length)
    expect(counts).toEqual(asked.map((_, i) => (i % 2 === 0 ? 2 : 1)))
  } finally {
    await client.close()
  }
})
