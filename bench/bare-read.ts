// The limit to measure against: KafkaJS alone, reading a topic with eachBatch and doing nothing with it.

import { Kafka, logLevel } from 'kafkajs'
import { registerZstd } from './kafkajs-zstd.ts'

const [brokers, topic, count] = process.argv.slice(2) as [string, string, string]
const expected = Number(count)
registerZstd()
const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING })
const consumer = kafka.consumer({
  groupId: `bare-${process.pid}-${Date.now()}`,
  maxBytesPerPartition: 8 * 1024 * 1024,
  maxBytes: 8 * 1024 * 1024,
  readUncommitted: true,
})
await consumer.connect()
await consumer.subscribe({ topic, fromBeginning: true })
const done = Promise.withResolvers<void>()
let messages = 0
let bytes = 0
let began = 0
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch }) => {
    // The first answer starts the clock, so that joining the group does not count.
    if (began === 0) began = performance.now()
    messages += batch.messages.length
    for (const { value } of batch.messages) bytes += value?.length ?? 0
    if (messages >= expected) done.resolve()
  },
})
await done.promise
const ms = performance.now() - began
await consumer.disconnect()
console.log(JSON.stringify({ messages, bytes, ms }))
