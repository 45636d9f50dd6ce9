// Appending a record as the first of its partition, whoever else does so at the same time: the best that Kafka has for it.
//
// Kafka has no append on a condition, but it knows a batch that is sent twice: by its producer's id and the number of
// its first record. Here everybody sends as the same producer, number 0: the broker takes the first batch, and answers
// all others with the place of that one, whatever they hold (tried on Kafka 4.3, and what KIP-98 says since 0.11).

import type { Appended, NewRecord } from '../log.ts'
import { type BatchIdentity, writeBatch } from './batch-write.ts'
import type { KafkaClient, TopicPartition } from './client.ts'
import { errorType } from './errors.ts'
import { type ProducedPartition, produceBatches } from './exchange.ts'
import { createErrorFromCode } from './kafkajs.ts'
import { findEnds } from './picker.ts'
import { partitionToPlace } from './topic.ts'

/** Far above what brokers give to producers that ask them, who count from 0. It spells `spindex`. */
const EVERYBODY: BatchIdentity = { producerId: 0x73_70_69_6e_64_65_78_00n, producerEpoch: 0, sequence: 0 }
const UNKNOWN_TOPIC = 3

/**
 * The places where the first records of these partitions stand then, ours or others', in the order asked for. Throws
 * what may be tried again, whatever was appended already.
 */
export async function appendFirst(
  client: KafkaClient,
  topic: string,
  records: readonly NewRecord[],
): Promise<Appended[]> {
  const answers = new Map<number, Appended>()
  const recordsByTopic = Map.groupBy(records, ({ partition }) => partitionToPlace(topic, partition!).topic)
  for (const [name, ofTopic] of recordsByTopic) {
    const layout = await client.layout(name)
    if (layout === null) throw createErrorFromCode(UNKNOWN_TOPIC)
    const ends = await findEnds(client, name, layout)
    const empty = ofTopic.filter(({ partition }) => {
      const found = ends.get(partitionToPlace(topic, partition!).partition)
      if (found === undefined) throw createErrorFromCode(UNKNOWN_TOPIC)
      if (found.end > 0n)
        answers.set(partition!, { partition: partition!, offset: found.first, appendMs: -1n })
      return found.end === 0n
    })
    for (const appended of await appendToEmpty(client, topic, empty, layout)) {
      answers.set(appended.partition, appended)
    }
  }
  return records.map(({ partition }) => answers.get(partition!)!)
}

/** All of these lie in one topic. */
async function appendToEmpty(
  client: KafkaClient,
  topic: string,
  records: readonly NewRecord[],
  layout: readonly TopicPartition[],
): Promise<Appended[]> {
  const answers: Appended[] = []
  const recordsByLeader = Map.groupBy(records, ({ partition }) => {
    const place = partitionToPlace(topic, partition!)
    return layout.find((one) => one.partition === place.partition)!.leader
  })
  for (const [leader, led] of recordsByLeader) {
    const broker = await client.broker(leader)
    const batches = led.map((record) => ({
      partition: partitionToPlace(topic, record.partition!).partition,
      bytes: writeBatch([record], EVERYBODY, BigInt(Date.now())),
    }))
    const { topic: name } = partitionToPlace(topic, led[0]!.partition!)
    const produced = await produceBatches(broker, { topic: name, topicId: layout[0]!.topicId, batches })
    const answerOf = new Map(produced.map((answer) => [answer.partition, answer]))
    for (const [i, { partition }] of led.entries()) {
      answers.push(readAnswer(partition!, answerOf.get(batches[i]!.partition)))
    }
  }
  return answers
}

function readAnswer(partition: number, answer: ProducedPartition | undefined): Appended {
  if (answer === undefined) throw createErrorFromCode(UNKNOWN_TOPIC)
  if (answer.errorCode === 0) return { partition, offset: answer.baseOffset, appendMs: answer.appendMs }
  const error = createErrorFromCode(answer.errorCode)
  // Known as sent before, so long ago that the broker has forgotten where it stands.
  if (errorType(error) === 'DUPLICATE_SEQUENCE_NUMBER') return { partition, offset: 0n, appendMs: -1n }
  throw error
}
