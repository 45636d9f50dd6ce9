// Readiness is progress: a node that stands still behind the log, waits, or cannot see the log is not ready, whatever answers.

import { describe, expect, it } from 'vitest'
import { OPEN } from '../../src/codec/policy/standing.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { createProgress } from '../../src/http/progress.ts'
import type { SeenLog } from '../../src/http/status-record.ts'
import { createWatermarks, type Watermarks } from '../../src/http/watermarks.ts'
import { startedNews } from './news.ts'

const STALL_MS = 60_000

function createClock() {
  let nowMs = 1_000_000
  return {
    now: () => nowMs,
    pass(ms: number) {
      nowMs += ms
    },
  }
}

function endsAt(ends: Readonly<Record<number, bigint>>, awaySinceMs: number | null = null): Watermarks {
  return {
    ends: new Map(Object.entries(ends).map(([partition, end]) => [Number(partition), end])),
    awaySinceMs,
  }
}

function committed(partition: number, position: bigint) {
  return {
    type: 'committed',
    consumed: 1,
    merged: 1,
    parked: 0,
    quarantined: 0,
    positions: new Map([[partition, position]]),
    offset: 1n,
    ms: 5,
  } as const
}

function open() {
  const clock = createClock()
  const progress = createProgress({ now: clock.now, stallMs: STALL_MS })
  const reasonOf = (watermarks: Watermarks): string | null => {
    const readiness = progress.judge(watermarks)
    return readiness.type === 'ready' ? null : readiness.reason
  }
  return { clock, progress, reasonOf }
}

describe('readiness', () => {
  it('a node that has not started is not ready, and says what it waits for', () => {
    const { clock, progress, reasonOf } = open()
    expect(reasonOf(endsAt({}))).toBe('the node has not started yet')
    progress.note({ type: 'waiting', what: 'prepare the database', waitMs: 1_000 })
    clock.pass(3_000)
    expect(reasonOf(endsAt({}))).toBe(
      'the node has not started yet: for 3 s it could not prepare the database',
    )
    progress.note(startedNews())
    expect(reasonOf(endsAt({}))).toBeNull()
  })

  it('a frozen node: lag, and no commit for so long; a commit makes it ready again', () => {
    const { clock, progress, reasonOf } = open()
    progress.note(startedNews([[0, 10n]]))
    progress.note({ type: 'assigned', partitions: [0] })
    const behind = endsAt({ 0: 30n, [DEFINITIONS]: 1n })
    // Nothing came for an hour, then a message: that is no hour of standing still.
    clock.pass(3_600_000)
    expect(reasonOf(behind)).toBeNull()
    clock.pass(STALL_MS - 1)
    expect(reasonOf(behind)).toBeNull()
    clock.pass(1)
    expect(reasonOf(behind)).toBe('the node is 20 records behind the log and has committed nothing for 60 s')
    progress.note(committed(0, 11n))
    expect(reasonOf(behind)).toBeNull()
    clock.pass(STALL_MS)
    expect(reasonOf(behind)).toContain('19 records behind')
    progress.note(committed(0, 30n))
    expect(progress.judge(behind)).toEqual({ type: 'ready', lag: 0n })
    clock.pass(3_600_000)
    expect(reasonOf(behind)).toBeNull()
  })

  it('what was read but not committed is no progress', () => {
    const { clock, progress, reasonOf } = open()
    progress.note(startedNews())
    progress.note({ type: 'assigned', partitions: [0] })
    const behind = endsAt({ 0: 5n })
    expect(reasonOf(behind)).toBeNull()
    for (let i = 0; i < 10; i++) {
      clock.pass(STALL_MS / 10)
      for (const type of ['caught-up', 'restarted', 'warning'] as const) progress.note({ type })
      progress.note(startedNews())
      progress.note({ type: 'assigned', partitions: [0] })
    }
    expect(reasonOf(behind)).toContain('5 records behind')
  })

  it('definitions that are not taken are lag too, and those of other workers none', () => {
    const { clock, progress, reasonOf } = open()
    progress.note(startedNews([[0, 5n]], 3n))
    progress.note({ type: 'assigned', partitions: [0] })
    // Partition 1 is another worker's.
    expect(progress.partitions(endsAt({ 0: 5n, 1: 100n, [DEFINITIONS]: 4n }))).toEqual([
      { partition: DEFINITIONS, position: 3n, lag: 1n },
      { partition: 0, position: 5n, lag: 0n },
    ])
    expect(reasonOf(endsAt({ 0: 5n, 1: 100n, [DEFINITIONS]: 3n }))).toBeNull()
    expect(reasonOf(endsAt({ 0: 5n, [DEFINITIONS]: 4n }))).toBeNull()
    clock.pass(STALL_MS)
    expect(reasonOf(endsAt({ 0: 5n, [DEFINITIONS]: 4n }))).toContain('1 records behind')
    progress.note({ type: 'defined', offset: 4n, taken: 1, refused: 0, standing: OPEN })
    expect(reasonOf(endsAt({ 0: 5n, [DEFINITIONS]: 4n }))).toBeNull()
    // It comes to this worker, with what the other has done.
    progress.note({ type: 'resumed', positions: new Map([[1, 90n]]) })
    progress.note({ type: 'assigned', partitions: [0, 1] })
    expect(progress.judge(endsAt({ 0: 5n, 1: 100n, [DEFINITIONS]: 4n }))).toEqual({ type: 'ready', lag: 10n })
  })

  it('a node that waits for long is not ready, though it is at the end of the log', () => {
    const { clock, progress, reasonOf } = open()
    progress.note(startedNews([[0, 5n]]))
    for (let i = 0; i < 70; i++) {
      progress.note({ type: 'waiting', what: 'say that this worker lives', waitMs: 1_000 })
      clock.pass(1_000)
    }
    expect(progress.isWaiting()).toBe(true)
    expect(reasonOf(endsAt({ 0: 5n }))).toBe(
      'the node waits: for 70 s it could not say that this worker lives',
    )
    // No word any more: the service is back.
    clock.pass(6_000)
    expect(progress.isWaiting()).toBe(false)
    expect(reasonOf(endsAt({ 0: 5n }))).toBeNull()
  })

  it('a log that does not answer hides a lag', () => {
    const { clock, progress, reasonOf } = open()
    progress.note(startedNews([[0, 5n]]))
    const sinceMs = clock.now()
    clock.pass(STALL_MS - 1)
    expect(reasonOf(endsAt({ 0: 5n }, sinceMs))).toBeNull()
    clock.pass(1)
    expect(reasonOf(endsAt({ 0: 5n }, sinceMs))).toBe('the log has not answered for 60 s')
    expect(reasonOf(endsAt({ 0: 5n }, null))).toBeNull()
  })

  it('a copy of the log has positions of its own', () => {
    const { progress } = open()
    progress.note(startedNews([[0, 500n]]))
    progress.note({ type: 'moved' })
    progress.note(startedNews([], 0n))
    expect(progress.judge(endsAt({ 0: 30n, [DEFINITIONS]: 2n }))).toEqual({ type: 'ready', lag: 32n })
  })
})

describe('the ends of the log', () => {
  function openWatermarks() {
    const clock = createClock()
    let looks = 0
    let answer: () => Promise<SeenLog> = async () => ({ type: 'away', reason: 'a test' })
    const watermarks = createWatermarks({
      lookAtLog() {
        looks++
        return answer()
      },
      now: clock.now,
      maxAgeMs: 5_000,
      waitMs: 20,
    })
    const seen = (end: bigint) => async (): Promise<SeenLog> => ({
      type: 'seen',
      description: {
        name: 'a test',
        partitions: [{ partition: 0, first: 0n, end, genesis: null }],
        definitions: { partition: DEFINITIONS, first: 0n, end: 1n, genesis: null },
        problems: [],
        warnings: [],
      },
    })
    return {
      clock,
      watermarks,
      looks: () => looks,
      seen,
      answerWith: (next: () => Promise<SeenLog>) => {
        answer = next
      },
    }
  }

  it('are looked at when they are asked for, and not again for some seconds', async () => {
    const { clock, watermarks, looks, seen, answerWith } = openWatermarks()
    answerWith(seen(7n))
    expect(looks()).toBe(0)
    expect((await watermarks()).ends).toEqual(
      new Map([
        [0, 7n],
        [DEFINITIONS, 1n],
      ]),
    )
    answerWith(seen(9n))
    clock.pass(4_999)
    expect((await watermarks()).ends.get(0)).toBe(7n)
    clock.pass(1)
    const both = await Promise.all([watermarks(), watermarks()])
    expect(both[0]!.ends.get(0)).toBe(9n)
    expect(looks()).toBe(2)
  })

  it('a log that is away, or silent, is so since it was first asked in vain', async () => {
    const { clock, watermarks, seen, answerWith } = openWatermarks()
    answerWith(seen(7n))
    await watermarks()
    clock.pass(5_000)
    const sinceMs = clock.now()
    answerWith(() => new Promise(() => {}))
    expect(await watermarks()).toEqual({ ends: expect.any(Map), awaySinceMs: sinceMs })
    clock.pass(50_000)
    expect((await watermarks()).awaySinceMs).toBe(sinceMs)
    expect((await watermarks()).ends.get(0)).toBe(7n)
  })

  it('and back once it answers', async () => {
    const { clock, watermarks, seen, answerWith } = openWatermarks()
    const sinceMs = clock.now()
    expect((await watermarks()).awaySinceMs).toBe(sinceMs)
    clock.pass(5_000)
    expect((await watermarks()).awaySinceMs).toBe(sinceMs)
    clock.pass(5_000)
    answerWith(seen(8n))
    expect(await watermarks()).toMatchObject({ awaySinceMs: null })
  })
})
