// Appending a record as the first of its partition, whoever else does so at the same time: the best that Kafka has for it.
//
// Kafka has no append on a condition, but it knows a batch that is sent twice: by its producer's id and the number of
// its first record. Here everybody sends as the same producer, number 0: the broker takes the first batch, and answers
// all others with the place of that one, whatever they hold (tried on Kafka 4.3, and what KIP-98 says since 0.11).

import type { Appended, NewRecord } from '../log.ts'
import { type BatchIdentity, writeBatch } from './batch-write.ts'
import type { KafkaClient } from './client.ts'
import { errorType } from './errors.ts'
import { produceBatches } from './exchange.ts'
import { createErrorFromCode } from './kafkajs.ts'
import { findEnds } from './picker.ts'
import { partitionToPlace } from './topic.ts'

/** Far above what brokers give to producers that ask them, who count from 0. It spells `spindex`. */
const EVERYBODY: BatchIdentity = { producerId: 0x73_70_69_6e_64_65_78_00n, producerEpoch: 0, sequence: 0 }
const UNKNOWN_TOPIC = 3

/** The place where the first record of the partition stands then, ours or another's. Throws what may be tried again. */
export async function appendFirst(client: KafkaClient, topic: string, record: NewRecord): Promise<Appended> {
  const { partition } = record
  if (partition === null) throw new Error('a first record names its partition')
  const place = partitionToPlace(topic, partition)
  const layout = await client.layout(place.topic)
  const found = layout?.filter((one) => one.partition === place.partition) ?? []
  if (found.length === 0) throw createErrorFromCode(UNKNOWN_TOPIC)
  const ends = (await findEnds(client, place.topic, found)).get(place.partition)!
  if (ends.end > 0n) return { partition, offset: ends.first, appendMs: -1n }
  const bytes = writeBatch([record], EVERYBODY, BigInt(Date.now()))
  const broker = await client.broker(found[0]!.leader)
  const { topicId } = found[0]!
  const batches = [{ partition: place.partition, bytes }]
  const [answer] = await produceBatches(broker, { topic: place.topic, topicId, batches })
  if (answer === undefined) throw createErrorFromCode(UNKNOWN_TOPIC)
  if (answer.errorCode !== 0) {
    const error = createErrorFromCode(answer.errorCode)
    // Known as sent before, so long ago that the broker has forgotten where it stands.
    if (errorType(error) !== 'DUPLICATE_SEQUENCE_NUMBER') throw error
    return { partition, offset: 0n, appendMs: -1n }
  }
  return { partition, offset: answer.baseOffset, appendMs: answer.appendMs }
}
