// What the latency benchmark measures against, a process of its own: KafkaJS alone, noting when each message reached it.

import { connect as connectPlain } from 'node:net'
import { connect as connectSecure } from 'node:tls'
import { Kafka, logLevel } from 'kafkajs'
import { registerZstd } from './kafkajs-zstd.ts'
import { monotonicMs } from './latency-clock.ts'

/** By offset, from the first that is expected: when it was handed over, in ms of the machine's monotonic clock. */
export interface Consumed {
  readonly seenMs: readonly number[]
}

const [brokers, topic, first, count] = process.argv.slice(2) as [string, string, string, string]
registerZstd()
const kafka = new Kafka({
  brokers: brokers.split(','),
  logLevel: logLevel.NOTHING,
  // As KafkaJS makes them, but for Nagle's algorithm, which would hold small requests back.
  socketFactory: ({ host, port, ssl, onConnect }) =>
    (ssl ? connectSecure({ host, port, ...ssl }, onConnect) : connectPlain({ host, port }, onConnect))
      .setNoDelay(true)
      .setKeepAlive(true, 60_000),
})
const consumer = kafka.consumer({
  groupId: `bare-${process.pid}-${Date.now()}`,
  minBytes: 1,
  maxWaitTimeInMs: 100,
  readUncommitted: true,
})
// Whoever started it is gone.
process.once('disconnect', () => process.exit(1))
const seenMs = new Array<number>(Number(count)).fill(0)
const done = Promise.withResolvers<void>()
let left = seenMs.length
await consumer.connect()
await consumer.subscribe({ topic, fromBeginning: true })
consumer.on(consumer.events.GROUP_JOIN, () => {
  consumer.seek({ topic, partition: 0, offset: first })
  process.send?.('ready')
})
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch }) => {
    const now = monotonicMs()
    for (const { offset } of batch.messages) {
      const index = Number(offset) - Number(first)
      if (index < 0 || index >= seenMs.length || seenMs[index] !== 0) continue
      seenMs[index] = now
      left--
    }
    if (left === 0) done.resolve()
  },
})
await done.promise
await consumer.disconnect()
process.stdout.write(JSON.stringify({ seenMs } satisfies Consumed), () => process.exit())
