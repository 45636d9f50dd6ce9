// A group's shares: even, kept where they are, read on while others join, given back at once by who leaves in between.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { createClient, type KafkaClient } from '../../src/log/kafka/client.ts'
import { dividePartitions } from '../../src/log/kafka/group.ts'
import { decodeMemberMetadata, encodeMemberMetadata, joinGroupOnce } from '../../src/log/kafka/kafkajs.ts'
import type { KafkaLog } from '../../src/log/kafka/log.ts'
import { kafka } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { createTopic } from './kafka-admin.ts'
import { startMember } from './member.ts'
import { text } from './samples.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

const sharesOf = (partitions: readonly number[], claims: Record<string, readonly number[]>) =>
  Object.fromEntries(dividePartitions(partitions, new Map(Object.entries(claims))))

test('partitions that nobody claims go to the members in turn', () => {
  expect(sharesOf([0, 1, 2, 3, 4], { b: [], a: [] })).toEqual({ a: [0, 1, 2], b: [3, 4] })
  expect(sharesOf([0], { a: [], b: [] })).toEqual({ a: [0], b: [] })
  expect(sharesOf([], { a: [] })).toEqual({ a: [] })
})

test('who joins takes no more than its share, and takes it from those who have most', () => {
  expect(sharesOf([0, 1, 2, 3, 4, 5], { old: [0, 1, 2, 3, 4, 5], new: [] })).toEqual({
    old: [0, 1, 2],
    new: [3, 4, 5],
  })
  expect(sharesOf([0, 1, 2, 3, 4, 5], { a: [0, 2, 4], b: [1, 3, 5], c: [] })).toEqual({
    a: [0, 2],
    b: [1, 3],
    c: [4, 5],
  })
})

test('who stays keeps what it has when another leaves, and of two who claim the same one has it', () => {
  expect(sharesOf([0, 1, 2, 3, 4], { a: [4], b: [0, 2] })).toEqual({ a: [3, 4], b: [0, 1, 2] })
  expect(sharesOf([0, 1], { a: [0, 1], b: [0, 1] })).toEqual({ a: [0], b: [1] })
  expect(sharesOf([0, 1], { a: [7, 0] })).toEqual({ a: [0, 1] })
})

test('what a member claims comes back; who claims nothing, or in other words, has nothing', () => {
  expect(decodeMemberMetadata(encodeMemberMetadata('topic', [2, 0]))).toEqual([2, 0])
  const metadata = encodeMemberMetadata('topic', [])
  expect(decodeMemberMetadata(metadata)).toEqual([])
  const strange = Buffer.from(metadata)
  strange.write('??', strange.indexOf('[]'))
  expect(decodeMemberMetadata(strange)).toEqual([])
})

test('a member reads on while the group waits for one that is gone; one that gives up joining is waited for by nobody', async () => {
  const { brokers } = await kafka()
  const made = await createTopic(brokers, 2)
  const open = (): KafkaLog => {
    const log = made.open()
    closing.push(() => log.close())
    return log
  }
  const group = `group-of-${made.topic}`
  const scope = (member: string) => ({ type: 'group', group, member }) as const
  const log = open()
  const first = startMember(log, scope('first'))
  await first.waitFor((partitions) => partitions.length === 2, 20_000)
  await first.caughtUp(10_000)

  const client = createClient({ connection: { brokers }, clientId: 'gone', onLog: () => {} })
  closing.push(() => client.close())
  await joinAndBeGone(client, group, made.topic)
  const third = startMember(open(), scope('third'))
  const names = () => log.groupMembers(group)
  await waitFor('the third to be joining', async () => (await names()).includes('third'))
  // Until the first has learnt that the group divides its partitions anew, and has joined again.
  await sleep(2_500)
  await log.append(text(0, 'meanwhile'))
  await first.caughtUp(10_000)
  expect(third.partitions()).toEqual([])
  await waitFor('the record to be read', () => first.next(0) === 1n)
  expect(third.partitions()).toEqual([])
  expect(await names()).toContain('gone')

  await third.stop()
  expect(await names()).not.toContain('third')
  expect(await names()).toContain('gone')
  await first.stop()
}, 60_000)

/** Joins with a long session, and is never heard of again. */
async function joinAndBeGone(client: KafkaClient, groupId: string, topic: string): Promise<void> {
  await client.layout(topic)
  const coordinator = await client.coordinator(groupId)
  const request = {
    groupId,
    sessionTimeout: 30_000,
    rebalanceTimeout: 30_000,
    groupProtocols: [{ name: 'spindexer', metadata: encodeMemberMetadata(topic, []) }],
  }
  const asked = await joinGroupOnce(coordinator, { ...request, memberId: '' })
  if (asked.type === 'id-required') await joinGroupOnce(coordinator, { ...request, memberId: asked.memberId })
}
