// One writer of the benchmark, in a process of its own: makes its messages, then sends them against the clock.
// node bench/writer-run.ts VARIANT BROKERS TOPIC MESSAGES ROWS: prints seconds and CPU seconds, of the sending alone.

import { randomBytes } from 'node:crypto'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import type { TypedChange } from '../src/codec/line.ts'
import type { Origin } from '../src/crdt/stamp.ts'
import { createKafkaLog } from '../src/log/kafka/log.ts'
import type { NewRecord } from '../src/log/log.ts'
import { createEncoder } from '../src/writer/framing.ts'
import { createSession } from '../src/writer/session.ts'
import { createMessage, keyOf, toColumns } from './produce.ts'

export interface WriterRun {
  readonly seconds: number
  readonly cpuSeconds: number
}

const SEND_MESSAGES = 5_000
const MAX_CLOCK_AHEAD_MS = 60_000n

/** What sends messages `from` (included) to `to`; all are durable when it resolves. */
interface Sender {
  send(from: number, to: number): Promise<void>
  end(): Promise<void>
}

interface Target {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly messages: number
  readonly rows: number
}

/** Variants, and how many sends each keeps under way. */
const VARIANTS: Readonly<
  Record<string, { readonly underWay: number; readonly start: (target: Target) => Promise<Sender> }>
> = {
  kafkajs: { underWay: 1, start: startKafkaJs },
  'kafkajs-5': { underWay: 5, start: startKafkaJs },
  session: { underWay: Number.POSITIVE_INFINITY, start: startSession },
  append: { underWay: 8, start: startAppend },
}

async function startKafkaJs({ brokers, topic, messages, rows }: Target): Promise<Sender> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    idempotent: true,
    maxInFlightRequests: 5,
  })
  const ready = Array.from({ length: messages }, (_, n) => createMessage(n, rows))
  await producer.connect()
  return {
    async send(from, to) {
      await producer.send({ topic, acks: -1, messages: ready.slice(from, to) })
    },
    end: () => producer.disconnect(),
  }
}

async function startSession({ brokers, topic, messages, rows }: Target): Promise<Sender> {
  const log = createKafkaLog({ connection: { brokers }, topic, onLog: () => {} })
  const session = createSession({
    log,
    maxClockAheadMs: MAX_CLOCK_AHEAD_MS,
    encode: createEncoder({ type: 'single-object' }),
    origin: randomBytes(8).toString('hex') as Origin,
    nowNs: () => BigInt(Date.now()) * 1_000_000n,
  })
  const changes = Array.from(
    { length: messages },
    (_, n): TypedChange => ({
      timeNs: null,
      operation: 'upsert',
      dataset: 'bench',
      key: keyOf(n, rows),
      columns: toColumns(n),
    }),
  )
  return {
    async send(from, to) {
      await session.room()
      for (const outcome of await session.append(changes.slice(from, to))) {
        if (outcome.type !== 'durable') throw new Error(`a change is ${outcome.type}: ${outcome.reason}`)
      }
    },
    end: () => log.close(),
  }
}

async function startAppend({ brokers, topic, messages, rows }: Target): Promise<Sender> {
  const log = createKafkaLog({ connection: { brokers }, topic, onLog: () => {} })
  const records = Array.from({ length: messages }, (_, n): NewRecord => {
    const { key, value } = createMessage(n, rows)
    return { partition: null, key: Buffer.from(key), value }
  })
  return {
    async send(from, to) {
      await log.append(records.slice(from, to))
    },
    end: () => log.close(),
  }
}

async function sendAll(sender: Sender, messages: number, underWay: number): Promise<void> {
  const sent = new Set<Promise<void>>()
  for (let at = 0; at < messages; at += SEND_MESSAGES) {
    const one = sender.send(at, Math.min(at + SEND_MESSAGES, messages)).then(() => void sent.delete(one))
    sent.add(one)
    if (sent.size >= underWay) await Promise.race(sent)
  }
  await Promise.all(sent)
}

const [variant, brokers, topic, messages, rows] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
]
const { underWay, start } = VARIANTS[variant]!
const sender = await start({
  brokers: brokers.split(','),
  topic,
  messages: Number(messages),
  rows: Number(rows),
})
const cpu = process.cpuUsage()
const began = performance.now()
await sendAll(sender, Number(messages), underWay)
const seconds = (performance.now() - began) / 1_000
const { user, system } = process.cpuUsage(cpu)
await sender.end()
const result: WriterRun = { seconds, cpuSeconds: (user + system) / 1_000_000 }
console.log(JSON.stringify(result))
