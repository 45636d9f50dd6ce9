// Copies of logs in memory: random records and definitions, writers that go on, answers that are lost, clocks that disagree, ends at any point.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createLog } from '../../src/log/genesis.ts'
import type { KeptLog, NewRecord } from '../../src/log/log.ts'
import { createMemoryLog, type MemoryLog } from '../../src/log/memory/log.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { expectCopy, expectState, figuresOf, follow, type ReadLog, readLog } from '../support/copies.ts'
import { announceSeed } from '../support/seed.ts'
import { soaked } from '../support/soak.ts'
import { createFaultyTarget, hostile, runOften, runToEnd } from './copying.ts'
import { below, createRandom, one, type Random, randomDefinition, randomRecord } from './world.ts'

const SEED = announceSeed('test/sim/copy.test.ts')
const WORLDS = soaked(16)
const MESSAGES = 400
const MAX_CLOCK_AHEAD_MS = 400n

describe('copies under faults', () => {
  for (let world = 0; world < WORLDS; world++) {
    it(`world ${world}: complete, marked, equal`, () => simulate((SEED + world) >>> 0), 60_000)
  }
})

async function simulate(seed: number): Promise<void> {
  const random = createRandom(seed)
  const isSealed = random() < 0.5
  // Up to a third of a second: each wait is a real one.
  const skewMs = one(random, [0, 0, 300, -300, -700])
  const partitions = 1 + below(random, 3)
  const source = createMemoryLog({ partitions, now, chunkRecords: 1 + below(random, 40) })
  const kept: KeptLog = isSealed ? source : { ...source, seal: async () => false }
  await createLog(source, { ...PLAN, copyId: randomUUID() })
  const [oldNode, keptNode] = [createMemoryDatabase(), createMemoryDatabase()]

  // Some before; then writers go on while copies begin and end.
  await write(source, random, partitions, below(random, MESSAGES))
  await follow(source, keptNode)
  const written = write(source, random, partitions, MESSAGES)
  const targetPartitions = random() < 0.6 ? partitions : partitions + 1 + below(random, 3)
  const target = createMemoryLog({
    partitions: targetPartitions,
    now: () => now() + BigInt(skewMs),
    chunkRecords: 1 + below(random, 40),
  })
  let isHealed = false
  const faulty = createFaultyTarget(target, random, () => isHealed)
  const copying = { source: kept, target: faulty, random }
  await runOften(copying, 4 + below(random, 8), () => random() < 0.2 && isSealed)
  isHealed = !isSealed || random() < 0.5
  if (isSealed) {
    // Each record is in the source before its end, or its writer was refused; all that are in it are copied.
    await runToEnd(copying, true)
    await written
    isHealed = true
  } else {
    await written
    await follow(source, keptNode)
    isHealed = true
  }
  const last = await runToEnd(copying, true)
  expect(last).toMatchObject({ closing: isSealed ? 'sealed' : 'recorded', behindClose: [] })

  const [from, to] = [await readLog(source), await readLog(target)]
  expectCopy(from, to)
  await follow(source, oldNode)
  expectState(oldNode, from)
  // A node that kept its state and one that begins on the copy are equal, also in what they count.
  const fresh = createMemoryDatabase()
  await Promise.all([follow(target, keptNode), follow(target, fresh)])
  for (const node of [keptNode, fresh]) expectState(node, to)
  expect(figuresOf(keptNode)).toEqual(figuresOf(fresh))
  if (random() < 0.5) await copyOnward(target, to, random)
}

/** A copy of the copy, without faults, and back to as many partitions as there were. */
async function copyOnward(source: MemoryLog, from: ReadLog, random: Random): Promise<void> {
  const target = createMemoryLog({ partitions: 1 + below(random, 4), now })
  const outcome = await runToEnd({ source, target, random }, random() < 0.5)
  expect(outcome.counts.marked).toBe(from.quarantined.size)
  expectCopy(from.generation === 2 ? await readLog(source) : from, await readLog(target))
}

const now = () => BigInt(Date.now())
const PLAN = { logId: randomUUID(), generation: 1, maxClockAheadMs: MAX_CLOCK_AHEAD_MS, admins: [] }

/** Appends until so many are written, or the log is closed; each refusal is one that the writer was told of. */
async function write(log: MemoryLog, random: Random, partitions: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const records: NewRecord[] = [hostile(random, randomRecord(random, partitions, now() + 200n, BigInt(i)))]
    if (random() < 0.1) records.push(hostile(random, randomDefinition(random)))
    try {
      if (random() < 0.05) log.appendUnstamped(records, now())
      else await log.append(records)
    } catch (error) {
      expect((error as Error).message).toContain('closed for ever')
      return
    }
    if (random() < 0.02) log.skip(below(random, partitions), 1n)
    if (random() < 0.01) log.reconnect()
    if (random() < 0.3) await sleep(0)
  }
}
