// Fills a log with the benchmark's mutations: `count` messages over `rows` rows, two columns, through KafkaJS alone.

import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { encodeMutation } from '../src/codec/avro-encode.ts'
import { frameSingleObject } from '../src/codec/framing.ts'
import { createStamp, type Origin } from '../src/crdt/stamp.ts'
import { scatter } from './scatter.ts'

const BATCH_MESSAGES = 5_000
const ORIGIN = '0123456789abcdef' as Origin

export async function fillLog(
  brokers: readonly string[],
  topic: string,
  count: number,
  rows: number,
): Promise<void> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true })
  await producer.connect()
  try {
    for (let at = 0; at < count; at += BATCH_MESSAGES) {
      const size = Math.min(BATCH_MESSAGES, count - at)
      const messages = Array.from({ length: size }, (_, i) => createMessage(at + i, rows))
      await producer.send({ topic, acks: -1, messages })
    }
  } finally {
    await producer.disconnect()
  }
}

/** Message `n` as it goes to the broker. */
export function createMessage(n: number, rows: number): { key: string; value: Buffer } {
  const key = keyOf(n, rows)
  const value = frameSingleObject(
    encodeMutation({
      stamp: createStamp(1_700_000_000_000_000_000n + BigInt(n), ORIGIN),
      seq: BigInt(n),
      operation: 'upsert',
      dataset: 'bench',
      key,
      columns: toColumns(n),
    }),
  )
  return { key: JSON.stringify(['bench', ...key]), value }
}

export function keyOf(n: number, rows: number): readonly string[] {
  return [`row-${rowOf(n, rows)}`]
}

export function toColumns(n: number): Map<string, string | bigint> {
  return new Map<string, string | bigint>([
    ['plays', BigInt(n)],
    ['title', `title ${n}`],
  ])
}

/** What the table holds in the end: how many rows, and the sum of their `plays`, each the number of its last message. */
export function expectedState(count: number, rows: number): { rows: number; sum: bigint } {
  const last = new Map<number, number>()
  for (let n = 0; n < count; n++) last.set(rowOf(n, rows), n)
  return { rows: last.size, sum: [...last.values()].reduce((sum, n) => sum + BigInt(n), 0n) }
}

function rowOf(n: number, rows: number): number {
  return scatter(n) % rows
}
