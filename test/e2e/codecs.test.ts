// Batches of every codec, by Kafka's own producer and by librdkafka, in one log: nodes merge them like any others.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { block, branch, rawMutation, text } from '../../scripts/golden/raw-avro.ts'
import { CODEC_NAMES, type CodecName, codecsOf } from '../log/batch-codecs.ts'
import { ROOT } from '../support/cli.ts'
import { kafkaTool } from '../support/kafka-tool.ts'
import { runPython } from '../support/python.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestLog,
  createTestNode,
  type KafkaTestLog,
  sha256,
} from './support.ts'

const MESSAGES = 4_000
const ROWS = 500
/** librdkafka sends snappy without a frame, and lz4 in its own. */
const CODECS_OF_LIBRDKAFKA = ['gzip', 'snappy', 'lz4', 'zstd'] as const

it('the same mutations in every codec, by both, are one state; counts and the fold in Python agree', async () => {
  const log = await createTestLog('codecs', { partitions: 1, datasets: 'examples/catalogue' })
  const messages = Array.from({ length: MESSAGES }, (_, i) => messageOf(i))
  for (const codec of CODEC_NAMES) await produceInJava(log, codec, messages)
  for (const codec of CODECS_OF_LIBRDKAFKA) await produceInPython(log, codec, messages)
  expect(new Set(await codecsOf(log.brokers, log.topic))).toEqual(new Set(CODEC_NAMES))

  const node = await createTestNode(log, 'codecs')
  await catchUp(node)
  const sent = BigInt(MESSAGES * (CODEC_NAMES.length + CODECS_OF_LIBRDKAFKA.length))
  expect(await countsOf(node)).toEqual({ consumed: sent, merged: sent, parked: 0n, quarantined: 0n })
  const [rows] = await node.query('select count(*) as rows from data.tracks')
  expect(rows).toEqual({ rows: String(ROWS) })
  const script = join(ROOT, 'examples/python/fold_topic.py')
  const fold = await runPython(script, ['--brokers', log.brokers.join(','), '--topic', log.topic])
  expect(fold.code, fold.stderr).toBe(0)
  expect(fold.stderr).toContain(`merged ${sent}\n`)
  expect(sha256(fold.stdout)).toBe(sha256(await cellsOf(node)))
  await node.drop()
}, 240_000)

/**
 * A message that a program for lines of text can send: valid UTF-8 without an end of line in any of its parts, which
 * is why the framing is Confluent's, the stamp is written in characters (of the year 2020), and no name has 5 letters.
 */
function messageOf(index: number): Buffer {
  const digits = [index >> 12, (index >> 6) & 63, index & 63].map((digit) => 0x20 + digit)
  const stamp = Buffer.from([0x16, ...Buffer.from('0000'), ...digits, ...Buffer.from('producer')])
  const id = String(index % ROWS).padStart(4, '0')
  const columns = block([
    Buffer.concat([text('artistId'), branch.string(`artist ${id}`)]),
    Buffer.concat([text('tags'), branch.string(`["number ${String(index).padStart(6, '0')}"]`)]),
  ])
  const mutation = rawMutation({ stamp, key: block([text(id)]), columns })
  const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), mutation])
  if (framed.some((byte) => byte >= 0x80 || byte === 0x0a || byte === 0x0d))
    throw new Error(`message ${index} is no line of text: ${framed.toString('hex')}`)
  return framed
}

/** Kafka's own producer, through the program that sends lines of stdin. */
async function produceInJava(
  log: KafkaTestLog,
  codec: CodecName,
  messages: readonly Buffer[],
): Promise<void> {
  const settings = ['batch.size=200000', 'linger.ms=500', 'acks=all'].flatMap((one) => [
    '--command-property',
    one,
  ])
  const [file, ...before] = await kafkaTool('org.apache.kafka.tools.ConsoleProducer', [ROOT])
  const where = ['--bootstrap-server', log.brokers.join(','), '--topic', log.topic]
  const child = spawn(file!, [...before, ...where, '--compression-codec', codec, ...settings], {
    stdio: 'pipe',
  })
  child.stdin.on('error', () => {})
  child.stdin.end(Buffer.concat(messages.flatMap((message) => [message, Buffer.from('\n')])))
  const [words, [code]] = await Promise.all([
    textOf(child.stderr),
    once(child, 'close'),
    textOf(child.stdout),
  ])
  if (code !== 0 || /ERROR/.test(words)) throw new Error(`the producer ended with ${code}:\n${words}`)
}

async function produceInPython(
  log: KafkaTestLog,
  codec: CodecName,
  messages: readonly Buffer[],
): Promise<void> {
  const input = messages.map((message) => `${message.toString('hex')}\n`).join('')
  const script = join(import.meta.dirname, 'produce.py')
  const { code, stderr } = await runPython(script, [log.brokers.join(','), log.topic, codec], { input })
  if (code !== 0) throw new Error(`produce.py ended with ${code}:\n${stderr}`)
}
