// The clock of a writer's session.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Clock,
  createClock,
  isTooFarAhead,
  observeAppendTime,
  observeStampTime,
  tick,
} from '../../src/crdt/clock.ts'
import { type Origin, stampToTime } from '../../src/crdt/stamp.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/crdt/clock.test.ts')
const origin = '00000000000000aa' as Origin
const MS = 1_000_000n
const ns = fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n })
const event = fc.oneof(
  fc.record({ type: fc.constant('tick' as const), now: ns }),
  fc.record({ type: fc.constant('append' as const), ms: ns.map((n) => n / MS) }),
  fc.record({ type: fc.constant('stamp' as const), at: ns, now: ns }),
)

describe('the clock', () => {
  it('C1, C2, C3: stamps rise, never before the log, never pulled further than half the allowance', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let clock: Clock = createClock(origin, 60_000n)
        let last = 0n
        let newestAppend = 0n
        for (const e of events) {
          if (e.type === 'append') {
            clock = observeAppendTime(clock, e.ms)
            newestAppend = e.ms > newestAppend ? e.ms : newestAppend
          } else if (e.type === 'stamp') {
            const before = clock.lastNs
            clock = observeStampTime(clock, e.at, e.now)
            const reference = e.now > newestAppend * MS ? e.now : newestAppend * MS
            const bound = reference + 30_000n * MS
            expect(clock.lastNs === before || clock.lastNs <= bound).toBe(true)
            expect(clock.lastNs).toBeGreaterThanOrEqual(before)
            if (e.at <= bound) expect(clock.lastNs).toBeGreaterThanOrEqual(e.at)
          } else {
            const ticked = tick(clock, e.now)
            clock = ticked.clock
            const time = stampToTime(ticked.stamp)
            expect(time).toBeGreaterThan(last)
            expect(time).toBeGreaterThanOrEqual(newestAppend * MS)
            expect(time).toBeGreaterThanOrEqual(e.now)
            last = time
          }
        }
      }),
      seeded(seed, 2_000),
    )
  })

  it('C4: a stamp may be ahead by exactly the allowance, not by a nanosecond more', () => {
    const limit = (1_000n + 60_000n) * MS
    expect(isTooFarAhead(limit, 1_000n, 60_000n)).toBe(false)
    expect(isTooFarAhead(limit + 1n, 1_000n, 60_000n)).toBe(true)
    expect(isTooFarAhead(0n, 1_000n, 60_000n)).toBe(false)
  })

  it('ends with an error, not with a stamp that has the top bit set', () => {
    const clock = { ...createClock(origin, 60_000n), lastNs: (1n << 63n) - 1n }
    expect(() => tick(clock, 0n)).toThrow('end of stamps')
  })
})
