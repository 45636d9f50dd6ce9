// A producer that knows nothing of the rules: what it writes, good and bad, goes into the topic as it is.

import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { createKafkaLog } from '../../src/log/kafka/log.ts'

const ORIGIN = 'deadbeefdeadbeef' as Origin

/** What it sends that no node can ever apply, by what is wrong with it. */
export function badMessages(): readonly { readonly what: string; readonly value: Buffer | null }[] {
  const good = upsert('tracks', 'bad-1', new Map([['title', 'Blue']]))
  const nul = upsert('tracks', 'bad-2', new Map([['title', 'Bl\0ue']]))
  const early = upsert('tracks', 'bad-3', new Map([['title', 'Blue']]), 3_600_000)
  return [
    { what: 'nothing', value: null },
    { what: 'words', value: Buffer.from('hello') },
    { what: 'half a message', value: good.subarray(0, good.length / 2) },
    { what: 'a NUL in a text, which Postgres cannot store', value: nul },
    { what: 'a timestamp one hour ahead', value: early },
  ]
}

/** Sound messages of a dataset that nobody has defined so far. */
export function earlyMessages(): readonly { readonly value: Buffer }[] {
  return ['impulse', 'verve', 'motown'].map((id) => ({
    value: upsert('labels', id, new Map([['name', id.toUpperCase()]])),
  }))
}

function upsert(dataset: string, id: string, columns: ReadonlyMap<string, Value>, aheadMs = 0): Buffer {
  const stamp = createStamp(BigInt(Date.now() + aheadMs) * 1_000_000n, ORIGIN)
  return frameSingleObject(
    encodeMutation({ stamp, seq: null, operation: 'upsert', dataset, key: [id], columns }),
  )
}

/** Sends values to partition 0 of a topic, in order. */
export async function produce(
  brokers: readonly string[],
  topic: string,
  messages: readonly { readonly value: Buffer | null }[],
): Promise<void> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  try {
    await producer.send({ topic, messages: messages.map(({ value }) => ({ partition: 0, value })) })
  } finally {
    await producer.disconnect()
  }
}

/** The first `count` messages of partition 0, as they are in the log; the record at 0 is the genesis. */
export async function readFirst(
  brokers: readonly string[],
  topic: string,
  count: number,
): Promise<readonly { readonly value: Buffer | null }[]> {
  const log = createKafkaLog({ connection: { brokers }, topic, onLog: () => {} })
  try {
    const pointers = Array.from({ length: count }, (_, i) => ({ partition: 0, offset: BigInt(i + 1) }))
    const records = await log.pick(pointers)
    return records.flatMap((record) => (record === null ? [] : [{ value: record.value }]))
  } finally {
    await log.close()
  }
}
