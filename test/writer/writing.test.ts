// The writing of many at once: few appends, each told exactly what became of his own changes, whatever fails.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { TypedChange } from '../../src/codec/line.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { createLog } from '../../src/log/genesis.ts'
import type { Log, NewRecord } from '../../src/log/log.ts'
import { createMemoryLog } from '../../src/log/memory/log.ts'
import { PolicyError } from '../../src/writer/late.ts'
import { createWriting, type Writing } from '../../src/writer/writing.ts'
import { createTestWriting, defineIn, inspectTestLog } from '../http/writing.ts'
import { below, createRandom } from '../sim/world.ts'
import { announceSeed } from '../support/seed.ts'
import { controlRecord, signRecords, testKey } from '../support/signers.ts'
import {
  createTestLog,
  createTestSession,
  LOG_ID,
  MAX_CLOCK_AHEAD_MS,
  recordsOf,
  TRACKS,
  upsert,
} from './support.ts'

const ADMIN = testKey('admin')
const SEED = announceSeed('test/writer/writing.test.ts')

async function open(options: {
  readonly append?: (log: Log, records: readonly NewRecord[]) => ReturnType<Log['append']>
  readonly waitMs?: number
}) {
  const log = await createTestLog(() => BigInt(Date.now()))
  await defineIn(log, TRACKS)
  const { append } = options
  const door: Log = append === undefined ? log : { ...log, append: (records) => append(log, records) }
  const writing = createTestWriting(door, options.waitMs ?? 5_000)
  onTestFinished(() => writing.close())
  return { log, writing }
}

const typesOf = async (writing: Writing, changes: readonly TypedChange[]): Promise<readonly string[]> =>
  (await writing.append(changes)).map(({ type }) => type)

describe('writing', () => {
  it('gathers the changes of many into few appends, and tells each where his own are', async () => {
    const sizes: number[] = []
    const { log, writing } = await open({
      async append(log, records) {
        sizes.push(records.length)
        await sleep(5)
        return log.append(records)
      },
    })
    const all = await Promise.all(
      Array.from({ length: 500 }, (_, i) => writing.append([upsert(`a${i}`, 1n), upsert(`b${i}`, 2n)])),
    )
    expect(sizes.length).toBeLessThan(10)
    for (const [i, outcomes] of all.entries()) {
      const places = outcomes.flatMap((outcome) => ('appended' in outcome ? [outcome.appended] : []))
      const found = await log.pick(places)
      expect(found.map((record) => record!.key!.toString())).toEqual([
        `["tracks","a${i}"]`,
        `["tracks","b${i}"]`,
      ])
    }
  })

  it('at random failures: what is durable is in the log, what is not sent is not, and it goes on', async () => {
    const random = createRandom(SEED)
    const { log, writing } = await open({
      async append(log, records) {
        const dice = random()
        if (dice < 0.15) throw new Error('gone before')
        const answers = await log.append(records)
        if (random() < 0.5) await sleep(below(random, 3))
        if (dice < 0.3) throw new Error('gone after')
        return answers
      },
    })
    const counts = { durable: 0, refused: 0, unknown: 0, unsent: 0 }
    const certain = new Map<string, boolean>()
    const client = async (n: number): Promise<void> => {
      for (let i = 0; i < 60; i++) {
        const changes = Array.from({ length: 1 + below(random, 4) }, (_, k) => upsert(`${n}/${i}/${k}`, 1n))
        for (const [k, { type }] of (await writing.append(changes)).entries()) {
          counts[type]++
          if (type !== 'unknown') certain.set(`${n}/${i}/${k}`, type === 'durable')
        }
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, n) => client(n)))
    const ids = (await recordsOf(log)).map(({ key }) => JSON.parse(key!.toString())[1] as string)
    expect(new Set(ids).size).toBe(ids.length)
    const inLog = new Set(ids)
    for (const [id, isDurable] of certain) expect([id, inLog.has(id)]).toEqual([id, isDurable])
    expect(counts.durable).toBeGreaterThan(100)
    expect(counts.unknown).toBeGreaterThan(10)
    expect(counts.refused).toBe(0)
  })

  it('a log that cannot be opened is told to all who wait, and tried again', async () => {
    let isAway = true
    const log = await createTestLog(() => BigInt(Date.now()))
    await defineIn(log, TRACKS)
    const writing = createWriting({
      log,
      waitMs: 1_000,
      nowNs: () => BigInt(Date.now()) * 1_000_000n,
      inspect: () => (isAway ? Promise.reject(new Error('nothing listens there')) : inspectTestLog(log)),
      openSession: async () => createTestSession(log, { nowNs: () => BigInt(Date.now()) * 1_000_000n }),
    })
    onTestFinished(() => writing.close())
    await expect(writing.ready()).rejects.toThrow('nothing listens there')
    expect(await typesOf(writing, [upsert('a', 1n)])).toEqual(['unsent'])
    isAway = false
    await writing.ready()
    expect(await typesOf(writing, [upsert('a', 1n)])).toEqual(['durable'])
    writing.close()
    expect(await typesOf(writing, [upsert('b', 1n)])).toEqual(['unsent'])
  })

  it('what waits is bounded, and nobody waits longer than he may', async () => {
    const release = Promise.withResolvers<void>()
    const { log, writing } = await open({
      waitMs: 200,
      async append(log, records) {
        await release.promise
        return log.append(records)
      },
    })
    await writing.ready()
    const large = upsert('x'.repeat(1_000), 1n)
    const many = Array.from({ length: 5_000 }, () => large)
    const first = typesOf(writing, [upsert('a', 1n)])
    await sleep(20)
    const second = typesOf(writing, many)
    let hasRoom = false
    void writing.room().then(() => {
      hasRoom = true
    })
    await sleep(20)
    expect(hasRoom).toBe(false)
    expect(await first).toEqual(['unknown'])
    expect(new Set(await second)).toEqual(new Set(['unsent']))
    await expect.poll(() => hasRoom).toBe(true)
    release.resolve()
    await expect.poll(async () => (await recordsOf(log)).length).toBe(1)
    expect(await typesOf(writing, [upsert('b', 1n)])).toEqual(['durable'])
  })

  it('appends nothing to a guarded log that has to be signed, and everything once the policy says so', async () => {
    const log = createMemoryLog({ partitions: 2, now: () => BigInt(Date.now()) })
    await createLog(log, {
      ...{ logId: LOG_ID, copyId: LOG_ID, generation: 1 },
      ...{ maxClockAheadMs: MAX_CLOCK_AHEAD_MS, admins: [ADMIN.signer] },
    })
    const writing = createTestWriting(log, 5_000)
    onTestFinished(() => writing.close())
    const [outcome] = await writing.append([upsert('a', 1n), upsert('b', 1n)])
    expect(outcome).toEqual({
      type: 'unsent',
      reason: expect.stringMatching(/not allowed: .*only admins may write, and they sign/),
      error: expect.any(PolicyError),
    })
    expect(await recordsOf(log)).toEqual([])

    const policy = { kind: 'policy', version: 1, admins: [ADMIN.signer], rules: [], unsigned: true } as const
    await log.append(signRecords(ADMIN, LOG_ID, [controlRecord(DEFINITIONS, policy)]))
    await expect.poll(() => writing.rules().standing).toMatchObject({ version: 1 })
    expect(await typesOf(writing, [upsert('a', 1n), upsert('b', 1n)])).toEqual(['durable', 'durable'])
  })
})
