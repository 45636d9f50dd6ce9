// What tests do to Kafka behind the log's back, with KafkaJS's public parts.

import { randomBytes } from 'node:crypto'
import { type Admin, ConfigResourceTypes, Kafka, logLevel, Partitioners, type Producer } from 'kafkajs'
import { errorType } from '../../src/log/kafka/errors.ts'
import { createKafkaLog, type KafkaLog } from '../../src/log/kafka/log.ts'
import { createKafkaTopics } from '../../src/log/kafka/topics.ts'
import { uniqueTopic } from '../support/services.ts'

export interface KafkaTopic {
  readonly topic: string
  /** A handle; the test closes it. */
  open(): KafkaLog
}

/** The topics of a new log, without genesis. */
export async function createTopic(
  brokers: readonly string[],
  partitions: number,
  prefix = 'log',
): Promise<KafkaTopic> {
  const topic = uniqueTopic(prefix)
  const options = { connection: { brokers }, topic, onLog: () => {} }
  const made = await createKafkaTopics({ ...options, partitions, replicationFactor: null })
  if (made.type !== 'created') throw new Error(JSON.stringify(made))
  return { topic, open: () => createKafkaLog(options) }
}

export async function withAdmin<T>(
  brokers: readonly string[],
  task: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = kafkaJs(brokers).admin()
  await admin.connect()
  try {
    return await task(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Sets one setting; the topic's others are kept, since Kafka's old request would reset them. */
export function alterTopic(
  brokers: readonly string[],
  topic: string,
  changes: Readonly<Record<string, string>>,
) {
  return withAdmin(brokers, async (admin) => {
    const type = ConfigResourceTypes.TOPIC
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type, name: topic }],
    })
    const own = resources[0]!.configEntries.filter(
      ({ isDefault, configSource }) => !isDefault && Number(configSource) === 1,
    )
    const settings = new Map(own.map(({ configName, configValue }) => [configName, configValue]))
    for (const [name, value] of Object.entries(changes)) settings.set(name, value)
    const configEntries = [...settings].map(([name, value]) => ({ name, value }))
    await admin.alterConfigs({ validateOnly: false, resources: [{ type, name: topic, configEntries }] })
  })
}

/** Makes everything of a partition below an offset expire. */
export function deleteRecords(brokers: readonly string[], topic: string, partition: number, offset: bigint) {
  return withAdmin(brokers, async (admin) => {
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
  })
}

export interface PartitionReplicas {
  readonly partition: number
  /** Ids of brokers. */
  readonly leader: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
}

/**
 * Who has the partitions of a topic, by their number, as some broker of these sees it now. Null when one of them has
 * no leader.
 */
export async function replicasOf(
  brokers: readonly string[],
  topic: string,
): Promise<PartitionReplicas[] | null> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry: { retries: 0 } })
  const admin = kafka.admin()
  try {
    await admin.connect()
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const partitions = topics[0]!.partitions.map(({ partitionId, leader, replicas, isr }) => ({
      partition: partitionId,
      leader,
      replicas,
      inSync: isr,
    }))
    return partitions.sort((a, b) => a.partition - b.partition)
  } catch (error) {
    if (errorType(error) === 'LEADER_NOT_AVAILABLE') return null
    throw error
  } finally {
    await admin.disconnect()
  }
}

export async function withProducer<T>(
  brokers: readonly string[],
  options: { readonly transactional: boolean },
  task: (producer: Producer) => Promise<T>,
): Promise<T> {
  const producer = kafkaJs(brokers).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    ...(options.transactional && {
      transactionalId: randomBytes(8).toString('hex'),
      maxInFlightRequests: 1,
      idempotent: true,
      // One that a test leaves open is not to end by itself, however busy the machine is.
      transactionTimeout: 600_000,
    }),
  })
  await producer.connect()
  try {
    return await task(producer)
  } finally {
    await producer.disconnect()
  }
}

function kafkaJs(brokers: readonly string[]): Kafka {
  return new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING })
}
