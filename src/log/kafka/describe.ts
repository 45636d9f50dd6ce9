// A log as Kafka has it: partitions, their ends and first records, the topics' settings.

import { DEFINITIONS } from '../../codec/record.ts'
import type { LogDescription, PartitionState, Problem } from '../log.ts'
import type { KafkaClient, TopicPartition } from './client.ts'
import { errorType } from './errors.ts'
import { findEnds, pickRecords } from './picker.ts'
import { judgeSettings, SETTING_NAMES } from './settings.ts'
import { definitionsTopic } from './topic.ts'

const TOPIC_RESOURCE = 2

export async function describeKafkaLog(
  client: KafkaClient,
  topic: string,
  brokers: readonly string[],
): Promise<LogDescription> {
  const name = kafkaLogName(topic, brokers)
  const problems: Problem[] = []
  const warnings: string[] = []
  const describeTopic = async (one: string): Promise<PartitionState[]> => {
    const layout = await client.layout(one)
    if (layout === null || layout.length === 0) return []
    const judged = await describeSettings(client, one, layout, brokers)
    problems.push(...judged.problems)
    // The definitions share the fate of the data: the same word about both topics is said once.
    const said = (warning: string) =>
      warnings.includes(warning.replaceAll(`"${definitionsTopic(topic)}"`, `"${topic}"`))
    warnings.push(...judged.warnings.filter((warning) => !said(warning)))
    return describePartitions(client, topic, one, layout)
  }
  const partitions = await describeTopic(topic)
  const definitions = await describeTopic(definitionsTopic(topic))
  if (definitions.length > 1) {
    const what = `kafka topic "${definitionsTopic(topic)}" has ${definitions.length} partitions, not 1`
    problems.push({ what, remedy: 'delete both topics and run `spindexer log create`' })
  }
  return { name, partitions, definitions: definitions[0] ?? null, problems, warnings }
}

/** `kafka topic "spindexer" at 127.0.0.1:9092`. */
export function kafkaLogName(topic: string, brokers: readonly string[]): string {
  return `kafka topic "${topic}" at ${brokers.join(',')}`
}

async function describePartitions(
  client: KafkaClient,
  logTopic: string,
  topic: string,
  layout: readonly TopicPartition[],
): Promise<PartitionState[]> {
  const ends = await findEnds(client, topic, layout)
  const numbers = layout.map(({ partition }) => (topic === logTopic ? partition : DEFINITIONS))
  const pointers = numbers.map((partition) => ({ partition, offset: 0n }))
  const firstRecords = await pickRecords(client, logTopic, pointers)
  return layout.map(({ partition }, index) => ({
    partition: numbers[index]!,
    ...ends.get(partition)!,
    genesis: firstRecords[index] ?? null,
  }))
}

async function describeSettings(
  client: KafkaClient,
  topic: string,
  layout: readonly TopicPartition[],
  brokers: readonly string[],
): Promise<{ readonly problems: readonly Problem[]; readonly warnings: readonly string[] }> {
  const replicationFactor = Math.min(...layout.map(({ replicas }) => replicas))
  try {
    const broker = await client.anyBroker()
    const { resources } = await broker.describeConfigs({
      resources: [{ type: TOPIC_RESOURCE, name: topic, configNames: SETTING_NAMES }],
    })
    const entries = resources[0]?.configEntries ?? []
    const settings = new Map(entries.map(({ configName, configValue }) => [configName, configValue]))
    return judgeSettings(topic, settings, replicationFactor, brokers)
  } catch (error) {
    const type = errorType(error)
    if (type !== 'TOPIC_AUTHORIZATION_FAILED' && type !== 'CLUSTER_AUTHORIZATION_FAILED') throw error
    const remedy = 'allow this user DescribeConfigs on it'
    return { problems: [], warnings: [`the settings of kafka topic "${topic}" may not be read; ${remedy}`] }
  }
}
