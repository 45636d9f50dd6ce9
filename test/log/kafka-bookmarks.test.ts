// Bookmarks in Kafka: kept by the broker, seen by who asks later, apart by name, and no membership.

import { randomUUID } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { DEFINITIONS } from '../../src/codec/record.ts'
import type { KafkaLog } from '../../src/log/kafka/log.ts'
import { kafka } from '../support/services.ts'
import { createTopic, withAdmin } from './kafka-admin.ts'
import { text } from './samples.ts'

const closing: KafkaLog[] = []
afterEach(async () => {
  await Promise.all(closing.splice(0).map((log) => log.close()))
})

async function start(partitions: number) {
  const { brokers } = await kafka()
  const made = await createTopic(brokers, partitions)
  const open = () => {
    const log = made.open()
    closing.push(log)
    return log
  }
  return { brokers, topic: made.topic, open }
}

const nameOne = () => `spindexer-copy-${randomUUID()}`

test('a bookmark is what was saved last, partition by partition, for everyone who asks for its name', async () => {
  const { open } = await start(3)
  const [writer, other] = [open(), open()]
  const name = nameOne()
  expect(await writer.loadBookmark(name)).toEqual(new Map())
  const positions = new Map([
    [0, 1n],
    [2, 9_007_199_254_740_993n],
    [DEFINITIONS, 4n],
  ])
  await writer.saveBookmark(name, positions)
  expect(await other.loadBookmark(name)).toEqual(positions)
  await other.saveBookmark(name, new Map([[1, 0n]]))
  await other.saveBookmark(name, new Map([[0, 5n]]))
  await other.saveBookmark(name, new Map())
  expect(await open().loadBookmark(name)).toEqual(new Map([...positions, [0, 5n], [1, 0n]]))
  expect(await writer.loadBookmark(nameOne())).toEqual(new Map())
  expect(await writer.groupMembers(name)).toEqual([])
})

test("one name in two logs is two bookmarks, and the group shows in Kafka's own tools", async () => {
  const [one, two] = [await start(1), await start(1)]
  const name = nameOne()
  await one.open().saveBookmark(name, new Map([[0, 7n]]))
  expect(await two.open().loadBookmark(name)).toEqual(new Map())
  const offsets = await withAdmin(one.brokers, (admin) =>
    admin.fetchOffsets({ groupId: name, topics: [one.topic] }),
  )
  expect(offsets).toMatchObject([{ topic: one.topic, partitions: [{ partition: 0, offset: '7' }] }])
})

test('a log in Kafka cannot be sealed, and says so without appending', async () => {
  const { open } = await start(1)
  const log = open()
  expect(await log.seal([...text(0, 'last'), ...text(DEFINITIONS, 'last')])).toBe(false)
  const { partitions, definitions } = await log.describe()
  expect([partitions[0]!.end, definitions!.end]).toEqual([0n, 0n])
})
