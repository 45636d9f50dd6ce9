// Bookmarks of named readers: offsets committed under a group's name by one who is no member of it.
//
// A broker keeps what is committed for a week after the last commit of the group (offsets.retention.minutes).

import { DEFINITIONS } from '../../codec/record.ts'
import type { KafkaClient } from './client.ts'
import { definitionsTopic, partitionToPlace, type TopicPlace } from './topic.ts'

/** What a broker takes for a commit from outside the group's membership: an "empty" group is one without members. */
const NO_MEMBER = { groupGenerationId: -1, memberId: '' } as const
/** Nothing was committed for this partition. */
const NOTHING = '-1'

/** See `LogKeeping.loadBookmark`. One attempt. */
export async function loadKafkaBookmark(
  client: KafkaClient,
  topic: string,
  name: string,
): Promise<ReadonlyMap<number, bigint>> {
  const layout = (await client.layout(topic)) ?? []
  const asked = [...layout.map(({ partition }) => partition), DEFINITIONS]
  const coordinator = await client.coordinator(name)
  const { responses } = await coordinator.offsetFetch({ groupId: name, topics: byTopic(topic, asked) })
  const positions = new Map<number, bigint>()
  for (const { topic: answered, partitions } of responses) {
    const isDefinitions = answered === definitionsTopic(topic)
    for (const { partition, offset } of partitions) {
      if (offset !== NOTHING) positions.set(isDefinitions ? DEFINITIONS : partition, BigInt(offset))
    }
  }
  return positions
}

/** See `LogKeeping.saveBookmark`. One attempt. */
export async function saveKafkaBookmark(
  client: KafkaClient,
  topic: string,
  name: string,
  positions: ReadonlyMap<number, bigint>,
): Promise<void> {
  if (positions.size === 0) return
  await client.layout(topic)
  const coordinator = await client.coordinator(name)
  const topics = byTopic(topic, [...positions.keys()]).map((one) => ({
    topic: one.topic,
    partitions: one.partitions.map(({ partition, of }) => ({
      partition,
      offset: String(positions.get(of)!),
    })),
  }))
  await coordinator.offsetCommit({ groupId: name, ...NO_MEMBER, topics })
}

interface TopicOf {
  readonly topic: string
  /** `of` is the log's own number of the partition. */
  readonly partitions: readonly { readonly partition: number; readonly of: number }[]
}

function byTopic(topic: string, partitions: readonly number[]): TopicOf[] {
  const places = partitions.map((of) => ({ of, ...partitionToPlace(topic, of) }))
  const names = new Set(places.map((place: TopicPlace) => place.topic))
  return [...names].map((name) => ({
    topic: name,
    partitions: places
      .filter((place) => place.topic === name)
      .map(({ partition, of }) => ({ partition, of })),
  }))
}
