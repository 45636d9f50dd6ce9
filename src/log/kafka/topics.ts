// Making the topics of a log: the data, and beside it the definitions.

import type { Problem } from '../log.ts'
import { createClient, type KafkaClient, type KafkaConnection, withRetry } from './client.ts'
import { errorType } from './errors.ts'
import { topicSettings } from './settings.ts'
import { definitionsTopic } from './topic.ts'

export interface CreateTopicsOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  readonly partitions: number
  /** Null: 3, or as many as there are brokers if there are fewer. */
  readonly replicationFactor: number | null
  readonly onLog: (line: string) => void
}

/** `existed`: both topics were there already. A topic keeps its settings: checks judge them, and warn of few copies. */
export type CreateTopicsResult =
  | { readonly type: 'created' | 'existed' }
  | { readonly type: 'refused'; readonly problems: readonly Problem[] }

const FOR_MS = 30_000

/** Creates both topics; what exists already is left as it is, so that an interruption does no harm. */
export async function createKafkaTopics(options: CreateTopicsOptions): Promise<CreateTopicsResult> {
  const { connection, topic, partitions, onLog } = options
  const client = createClient({ connection, clientId: 'spindexer', onLog })
  const retry = { forMs: FOR_MS, signal: new AbortController().signal }
  try {
    const brokers = await withRetry('asking for the brokers', retry, () => client.brokerCount())
    const replicationFactor = options.replicationFactor ?? Math.min(3, brokers)
    const definitions = definitionsTopic(topic)
    const make = (name: string, count: number) =>
      withRetry(`creating kafka topic "${name}"`, retry, () =>
        createTopic(client, name, count, replicationFactor),
      )
    const isNew = [await make(topic, partitions), await make(definitions, 1)]
    for (const [name, expected] of [
      [topic, partitions],
      [definitions, 1],
    ] as const) {
      const found = await withRetry(`waiting for kafka topic "${name}"`, retry, () =>
        countPartitions(client, name),
      )
      if (found !== expected) return refuseCount(name, found, expected)
    }
    return { type: isNew.some(Boolean) ? 'created' : 'existed' }
  } finally {
    await client.close()
  }
}

/** False when the topic existed. */
async function createTopic(
  client: KafkaClient,
  topic: string,
  numPartitions: number,
  replicationFactor: number,
): Promise<boolean> {
  try {
    const controller = await client.controller()
    const configEntries = topicSettings(replicationFactor)
    const topics = [{ topic, numPartitions, replicationFactor, configEntries }]
    await controller.createTopics({ topics, timeout: 10_000 })
    return true
  } catch (error) {
    if (errorType(error) === 'TOPIC_ALREADY_EXISTS') return false
    throw error
  }
}

/** Throws, to be tried again, as long as the topic is not known everywhere. */
async function countPartitions(client: KafkaClient, topic: string): Promise<number> {
  const layout = await client.layout(topic)
  if (layout !== null) return layout.length
  throw Object.assign(new Error(`kafka topic "${topic}" is not known yet`), {
    name: 'KafkaJSMetadataNotLoaded',
  })
}

function refuseCount(topic: string, found: number, expected: number): CreateTopicsResult {
  const what = `kafka topic "${topic}" exists with ${found} partition${found === 1 ? '' : 's'}, not ${expected}`
  const remedy = 'name that number, choose another topic, or delete this one'
  return { type: 'refused', problems: [{ what, remedy }] }
}
