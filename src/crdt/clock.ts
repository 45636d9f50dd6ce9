// The hybrid logical clock of a writer's session: pure, the present time is an argument.

import { createStamp, type Origin, STAMP_TIME_END, type Stamp } from './stamp.ts'

const NS_PER_MS = 1_000_000n

/**
 * A session's clock. `lastNs` is the newest time it issued or followed; `newestAppendMs` the newest append time
 * of the log that it has seen (milliseconds; the log's clock, which no writer can push ahead).
 * After Kulkarni et al., "Logical Physical Clocks" (2014), with the logical part folded into the nanoseconds.
 */
export interface Clock {
  readonly origin: Origin
  readonly lastNs: bigint
  readonly newestAppendMs: bigint
  readonly maxClockAheadMs: bigint
}

export function createClock(origin: Origin, maxClockAheadMs: bigint): Clock {
  return { origin, lastNs: 0n, newestAppendMs: 0n, maxClockAheadMs }
}

/** Issues the next stamp: `max(now, last + 1, newest append time)`. `nowNs` is the writer's own clock. */
export function tick(clock: Clock, nowNs: bigint): { clock: Clock; stamp: Stamp } {
  const timeNs = maxOf(nowNs, clock.lastNs + 1n, clock.newestAppendMs * NS_PER_MS)
  if (timeNs >= STAMP_TIME_END) throw new RangeError(`the clock has reached the end of stamps (${timeNs} ns)`)
  return { clock: { ...clock, lastNs: timeNs }, stamp: createStamp(timeNs, clock.origin) }
}

/** Takes note of an append time that the log answered with or that was read from it. */
export function observeAppendTime(clock: Clock, appendMs: bigint): Clock {
  return appendMs > clock.newestAppendMs ? { ...clock, newestAppendMs: appendMs } : clock
}

/**
 * Follows the time of a stamp that was read, so that what is written next wins over it; but only up to
 * `max(now, newest append time) + maxClockAhead / 2`, or one faulty writer would push every clock ahead.
 */
export function observeStampTime(clock: Clock, stampNs: bigint, nowNs: bigint): Clock {
  const boundNs = maxOf(nowNs, clock.newestAppendMs * NS_PER_MS) + (clock.maxClockAheadMs * NS_PER_MS) / 2n
  const followedNs = stampNs < boundNs ? stampNs : boundNs
  return followedNs > clock.lastNs ? { ...clock, lastNs: followedNs } : clock
}

/** The clock rule: true when a stamp of `timeNs` appended at `appendMs` is further ahead than the log allows. */
export function isTooFarAhead(timeNs: bigint, appendMs: bigint, maxClockAheadMs: bigint): boolean {
  return timeNs > (appendMs + maxClockAheadMs) * NS_PER_MS
}

function maxOf(first: bigint, ...others: bigint[]): bigint {
  let greatest = first
  for (const other of others) if (other > greatest) greatest = other
  return greatest
}
