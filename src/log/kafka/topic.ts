// How a log's partitions lie in Kafka: the data in one topic, the definitions in a second one of one partition.

import { DEFINITIONS } from '../../codec/record.ts'

export interface TopicPlace {
  readonly topic: string
  readonly partition: number
}

/** The topic that holds the definitions of the log in `topic`. */
export function definitionsTopic(topic: string): string {
  return `${topic}.definitions`
}

export function partitionToPlace(topic: string, partition: number): TopicPlace {
  return partition === DEFINITIONS ? { topic: definitionsTopic(topic), partition: 0 } : { topic, partition }
}

/** `partition 3 of kafka topic "spindexer"`, for messages. */
export function describePlace({ topic, partition }: TopicPlace, offset?: bigint): string {
  const place = `partition ${partition} of kafka topic "${topic}"`
  return offset === undefined ? place : `offset ${offset} of ${place}`
}
