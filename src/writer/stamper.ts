// The clock of a session at work: gives changes their stamps and numbers, and learns from the log's answers.

import type { TypedChange } from '../codec/line.ts'
import { hashOrigin } from '../codec/origin.ts'
import { createClock, isTooFarAhead, observeAppendTime, observeStampTime, tick } from '../crdt/clock.ts'
import type { Mutation } from '../crdt/mutation.ts'
import { createStamp, type Origin, type Stamp, stampToIso, stampToTime } from '../crdt/stamp.ts'
import type { Newest } from './start.ts'

export interface Stamper {
  /** With the change's own time and a hash for its origin, or with the session's next stamp and number. */
  stamp(change: TypedChange): Mutation
  /** Takes note of an answer of the log; why every node will quarantine the message, or null. */
  judge(stamp: Stamp, appendMs: bigint): string | null
}

export interface StamperOptions {
  readonly origin: Origin
  /** The log's own limit, from its genesis. */
  readonly maxClockAheadMs: bigint
  /** This machine's clock, nanoseconds since 1970. */
  readonly nowNs: () => bigint
  /** What a node has seen: what is written from here on wins over it. */
  readonly newest?: Newest
}

export function createStamper({ origin, maxClockAheadMs, nowNs, newest }: StamperOptions): Stamper {
  let clock = createClock(origin, maxClockAheadMs)
  if (newest?.appendMs) clock = observeAppendTime(clock, newest.appendMs)
  if (newest?.stamp) clock = observeStampTime(clock, stampToTime(newest.stamp), nowNs())
  let nextSeq = 0n

  return {
    stamp(change) {
      const { timeNs, operation, dataset, key, columns } = change
      if (timeNs !== null) {
        const stamp = createStamp(timeNs, hashOrigin(change, timeNs))
        return { stamp, seq: null, operation, dataset, key, columns }
      }
      const ticked = tick(clock, nowNs())
      clock = ticked.clock
      return { stamp: ticked.stamp, seq: nextSeq++, operation, dataset, key, columns }
    },
    judge(stamp, appendMs) {
      clock = observeAppendTime(clock, appendMs)
      const timeNs = stampToTime(stamp)
      if (!isTooFarAhead(timeNs, appendMs, maxClockAheadMs)) return null
      const aheadMs = timeNs / 1_000_000n - appendMs
      return `its timestamp ${stampToIso(stamp)} is ${aheadMs} ms ahead of the log's clock, which allows ${maxClockAheadMs} ms: every node quarantines it`
    },
  }
}
