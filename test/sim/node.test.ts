// Nodes over a log in memory under random faults: kills, lost answers, rebalances, late definitions; all end equal to the model.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { judgeOpenDefinitions } from '../../src/codec/definitions.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { createOpenJudge } from '../../src/codec/verdict.ts'
import { createFold, foldMutation } from '../../src/crdt/fold.ts'
import { createLog } from '../../src/log/genesis.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { createMemoryLog, type MemoryLog } from '../../src/log/memory/log.ts'
import { runNode } from '../../src/node/run.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import { announceSeed } from '../support/seed.ts'
import { soaked } from '../support/soak.ts'
import { consumedOf, keepRunning, plain, runWorker, sumOf, waitUntil } from './workers.ts'
import { below, createRandom, one, type Random, randomDefinition, randomRecord } from './world.ts'

const SEED = announceSeed('test/sim/node.test.ts')
const WORLDS = soaked(12)
const MESSAGES = 400
const LOG_ID = '11111111-1111-4111-8111-111111111111'
const MAX_CLOCK_AHEAD_MS = 60_000n

describe('nodes under faults', () => {
  for (let world = 0; world < WORLDS; world++) {
    it(
      `world ${world}: all nodes end equal to the fold of the whole log`,
      () => simulate((SEED + world) >>> 0),
      60_000,
    )
  }

  it('a lost position, a remade log and a rewritten record are refused', async () => {
    for (const ruin of [(log: MemoryLog) => log.remake(), (log: MemoryLog) => log.truncate(0, 1n)]) {
      const random = createRandom(SEED)
      const log = await createWorldLog(1, () => 1_000n)
      await log.append([randomRecord(random, 1, 1_000n, 0n), randomRecord(random, 1, 1_000n, 1n)])
      const database = createMemoryDatabase()
      expect((await runWorker(log, database, random, () => true, { untilEnd: true })).type).toBe('ended')
      ruin(log)
      const refused = await runWorker(log, database, random, () => true, { untilEnd: true })
      expect(refused.type).toBe('refused')
    }
  })

  it('stops when it is told to, with everything written that it has folded', async () => {
    const random = createRandom(SEED)
    const log = await createWorldLog(2, () => 1_000n)
    const database = createMemoryDatabase()
    const stopping = new AbortController()
    const running = runWorker(log, database, random, () => true, { signal: stopping.signal })
    await log.append(Array.from({ length: 50 }, (_, i) => randomRecord(random, 2, 1_000n, BigInt(i))))
    await waitUntil(() => consumedOf(database) === 50n)
    stopping.abort()
    expect(await running).toEqual({ type: 'stopped' })
  })

  it('a node that is stopped before its tasks begin ends at once', async () => {
    const log = await createWorldLog(1, () => 1_700_000_000_000n)
    const store = createMemoryStore()
    const stop = new AbortController()
    const outcome = await runNode({
      log,
      store,
      scope: { type: 'all' },
      signal: stop.signal,
      untilEnd: false,
      isTransient: () => false,
      emit: (event) => {
        if (event.type === 'started') stop.abort()
      },
    })
    expect(outcome).toEqual({ type: 'stopped' })
  })
})

async function simulate(seed: number): Promise<void> {
  const random = createRandom(seed)
  const partitions = 1 + below(random, 3)
  // In some worlds few, in some so many that one comes while the one before is still being judged.
  const definitionsShare = one(random, [0.02, 0.1, 0.3])
  let nowMs = 1_700_000_000_000n
  const log = await createWorldLog(partitions, () => nowMs)
  const databases = [createMemoryDatabase(), createMemoryDatabase()]
  let healed = false
  const stopping = new AbortController()
  const workers = databases.flatMap((database, node) =>
    Array.from({ length: 1 + node }, (_, worker) =>
      keepRunning(
        log,
        database,
        createRandom(seed + 100 * node + worker),
        () => healed,
        `node-${node}`,
        stopping.signal,
      ),
    ),
  )
  for (let i = 0; i < MESSAGES; i++) {
    nowMs += BigInt(below(random, 3))
    const record = randomRecord(random, partitions, nowMs, BigInt(i))
    if (random() < 0.02) log.appendUnstamped([record], nowMs)
    else await log.append([record])
    if (random() < definitionsShare) await log.append(definitionsAtOnce(random))
    if (random() < 0.02) log.skip(below(random, partitions), 1n)
    if (random() < 0.01) log.reconnect()
    if (random() < 0.2) await sleep(0)
  }
  healed = true
  const model = await modelOf(log)
  for (const database of databases) {
    await waitUntil(
      () =>
        consumedOf(database) === model.consumed &&
        database.catalogue.offset === model.definitionsEnd &&
        database.rejudgedTo === model.definitionsEnd,
    )
  }
  stopping.abort()
  await Promise.all(workers)
  // A node that never saw a fault and read everything at once is the third.
  const fresh = createMemoryDatabase()
  await runWorker(log, fresh, random, () => true, { untilEnd: true })
  for (const database of [...databases, fresh]) {
    expect(plain(database.rows)).toEqual(model.rows)
    expect([...database.parked.keys()].sort()).toEqual(model.parked)
    expect([...database.quarantined.keys()].sort()).toEqual(model.quarantined)
    expect(sumOf(database, 'merged')).toBe(model.merged)
  }
}

/** One as a rule, the same one twice now and then, or several that are taken in one step. */
function definitionsAtOnce(random: Random): NewRecord[] {
  const first = randomDefinition(random)
  const dice = random()
  if (dice < 0.2) return [first, first]
  return dice < 0.4 ? [first, randomDefinition(random), randomDefinition(random)] : [first]
}

async function createWorldLog(partitions: number, now: () => bigint): Promise<MemoryLog> {
  const log = createMemoryLog({ partitions, now, chunkRecords: 7 })
  const plan = {
    logId: LOG_ID,
    copyId: LOG_ID,
    generation: 1,
    maxClockAheadMs: MAX_CLOCK_AHEAD_MS,
    admins: [],
  }
  const created = await createLog(log, plan)
  expect(created.type).toBe('created')
  return log
}

/** The state by its definition: all definitions first, then a verdict on every record, then one fold. */
async function modelOf(log: MemoryLog) {
  const { partitions, definitions } = await log.describe()
  const readAll = async (partition: number, end: bigint): Promise<LogRecord[]> => {
    const pointers = Array.from({ length: Number(end) }, (_, i) => ({ partition, offset: BigInt(i) }))
    return (await log.pick(pointers)).filter((record) => record !== null)
  }
  const { end } = definitions!
  const { catalogue, refused } = judgeOpenDefinitions(
    EMPTY_CATALOGUE,
    await readAll(DEFINITIONS, end),
    end,
    LOG_ID,
  )
  const judge = createOpenJudge({ logId: LOG_ID, maxClockAheadMs: MAX_CLOCK_AHEAD_MS })
  const rows = createFold()
  const parked: string[] = []
  const quarantined = refused.map(({ partition, offset }) => `${partition}/${offset}`)
  const quarantinedBefore = quarantined.length
  let merged = 0n
  for (const { partition, end } of partitions) {
    for (const record of await readAll(partition, end)) {
      const verdict = judge(record, catalogue)
      const place = `${partition}/${record.offset}`
      if (verdict.type === 'merge') {
        foldMutation(rows, verdict.mutation)
        merged++
      } else if (verdict.type === 'parked') parked.push(place)
      else if (verdict.type === 'quarantined') quarantined.push(place)
    }
  }
  return {
    rows: plain(rows),
    parked: parked.sort(),
    consumed: merged + BigInt(parked.length + quarantined.length - quarantinedBefore),
    quarantined: quarantined.sort(),
    merged,
    definitionsEnd: end,
  }
}
