// A hostile log copied from Kafka to Postgres, back to Kafka, and on: each verdict holds in every copy, and nodes old and new agree with the source.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { block, branch, rawMutation, text } from '../../scripts/golden/raw-avro.ts'
import { LOG_ID } from '../../scripts/golden/verdicts-world.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { createLog } from '../../src/log/genesis.ts'
import { BATCH_BYTES_MAX } from '../../src/log/kafka/compression.ts'
import { alterTopic, createTopic, withProducer } from '../log/kafka-admin.ts'
import { rawBatch, rawRecord, sendBatches } from '../log/raw-batch.ts'
import { expectCopy, type ReadLog } from '../support/copies.ts'
import { kafka } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import {
  copy,
  expectMoved,
  figuresOf,
  kafkaPlace,
  type LogPlace,
  type NodeFigures,
  nodeAt,
  openLog,
  postgresPlace,
  readPlace,
} from './copy-support.ts'
import { HOSTILE_DEFINITIONS, hostileMessages } from './hostile-messages.ts'
import { catchUp, type TestNode } from './support.ts'

const PARTITIONS = 3
const SEND_BYTES_MAX = 400_000
const MARK = 'spindexer-quarantined'

let source: LogPlace
let node: TestNode
let before: NodeFigures
let original: ReadLog
const places: LogPlace[] = []

beforeAll(async () => {
  const { brokers } = await kafka()
  const { topic } = await createTopic(brokers, PARTITIONS, 'copied')
  const url = `kafka://${brokers.join(',')}/${topic}`
  source = { url, open: () => openLog(url), drop: async () => {} }
  const log = source.open()
  const plan = { logId: LOG_ID, copyId: randomUUID(), generation: 1, maxClockAheadMs: 60_000n, admins: [] }
  expect((await createLog(log, plan)).type).toBe('created')
  await log.close()
  await sendHostile(brokers, topic)
  await sendUnstamped(brokers, topic)
  await sendRaw(brokers, topic)
  node = await nodeAt(source, 'kept')
  await catchUp(node)
  before = await figuresOf(node)
  original = await readPlace(source)
  expect(original.state === before.cells).toBe(true)
}, 240_000)

afterAll(async () => {
  await node?.drop()
  for (const place of places) await place.drop()
})

it('every reason to quarantine is there', () => {
  const reasons = new Set(original.quarantined.values())
  for (const reason of [
    'clock-ahead',
    'not-log-time',
    'too-large',
    'no-value',
    'unknown-header',
    'repeated-header',
  ])
    expect(reasons).toContain(reason)
  for (const reason of ['marked', 'foreign-genesis', 'bad-control', 'key-changed', 'mutation-in-definitions'])
    expect(reasons).toContain(reason)
  expect(reasons.size).toBeGreaterThan(20)
})

it('to Postgres, to Kafka with more partitions, and to Postgres again: verdicts, states and counts hold', async () => {
  const chain = [await postgresPlace('copied'), await kafkaPlace('copied'), await postgresPlace('copied', 15)]
  places.push(...chain)
  const options = [[], ['--partitions', '5'], ['--partitions', '2', '--close']]
  let [from, was] = [source, original]
  for (const [i, to] of chain.entries()) {
    const said = await copy(from, to, ...options[i]!)
    expect(said).toMatchObject({
      generation: i + 2,
      appendedAgain: 0,
      copied: was.records.length + closes(i, was),
    })
    const is = await readPlace(to)
    // A close adds its own records to the source.
    if (i === 2) was = await readPlace(from)
    expectCopy(was, is)
    expect(said.marked).toBe(original.quarantined.size)
    expect(is.counts).toEqual(original.counts)
    const figures = await expectMoved(node, to, i + 2)
    expect(figures.cells === before.cells).toBe(true)
    expect(figures.counts).toEqual(before.counts)
    expect(figures.setAside.length).toBe(before.setAside.length)
    ;[from, was] = [to, is]
  }
}, 240_000)

it('what was too large is left out, and the mark says how large it was', async () => {
  const is = await readPlace(places[0]!)
  const marks = is.records.flatMap(({ value, headers }) =>
    headers
      .filter(({ name }) => name === MARK)
      .map((mark) => ({ value, words: Buffer.from(mark.value).toString() })),
  )
  const large = marks.filter(({ words }) => words.includes('"sha256"'))
  expect(large.length).toBeGreaterThan(2)
  for (const { value, words } of large) {
    expect(value!.length).toBe(0)
    expect(JSON.parse(words)).toMatchObject({
      size: expect.any(Number),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  }
})

/** With --close, one record for each partition and the definitions. */
const closes = (i: number, { partitions }: ReadLog) => (i === 2 ? partitions + 1 : 0)

const good = (n: number): Buffer => {
  const columns = block([Buffer.concat([text('n'), branch.long(n)])])
  return frameSingleObject(rawMutation({ dataset: text('good'), key: block([text(`g${n}`)]), columns }))
}

async function sendHostile(brokers: readonly string[], topic: string): Promise<void> {
  const messages = hostileMessages(BigInt(Date.now()))
  await withProducer(brokers, { transactional: false }, async (producer) => {
    const send = async (toDefinitions: boolean, all: readonly Sent[]) => {
      let batch: Sent[] = []
      const flush = () =>
        producer.send({ topic: toDefinitions ? `${topic}.definitions` : topic, acks: -1, messages: batch })
      for (const [i, one] of all.entries()) {
        batch.push({ ...one, partition: toDefinitions ? 0 : i % PARTITIONS })
        const bytes = batch.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
        if (bytes < SEND_BYTES_MAX && i < all.length - 1) continue
        await flush()
        batch = []
      }
    }
    const toSent = ({ value, headers }: (typeof messages)[number]): Sent => ({
      key: null,
      value,
      headers: toHeaders(headers),
    })
    const data = messages.filter(({ isDefinition }) => !isDefinition).map(toSent)
    // The first half before its definitions, which then come late.
    await send(false, data.slice(0, data.length / 2))
    const refused = messages.filter(({ isDefinition }) => isDefinition).map(toSent)
    const definitions = HOSTILE_DEFINITIONS.map((value) => ({
      key: null,
      value: Buffer.from(value),
      headers: {},
    }))
    await send(true, [...definitions, ...refused])
    await send(false, data.slice(data.length / 2))
    // Among good ones: forged marks, one of them twice; keys, and headers of strangers.
    await send(false, [
      { key: 'k', value: good(1), headers: { [MARK]: '{"reason":"forged"}' } },
      { key: 'k', value: good(2), headers: { [MARK]: ['a', 'b'] } },
      { key: null, value: Buffer.alloc(900_001), headers: { [MARK]: 'forged' } },
      { key: 'k', value: good(3), headers: { trace: ['1', '2', '1'], 'Spindexer-Quarantined': 'x' } },
      { key: 'x'.repeat(60_000), value: good(4), headers: {} },
      { key: 'k', value: null, headers: { [MARK]: 'forged' } },
    ])
  })
}

interface Sent {
  readonly key: string | null
  readonly value: Buffer | null
  readonly headers: Record<string, string | string[]>
  readonly partition?: number
}

function toHeaders(names: readonly string[]): Record<string, string[]> {
  const valuesByName: Record<string, string[]> = {}
  for (const name of names) valuesByName[name] = [...(valuesByName[name] ?? []), 'x']
  return valuesByName
}

/** Batches that carry their writer's time: before, now and a day ahead. */
async function sendUnstamped(brokers: readonly string[], topic: string): Promise<void> {
  await alterTopic(brokers, topic, { 'message.timestamp.type': 'CreateTime' })
  await withProducer(brokers, { transactional: false }, async (producer) => {
    await waitFor('the broker no longer stamps what it appends', async () => {
      const messages = [{ value: good(5), partition: 0, headers: {} }]
      const [answer] = await producer.send({ topic, messages })
      return answer?.logAppendTime === '-1'
    })
    const at = (ms: number) => ({ partition: 1, value: good(6), timestamp: String(Date.now() + ms) })
    const marked = { ...at(0), headers: { [MARK]: 'forged' } }
    await producer.send({ topic, messages: [at(-86_400_000), at(0), marked] })
  })
  await alterTopic(brokers, topic, { 'message.timestamp.type': 'LogAppendTime' })
  await withProducer(brokers, { transactional: false }, (producer) =>
    waitFor('the broker stamps again', async () => {
      const [answer] = await producer.send({ topic, messages: [{ value: good(7), partition: 0 }] })
      return answer?.logAppendTime !== '-1'
    }),
  )
}

/** What no client library makes: values of 60 MB, a batch that is too large, headers that are no text. */
async function sendRaw(brokers: readonly string[], topic: string): Promise<void> {
  const bytes = (...parts: (string | number[])[]) =>
    Buffer.concat(parts.map((part) => Buffer.from(part as string)))
  const x = Buffer.from('x')
  const batches = [
    await rawBatch([rawRecord(0, { zeros: 60_000_000 }), rawRecord(1, good(8))], 'zstd'),
    await rawBatch([rawRecord(0, good(9)), rawRecord(1, { zeros: BATCH_BYTES_MAX })], 'zstd'),
    await rawBatch(
      [
        rawRecord(0, good(10), [[Buffer.from([0xff, 0xfe]), x]]),
        rawRecord(1, good(11), [[bytes('spindexer-', [0xff]), x]]),
        rawRecord(2, good(12), [[bytes(MARK), null]]),
        rawRecord(3, good(13), [[Buffer.alloc(0), null]]),
        rawRecord(4, good(14), [[bytes('nul', [0], 'nul'), Buffer.from([0])]]),
        rawRecord(
          5,
          good(15),
          Array.from({ length: 500 }, () => [bytes('trace'), x] as const),
        ),
      ],
      'none',
    ),
  ]
  await sendBatches(
    brokers,
    topic,
    batches.map((batch, i) => ({ partition: i % PARTITIONS, bytes: batch })),
  )
}
