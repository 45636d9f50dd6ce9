// Single records by their place, and the ends of partitions: what needs no position.

import type { LogRecord, Pointer } from '../../codec/record.ts'
import { type Answer, answerNext, answerToChunks } from './chunks.ts'
import type { KafkaClient, TopicPartition } from './client.ts'
import { fetchRecords } from './exchange.ts'
import { type Broker, createErrorFromCode } from './kafkajs.ts'
import { describePlace, partitionToPlace, type TopicPlace } from './topic.ts'

const OFFSET_OUT_OF_RANGE = 1
const OFFSET_NOT_AVAILABLE = 78
const FETCH_BYTES = 1024 * 1024
const EARLIEST = '-2'
const LATEST = '-1'

/** The records at these places, in the order asked for; null where there is none. */
export async function pickRecords(
  client: KafkaClient,
  topic: string,
  pointers: readonly Pointer[],
): Promise<(LogRecord | null)[]> {
  const offsetsByPartition = Map.groupBy(pointers, ({ partition }) => partition)
  const found = new Map<number, ReadonlyMap<bigint, LogRecord>>()
  const layouts = new Map<string, readonly TopicPartition[] | null>()
  for (const [partition, wanted] of offsetsByPartition) {
    const offsets = wanted.map(({ offset }) => offset).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    const place = partitionToPlace(topic, partition)
    if (!layouts.has(place.topic)) layouts.set(place.topic, await client.layout(place.topic))
    const at = layouts.get(place.topic)?.find((one) => one.partition === place.partition)
    if (at === undefined) continue
    const broker = await client.broker(at.leader)
    found.set(
      partition,
      await pickFromPartition(broker, partition, { ...place, topicId: at.topicId }, offsets),
    )
  }
  return pointers.map(({ partition, offset }) => found.get(partition)?.get(offset) ?? null)
}

/** Offsets ascending. Each fetch brings what stands at the first one that is still wanted, and its neighbours. */
async function pickFromPartition(
  broker: Broker,
  partition: number,
  place: TopicPlace & { readonly topicId: string | null },
  offsets: readonly bigint[],
): Promise<ReadonlyMap<bigint, LogRecord>> {
  const found = new Map<bigint, LogRecord>()
  // One batch comes however small the limit is; the neighbours of a single record nobody wants.
  const bytes = offsets.length === 1 ? 1 : FETCH_BYTES
  for (let index = 0; index < offsets.length; ) {
    const from = offsets[index]!
    const [fetched] = await fetchRecords(broker, {
      topic: place.topic,
      topicId: place.topicId,
      partitions: [{ partition: place.partition, offset: from }],
      maxWaitMs: 0,
      maxBytes: bytes,
      partitionMaxBytes: bytes,
    })
    index++
    if (fetched === undefined || fetched.errorCode === OFFSET_OUT_OF_RANGE) continue
    if (fetched.errorCode !== 0) throw createErrorFromCode(fetched.errorCode)
    const answer: Answer = {
      partition,
      from,
      end: fetched.end,
      bytes: fetched.bytes,
      place: describePlace(place),
    }
    const next = answerNext(answer)
    if (next === from) await assertEnd(broker, place, from)
    const wanted = new Set([from])
    for (; index < offsets.length && offsets[index]! < next; index++) wanted.add(offsets[index]!)
    for await (const { records } of answerToChunks(answer)) {
      for (const record of records) if (wanted.has(record.offset)) found.set(record.offset, ownBytes(record))
    }
  }
  return found
}

/**
 * Makes sure that nothing is there because nothing is behind it. A broker that became the leader just now may not know
 * yet how far the others are: it answers with nothing to a fetch of what has long been durable, but with an error when
 * it is asked for the end (KIP-207).
 */
async function assertEnd(broker: Broker, { topic, partition }: TopicPlace, from: bigint): Promise<void> {
  const end = (await askOffsets(broker, topic, [partition], LATEST)).get(partition)!
  if (end > from) throw createErrorFromCode(OFFSET_NOT_AVAILABLE)
}

/**
 * The record with bytes of its own: as it is read, it holds on to all of its batch, which may be 64 MiB. A thousand
 * records from a thousand batches would be all of them in memory.
 */
function ownBytes(record: LogRecord): LogRecord {
  return {
    ...record,
    key: record.key && Buffer.from(record.key),
    value: record.value && Buffer.from(record.value),
    headers: record.headers.map(({ name, value }) => ({ name, value: Buffer.from(value) })),
  }
}

export interface Ends {
  readonly first: bigint
  readonly end: bigint
}

/** First offset and end of every partition of a topic, by Kafka's number of it. */
export async function findEnds(
  client: KafkaClient,
  topic: string,
  layout: readonly TopicPartition[],
): Promise<ReadonlyMap<number, Ends>> {
  const ends = new Map<number, Ends>()
  for (const [leader, led] of Map.groupBy(layout, (one) => one.leader)) {
    const broker = await client.broker(leader)
    const numbers = led.map(({ partition }) => partition)
    const first = await askOffsets(broker, topic, numbers, EARLIEST)
    const end = await askOffsets(broker, topic, numbers, LATEST)
    for (const { partition } of led)
      ends.set(partition, { first: first.get(partition)!, end: end.get(partition)! })
  }
  return ends
}

/** By partition. Throws for the whole when one of them has an error. */
async function askOffsets(
  broker: Broker,
  topic: string,
  numbers: readonly number[],
  timestamp: typeof EARLIEST | typeof LATEST,
): Promise<ReadonlyMap<number, bigint>> {
  const partitions = numbers.map((partition) => ({ partition, timestamp }))
  // Isolation level 0: the end of what is durable, open transactions included.
  const { responses } = await broker.listOffsets({ isolationLevel: 0, topics: [{ topic, partitions }] })
  return new Map(responses[0]!.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]))
}
