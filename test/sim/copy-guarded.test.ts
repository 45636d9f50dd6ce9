// Copies of guarded logs in memory: policies that come while writers and copies go on, in as many partitions or others, ends at any point.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createLog } from '../../src/log/genesis.ts'
import type { KeptLog } from '../../src/log/log.ts'
import { createMemoryLog, type MemoryLog } from '../../src/log/memory/log.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { expectCopy, expectState, figuresOf, follow, readLog } from '../support/copies.ts'
import { announceSeed } from '../support/seed.ts'
import { soaked } from '../support/soak.ts'
import { type Copying, createFaultyTarget, hostile, runOften, runToEnd } from './copying.ts'
import { ADMINS, createGuardedWriters } from './guarded-world.ts'
import { applyPolicy, createGuardedWriter, FIRST_ADMINS, type GuardedWriter } from './guarded-writer.ts'
import { below, createRandom, one, type Random } from './world.ts'

const SEED = announceSeed('test/sim/copy-guarded.test.ts')
const WORLDS = soaked(4)
const TIMEOUT_MS = 240_000
const WRITES = 80
const COUNTS = [1, 3, 6]
const now = () => BigInt(Date.now())

describe('copies of guarded logs under faults', () => {
  for (let world = 0; world < WORLDS; world++) {
    it(
      `world ${world}: each verdict holds, behind the same policy`,
      () => simulate((SEED + world) >>> 0),
      TIMEOUT_MS,
    )
  }
  for (let world = 0; world < WORLDS / 2; world++) {
    it(
      `split world ${world}: partitions that disagree`,
      () => simulateSplit((SEED - world) >>> 0),
      TIMEOUT_MS,
    )
  }
})

async function simulate(seed: number): Promise<void> {
  const random = createRandom(seed)
  const isSealed = random() < 0.5
  const skewMs = one(random, [0, 0, 300, -300, -700])
  const [partitions, targetPartitions] = [one(random, COUNTS), one(random, COUNTS)]
  const source = createMemoryLog({ partitions, now, chunkRecords: 1 + below(random, 40) })
  const plan = { logId: randomUUID(), copyId: randomUUID(), generation: 1, maxClockAheadMs: 400n }
  await createLog(source, { ...plan, admins: FIRST_ADMINS })
  const [oldNode, keptNode, fresh] = [createMemoryDatabase(), createMemoryDatabase(), createMemoryDatabase()]
  const writer = createGuardedWriter(random, plan.logId, partitions)
  await write(source, random, writer, below(random, WRITES))
  await follow(source, keptNode)
  const written = write(source, random, writer, WRITES)

  const target = createMemoryLog({
    partitions: targetPartitions,
    now: () => now() + BigInt(skewMs),
    chunkRecords: 1 + below(random, 40),
  })
  let isHealed = false
  const copying: Copying = {
    source: isSealed ? source : { ...source, seal: async () => false },
    target: createFaultyTarget(target, random, () => isHealed),
    random,
    // A copy that ends while a policy is being applied.
    mayRefuse: /and not in .*: policy apply was interrupted/,
  }
  await runOften(copying, 4 + below(random, 8), () => false)
  await written
  isHealed = random() < 0.5
  const last = await runToEnd({ ...copying, key: writer.admin() }, true)
  expect(last).toMatchObject({ closing: isSealed ? 'sealed' : 'signed', behindClose: [] })
  if (!isSealed) await appendBehind(copying.source, random, writer, partitions)
  isHealed = true
  const again = await runToEnd({ ...copying, key: writer.admin() }, true)
  if (!isSealed) expect(again.behindClose.length).toBeGreaterThan(0)

  const [from, to] = [await readLog(source), await readLog(target)]
  expect(from.closes.size).toBe(partitions + 1)
  expectCopy(from, to)
  await follow(source, oldNode)
  expectState(oldNode, from)
  await Promise.all([follow(target, keptNode), follow(target, fresh)])
  for (const node of [keptNode, fresh]) expectState(node, to)
  expect(figuresOf(keptNode)).toEqual(figuresOf(fresh))
  if (random() < 0.5) await copyOnward(target, random)
}

/** Every partition has policies of its own, valid and not: as many partitions keep them. */
async function simulateSplit(seed: number): Promise<void> {
  const random = createRandom(seed)
  const partitions = 1 + below(random, 3)
  const source = createMemoryLog({ partitions, now, chunkRecords: 1 + below(random, 40) })
  const plan = { logId: randomUUID(), copyId: randomUUID(), generation: 1, maxClockAheadMs: 400n }
  await createLog(source, { ...plan, admins: ADMINS })
  const writers = createGuardedWriters(random, partitions, plan.logId)
  const write = async () => {
    for (let i = 0; i < WRITES; i++) {
      await source.append(writers.messages(now() + 200n, BigInt(5 * i)))
      if (random() < 0.1) await source.append([writers.definition()])
      if (random() < 0.1) await source.append(writers.policies())
      if (random() < 0.02) await source.append([writers.close(random() < 0.3)])
      if (random() < 0.3) await sleep(0)
    }
  }
  const written = write()
  const target = createMemoryLog({ partitions, now, chunkRecords: 1 + below(random, 40) })
  let isHealed = false
  const copying = { source, target: createFaultyTarget(target, random, () => isHealed), random }
  await runOften(copying, 6, () => false)
  await written
  isHealed = true
  await runToEnd(copying, false)
  const [from, to] = [await readLog(source), await readLog(target)]
  expectCopy(from, to)
  const [oldNode, fresh] = [createMemoryDatabase(), createMemoryDatabase()]
  await Promise.all([follow(source, oldNode), follow(target, fresh)])
  expectState(oldNode, from)
  expectState(fresh, to)
}

/** A copy of the copy, without faults, and back to as many partitions as there were. */
async function copyOnward(source: MemoryLog, random: Random): Promise<void> {
  const target = createMemoryLog({ partitions: one(random, COUNTS), now })
  await runToEnd({ source, target, random }, false)
  expectCopy(await readLog(source), await readLog(target))
}

async function write(log: MemoryLog, random: Random, writer: GuardedWriter, count: number): Promise<void> {
  const some = async () => {
    const records = writer.next(now()).map((record) => (random() < 0.02 ? hostile(random, record) : record))
    if (random() < 0.03) log.appendUnstamped(records, now())
    else await log.append(records)
    if (random() < 0.3) await sleep(0)
  }
  for (let i = 0; i < count; i++) {
    await some()
    if (random() < 0.03) await applyPolicy(log, random, writer.nextPolicy(), some)
    if (random() < 0.01) log.reconnect()
  }
}

/** Behind a close: messages, the next policy, another close. */
async function appendBehind(
  log: KeptLog,
  random: Random,
  writer: GuardedWriter,
  partitions: number,
): Promise<void> {
  for (let i = 0; i < 3 * partitions; i++) await log.append(writer.next(now()))
  if (random() < 0.5) await log.append(writer.nextPolicy())
}
