// The log in memory against the contract, and what only its hooks bring about.

import { expect, test } from 'vitest'
import { createMemoryLog } from '../../src/log/memory/log.ts'
import { until } from '../log/reading.ts'
import { text } from '../log/samples.ts'
import { logContract } from './log.ts'

logContract({
  name: 'memory',
  groupMs: 1_000,
  async create(partitions) {
    let time = 1_700_000_000_000n
    const log = createMemoryLog({ partitions, now: () => time++ })
    return {
      log,
      another: () => ({ ...log, close: async () => {} }),
      truncate: async (partition, first) => log.truncate(partition, first),
    }
  },
})

test('gaps are stepped over, also at the end', async () => {
  const log = createMemoryLog({ partitions: 1, now: () => 5n, chunkRecords: 1 })
  await log.append(text(0, 'a'))
  log.skip(0, 3n)
  await log.append(text(0, 'b'))
  log.skip(0, 2n)
  const { chunks } = await until(log, { scope: { type: 'all' } }, (state) => state.isCaughtUp([0]))
  expect(chunks.map(({ from, next, end }) => [from, next, end])).toEqual([
    [0n, 1n, 7n],
    [1n, 7n, 7n],
  ])
  expect(await log.pick([{ partition: 0, offset: 2n }])).toEqual([null])
})

test('records with a time of their writer say so', async () => {
  const log = createMemoryLog({ partitions: 1, now: () => 5n })
  log.appendUnstamped(text(0, 'a'), 77n)
  const [record] = await log.pick([{ partition: 0, offset: 0n }])
  expect(record).toMatchObject({ stampedByLog: false, appendMs: 77n })
})

test('a lost connection is told, and a log made again is lost', async () => {
  const log = createMemoryLog({ partitions: 1, now: () => 5n })
  await log.append(text(0, 'a', 'b'))
  const { events } = await until(log, { scope: { type: 'all' } }, (state) => {
    if (state.events.length === 2) log.reconnect()
    if (state.events.at(-1)?.type === 'reconnected') log.remake()
    return false
  })
  expect(events.map(({ type }) => type)).toEqual(['assigned', 'chunk', 'reconnected', 'lost'])
})

test('a log of no partitions does not exist', async () => {
  const log = createMemoryLog({ partitions: 0, now: () => 5n })
  expect(await log.describe()).toMatchObject({ partitions: [], definitions: null })
})
