// Nodes over a guarded log under random faults and random policies: all end equal to a model that judges one record after the other.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { judgeDefinitions, nothingDefined } from '../../src/codec/definitions.ts'
import { initialStanding, type Standing } from '../../src/codec/policy/standing.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { createRecordProver } from '../../src/codec/signing/proof.ts'
import { createJudge } from '../../src/codec/verdict.ts'
import { createFold, foldMutation } from '../../src/crdt/fold.ts'
import { stampToOrigin } from '../../src/crdt/stamp.ts'
import { createLog } from '../../src/log/genesis.ts'
import { createMemoryLog, type MemoryLog } from '../../src/log/memory/log.ts'
import { createProofPool } from '../../src/proofs/pool.ts'
import { createMemoryDatabase, type MemoryDatabase } from '../../src/store/memory/database.ts'
import { createRecutLog } from '../support/recut.ts'
import { announceSeed } from '../support/seed.ts'
import { soaked } from '../support/soak.ts'
import { ADMINS, createGuardedWriters } from './guarded-world.ts'
import { consumedOf, keepRunning, plain, runWorker, sumOf, waitUntil } from './workers.ts'
import { below, createRandom } from './world.ts'

const SEED = announceSeed('test/sim/guarded.test.ts')
const WORLDS = soaked(6)
const STEPS = 200
const LOG_ID = '11111111-1111-4111-8111-111111111111'
const MAX_CLOCK_AHEAD_MS = 60_000n

/** Of all nodes here: workers that are killed dozens of times would start threads for longer than they live. */
const pool = createProofPool()
afterAll(() => pool.close())

describe('nodes of a guarded log under faults', () => {
  for (let world = 0; world < WORLDS; world++) {
    it(`world ${world}: all nodes end equal to the model`, () => simulate((SEED + world) >>> 0), 240_000)
  }
})

async function simulate(seed: number): Promise<void> {
  const random = createRandom(seed)
  const partitions = 1 + below(random, 3)
  let nowMs = 1_700_000_000_000n
  const log = await createGuardedLog(partitions, () => nowMs)
  const writers = createGuardedWriters(random, partitions, LOG_ID)
  const databases = [createMemoryDatabase(), createMemoryDatabase()]
  const stopping = new AbortController()
  let healed = false
  const workers = databases.flatMap((database, node) =>
    Array.from({ length: 1 + node }, (_, worker) =>
      keepRunning(
        createRecutLog(log, createRandom(seed + worker), 4),
        database,
        createRandom(seed + 100 * node + worker),
        () => healed,
        `node-${node}`,
        stopping.signal,
        pool,
      ),
    ),
  )
  for (let i = 0; i < STEPS; i++) {
    nowMs += BigInt(below(random, 3))
    const messages = writers.messages(nowMs, BigInt(10 * i))
    if (random() < 0.02) log.appendUnstamped(messages, nowMs)
    else await log.append(messages)
    if (random() < 0.1) await log.append([writers.definition()])
    if (random() < 0.08) await log.append(writers.policies())
    if (random() < 0.01) await log.append([writers.close(i > STEPS / 2)])
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
      120_000,
    )
  }
  stopping.abort()
  await Promise.all(workers)
  // Whole chunks and single records, read by a node that never sees a fault.
  const fresh = [createMemoryDatabase(), createMemoryDatabase()]
  await runWorker(log, fresh[0]!, random, () => true, { untilEnd: true, pool })
  await runWorker(createRecutLog(log, random, 1), fresh[1]!, random, () => true, { untilEnd: true, pool })
  for (const database of [...databases, ...fresh]) expect(stateOf(database)).toEqual(model.state)
}

async function createGuardedLog(partitions: number, now: () => bigint): Promise<MemoryLog> {
  const log = createMemoryLog({ partitions, now, chunkRecords: 7 })
  const created = await createLog(log, {
    logId: LOG_ID,
    copyId: LOG_ID,
    generation: 1,
    maxClockAheadMs: MAX_CLOCK_AHEAD_MS,
    admins: ADMINS,
  })
  expect(created.type).toBe('created')
  return log
}

/**
 * The state by its definition: all definitions first, then each partition from its first record, with a judge and a
 * prover that have seen nothing before, then one fold.
 */
async function modelOf(log: MemoryLog) {
  const { partitions, definitions } = await log.describe()
  const readAll = async (partition: number, end: bigint): Promise<LogRecord[]> => {
    const pointers = Array.from({ length: Number(end) }, (_, i) => ({ partition, offset: BigInt(i) }))
    return (await log.pick(pointers)).filter((record) => record !== null)
  }
  const { end } = definitions!
  const rules = {
    logId: LOG_ID,
    generation: 1,
    prove: (record: LogRecord) => createRecordProver(LOG_ID)(record),
  }
  const defined = judgeDefinitions(nothingDefined(ADMINS), await readAll(DEFINITIONS, end), end, rules)
  const quarantined = defined.refused.map((one) => [placeOf(one), one.reason])
  const standings = new Map<number, Standing>([[DEFINITIONS, defined.standing]])
  const rows = createFold()
  const parked: string[] = []
  const authors = new Set<string>()
  let merged = 0n
  let consumed = 0n
  for (const { partition, end } of partitions) {
    let standing = initialStanding(ADMINS)
    for (const record of await readAll(partition, end)) {
      const judge = createJudge({ logId: LOG_ID, generation: 1, maxClockAheadMs: MAX_CLOCK_AHEAD_MS })
      const proof = createRecordProver(LOG_ID)(record)
      const verdict = judge(record, defined.catalogue, structuredClone(standing), proof)
      if (verdict.type === 'control') {
        standing = verdict.standing
        continue
      }
      consumed++
      if (verdict.type === 'parked') parked.push(placeOf(record))
      else if (verdict.type === 'quarantined') quarantined.push([placeOf(record), verdict.reason])
      else {
        foldMutation(rows, verdict.mutation)
        merged++
        authors.add(`${stampToOrigin(verdict.mutation.stamp)} ${verdict.signer}`)
      }
    }
    standings.set(partition, standing)
  }
  return {
    consumed,
    definitionsEnd: end,
    state: {
      rows: plain(rows),
      parked: parked.sort(),
      quarantined: quarantined.sort(),
      merged,
      authors: [...authors].sort(),
      standings: [...standings].filter(([, standing]) => hasMoved(standing)).sort(([a], [b]) => a - b),
    },
  }
}

function hasMoved(standing: Standing): boolean {
  return standing.type === 'guarded' && (standing.version > 0 || standing.isClosed)
}

const placeOf = ({ partition, offset }: Pick<LogRecord, 'partition' | 'offset'>) => `${partition}/${offset}`

function stateOf(database: MemoryDatabase): unknown {
  const authors = [...database.authors].flatMap(([origin, signers]) =>
    [...signers].map((signer) => `${origin} ${signer}`),
  )
  return {
    rows: plain(database.rows),
    parked: [...database.parked.keys()].sort(),
    quarantined: [...database.quarantined.values()].map((one) => [placeOf(one), one.reason]).sort(),
    merged: sumOf(database, 'merged'),
    authors: authors.sort(),
    standings: [...database.standings].sort(([a], [b]) => a - b),
  }
}
