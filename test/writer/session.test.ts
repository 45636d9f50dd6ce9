// The session: stamps rise whatever the clock does, batches are bounded, and what nodes refuse is never a success.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createOpenJudge } from '../../src/codec/verdict.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin, type Stamp, stampToOrigin, stampToTime } from '../../src/crdt/stamp.ts'
import type { Log, NewRecord } from '../../src/log/log.ts'
import type { Outcome } from '../../src/writer/sending.ts'
import { announceSeed, seeded } from '../support/seed.ts'
import {
  CATALOGUE,
  createTestLog,
  createTestSession,
  LOG_ID,
  MAX_CLOCK_AHEAD_MS,
  NOW_MS,
  recordsOf,
  upsert,
} from './support.ts'

const seed = announceSeed('test/writer/session.test.ts')
const MS = 1_000_000n

/** The mutations in a log, judged as a node would: all of them must be merged. */
async function mutationsOf(log: Log): Promise<readonly Mutation[]> {
  const judge = createOpenJudge({ logId: LOG_ID, maxClockAheadMs: MAX_CLOCK_AHEAD_MS })
  return (await recordsOf(log)).map((record) => {
    const verdict = judge(record, CATALOGUE)
    if (verdict.type !== 'merge') throw new Error(`a message was judged to be ${JSON.stringify(verdict)}`)
    return verdict.mutation
  })
}

/** The stamps of changes, all of which must have become durable. */
function stampsOf(outcomes: readonly Outcome[]): readonly Stamp[] {
  return outcomes.map((outcome) => {
    if (outcome.type !== 'durable') throw new Error(`a change is ${outcome.type}: ${outcome.reason}`)
    return outcome.stamp
  })
}

describe('a session', () => {
  it('stamps in rising order and numbers from 0 without gaps, also when the clock jumps back', async () => {
    const jump = fc.bigInt({ min: -100_000n, max: 50_000n })
    await fc.assert(
      fc.asyncProperty(fc.array(jump, { minLength: 1, maxLength: 30 }), async (jumps) => {
        let nowMs = NOW_MS
        const log = await createTestLog()
        const session = createTestSession(log, { nowNs: () => nowMs * MS })
        const stamps: string[] = []
        for (const [i, by] of jumps.entries()) {
          // A clock that is ahead by less than is allowed, or behind by as much as it likes.
          nowMs = NOW_MS + by
          stamps.push(...stampsOf(await session.append([upsert(`t${i}`, 1n), upsert(`u${i}`, 1n)])))
        }
        expect(stamps).toEqual([...new Set(stamps)].sort())
        const mutations = [...(await mutationsOf(log))].sort((a, b) => (a.stamp < b.stamp ? -1 : 1))
        expect(mutations.map(({ seq }) => seq)).toEqual(mutations.map((_, i) => BigInt(i)))
        expect(new Set(mutations.map(({ stamp }) => stampToOrigin(stamp)))).toEqual(new Set([session.origin]))
      }),
      seeded(seed, 60),
    )
  })

  it('starts behind what a node has seen, so that a correction wins; but follows a faulty stamp only half way', async () => {
    const log = await createTestLog()
    const origin = 'bbbbbbbbbbbbbbbb' as Origin
    const seen = createStamp((NOW_MS + 20_000n) * MS, origin)
    const session = createTestSession(log, { newest: { stamp: seen, appendMs: NOW_MS } })
    const [stamp] = stampsOf(await session.append([upsert('t', 1n)]))
    expect(stamp! > seen).toBe(true)

    const faulty = createStamp((NOW_MS + 3_600_000n) * MS, origin)
    const careful = createTestSession(log, { newest: { stamp: faulty, appendMs: NOW_MS } })
    const [held] = stampsOf(await careful.append([upsert('t', 2n)]))
    expect(stampToTime(held!)).toBe((NOW_MS + MAX_CLOCK_AHEAD_MS / 2n) * MS + 1n)
  })

  it('takes the log’s clock for its own when that is ahead', async () => {
    const log = await createTestLog()
    const session = createTestSession(log, { nowNs: () => 1_600_000_000_000n * MS })
    await session.append([upsert('t', 1n)])
    const [second] = stampsOf(await session.append([upsert('t', 2n)]))
    expect(stampToTime(second!)).toBe(NOW_MS * MS)
  })

  it('twice over changes that bring their timestamps is the same set of messages', async () => {
    const time = fc.bigInt({ min: NOW_MS - 1_000n, max: NOW_MS }).map((ms) => ms * MS)
    const change = fc.tuple(fc.constantFrom('a', 'b'), fc.bigInt({ min: 0n, max: 3n }), time)
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 40 }), async (tuples) => {
        const log = await createTestLog()
        const changes = tuples.map(([id, plays, timeNs]) => upsert(id, plays, timeNs))
        await createTestSession(log).append(changes)
        const once = new Set((await recordsOf(log)).map(({ value }) => value!.toString('hex')))
        await createTestSession(log, { origin: 'cccccccccccccccc' as Origin }).append(changes.toReversed())
        const twice = new Set((await recordsOf(log)).map(({ value }) => value!.toString('hex')))
        expect(twice).toEqual(once)
        expect((await mutationsOf(log)).every(({ seq }) => seq === null)).toBe(true)
      }),
      seeded(seed, 60),
    )
  })

  it('answers with an error for what the clock rule refuses, exactly where every node does', async () => {
    const aheads = fc.array(fc.bigInt({ min: -2n, max: 2n }), { minLength: 1, maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(aheads, async (offsets) => {
        const log = await createTestLog()
        const limitNs = (NOW_MS + MAX_CLOCK_AHEAD_MS) * MS
        const changes = offsets.map((offset, i) => upsert(`t${i}`, 1n, limitNs + offset))
        const outcomes = await createTestSession(log).append(changes)
        expect(outcomes.map(({ type }) => type)).toEqual(
          offsets.map((offset) => (offset > 0n ? 'refused' : 'durable')),
        )
        const judge = createOpenJudge({ logId: LOG_ID, maxClockAheadMs: MAX_CLOCK_AHEAD_MS })
        for (const outcome of outcomes) {
          const [record] = 'appended' in outcome ? await log.pick([outcome.appended]) : []
          const expected = outcome.type === 'durable' ? 'merge' : 'quarantined'
          expect(judge(record!, CATALOGUE).type).toBe(expected)
        }
      }),
      seeded(seed, 60),
    )
  })

  it('of a machine whose clock is far ahead lets one message out and holds back the rest', async () => {
    const log = await createTestLog()
    const session = createTestSession(log, { nowNs: () => (NOW_MS + 120_000n) * MS })
    const outcomes = await session.append([upsert('t', 1n), upsert('u', 1n), upsert('v', 1n)])
    expect(outcomes.map(({ type }) => type)).toEqual(['refused', 'unsent', 'unsent'])
    expect(outcomes[0]).toMatchObject({ reason: expect.stringContaining('120000 ms ahead') })
    expect((await session.append([upsert('t', 1n)])).map(({ type }) => type)).toEqual(['unsent'])
    expect((await recordsOf(log)).length).toBe(1)
  })

  it('bounds batches and what is in flight, also when calls overlap, and keeps the order of answers', async () => {
    const log = await createTestLog()
    let inFlight = 0
    let inFlightMax = 0
    const sizes: number[] = []
    const bytesOf = (records: readonly NewRecord[]) =>
      records.reduce((sum, { key, value }) => sum + key!.length + value.length, 0)
    const slow: Log = {
      ...log,
      async append(records) {
        const bytes = bytesOf(records)
        sizes.push(records.length)
        inFlight += bytes
        inFlightMax = Math.max(inFlightMax, inFlight)
        await new Promise((resolve) => setTimeout(resolve, 1))
        inFlight -= bytes
        return log.append(records)
      },
    }
    const session = createTestSession(slow, {
      batchBytesMax: 600,
      batchRecordsMax: 7,
      inFlightBytesMax: 1_500,
    })
    const changes = Array.from({ length: 100 }, (_, i) => upsert(`t${i}`, BigInt(i)))
    const halves = await Promise.all([
      session.append(changes.slice(0, 50)),
      session.append(changes.slice(50)),
    ])
    const stamps = stampsOf(halves.flat())
    expect(stamps.length).toBe(100)
    expect(stamps).toEqual(stamps.toSorted())
    expect(sizes[0]).toBe(1)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(7)
    // Room is asked for before a batch is filled, so that one batch (600 bytes and its last record) may come on top.
    expect(inFlightMax).toBeLessThanOrEqual(1_500 + 700)
    expect(inFlightMax).toBeGreaterThan(700)
  })

  it('that the log fails says which changes may be in the log, and sends nothing ever after', async () => {
    const log = await createTestLog()
    const broken: Log = { ...log, append: () => Promise.reject(new Error('the broker is gone')) }
    const session = createTestSession(broken)
    const reason = 'the broker is gone'
    const heard: (readonly [number, string])[] = []
    const outcomes = await session.append([upsert('t', 1n), upsert('u', 1n)], (from, found) => {
      heard.push(...found.map(({ type }, i) => [from + i, type] as const))
    })
    expect(outcomes.map(({ type }) => type)).toEqual(['unknown', 'unsent'])
    expect(heard).toEqual([
      [0, 'unknown'],
      [1, 'unsent'],
    ])
    expect(await session.append([upsert('t', 1n)])).toEqual([
      { type: 'unsent', reason, error: expect.objectContaining({ message: reason }) },
    ])
    await session.room()
  })
})
