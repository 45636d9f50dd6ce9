// Batches that we compress: what the broker keeps of them, under any setting of the topic, is read by us and by Kafka's own consumer.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import type { KafkaLog } from '../../src/log/kafka/log.ts'
import { kafkaTool } from '../support/kafka-tool.ts'
import { kafka } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { codecsOf } from './batch-codecs.ts'
import { alterTopic, createTopic } from './kafka-admin.ts'
import { until } from './reading.ts'
import { text, textOf } from './samples.ts'

const run = promisify(execFile)
const open: KafkaLog[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((log) => log.close()))
})

async function start() {
  const { brokers } = await kafka()
  const made = await createTopic(brokers, 1)
  const log = made.open()
  open.push(log)
  return { brokers, topic: made.topic, log }
}

const textsOf = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${name} ${i} of some that are much alike`)

async function readAll(log: KafkaLog) {
  const { records } = await until(log, { scope: { type: 'all' } }, (state) => state.isCaughtUp([0]))
  return records.map(({ value }) => textOf(value))
}

test('they are kept as they came, and Kafka’s own consumer reads them', async () => {
  const { brokers, topic, log } = await start()
  const calls = Array.from({ length: 12 }, (_, i) => textsOf(`call ${i}`, 10_000))
  const answers = await Promise.all(calls.map((texts) => log.append(text(0, ...texts))))
  expect(answers.flat().map(({ offset }) => offset)).toEqual(calls.flat().map((_, i) => BigInt(i)))
  const codecs = await codecsOf(brokers, topic)
  expect(new Set(codecs)).toEqual(new Set(['zstd']))
  expect(codecs.length).toBeGreaterThan(5)
  expect(await readAll(log)).toEqual(calls.flat())

  const [program, ...before] = await kafkaTool('org.apache.kafka.tools.consumer.ConsoleConsumer', [])
  const count = calls.flat().length
  const args = ['--bootstrap-server', brokers.join(','), '--topic', topic, '--from-beginning']
  args.push('--max-messages', String(count), '--timeout-ms', '60000')
  const { stdout } = await run(program!, [...before, ...args], { maxBuffer: 64 * 1024 * 1024 })
  expect(stdout.trimEnd().split('\n')).toEqual(calls.flat())
}, 120_000)

test.each([
  ['gzip', 'gzip'],
  ['uncompressed', 'none'],
])('under compression.type=%s the broker keeps them as %s', async (setting, codec) => {
  const { brokers, topic, log } = await start()
  await alterTopic(brokers, topic, { 'compression.type': setting })
  const sent: string[] = []
  await waitFor('the broker to follow its setting', async () => {
    const texts = textsOf(`round ${sent.length}`, 20_000)
    sent.push(...texts)
    const [first] = await log.append(text(0, ...texts))
    return !(await codecsOf(brokers, topic, { from: first!.offset })).some((one) => one !== codec)
  })
  expect(await readAll(log)).toEqual(sent)
})
