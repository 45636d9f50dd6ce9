// Bookmarks in Kafka: one name in two topics is two, Kafka's own tools show them, and nobody is a member for it.

import { randomUUID } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import type { KafkaLog } from '../../src/log/kafka/log.ts'
import { kafka } from '../support/services.ts'
import { createTopic, withAdmin } from './kafka-admin.ts'

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

test("one name in two logs is two bookmarks, and the group shows in Kafka's own tools", async () => {
  const [one, two] = [await start(1), await start(1)]
  const name = nameOne()
  const log = one.open()
  await log.saveBookmark(name, new Map([[0, 7n]]))
  expect(await log.groupMembers(name)).toEqual([])
  expect(await two.open().loadBookmark(name)).toEqual(new Map())
  const offsets = await withAdmin(one.brokers, (admin) =>
    admin.fetchOffsets({ groupId: name, topics: [one.topic] }),
  )
  expect(offsets).toMatchObject([{ topic: one.topic, partitions: [{ partition: 0, offset: '7' }] }])
})
