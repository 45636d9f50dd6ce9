// The clock of a session at work: gives changes their stamps and numbers, and learns from the log's answers.

import type { TypedChange } from '../codec/line.ts'
import {
  type Clock,
  createClock,
  isTooFarAhead,
  observeAppendTime,
  observeStampTime,
  tick,
} from '../crdt/clock.ts'
import type { Mutation } from '../crdt/mutation.ts'
import { type Origin, type Stamp, stampToIso, stampToTime } from '../crdt/stamp.ts'
import type { Newest } from './start.ts'

export interface Stamper {
  /** The next stamp looks at this machine's clock; those behind it follow it, a nanosecond each. */
  look(): void
  /** With the session's next stamp and number, for a change that does not bring its time. */
  stamp(change: TypedChange): Mutation
  /** The time of the newest stamp that was given or followed, nanoseconds since 1970. */
  lastNs(): bigint
  /** Takes note of what a node has seen: what is stamped from here on wins over it, as far as a clock may be followed. */
  follow(newest: Newest): void
  /** Takes note of an answer of the log; true when every node takes what was stamped up to this time (nanoseconds). */
  observe(newestNs: bigint, appendMs: bigint): boolean
  /** Why every node will quarantine the message, or null. */
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

/** A stamp's first hex digits, and how many stamps share them: the last 16 bits of the time count in a number. */
const PREFIX_DIGITS = 12
const LOW_END = 0x1_0000

export function createStamper({ origin, maxClockAheadMs, nowNs, newest }: StamperOptions): Stamper {
  let clock: Clock = createClock(origin, maxClockAheadMs)
  let nextSeq = 0n
  let prefix = ''
  let low = LOW_END
  /** Stamps that were given and that `clock` does not know yet. */
  let given = 0
  let mustLook = true

  const settle = (): Clock => {
    if (given > 0) clock = { ...clock, lastNs: clock.lastNs + BigInt(given) }
    given = 0
    return clock
  }
  const nextStamp = (): Stamp => {
    if (!mustLook && ++low < LOW_END) {
      given++
      return (prefix + (LOW_END + low).toString(16).slice(1) + origin) as Stamp
    }
    const ticked = tick(settle(), nowNs())
    clock = ticked.clock
    mustLook = false
    prefix = ticked.stamp.slice(0, PREFIX_DIGITS)
    low = Number.parseInt(ticked.stamp.slice(PREFIX_DIGITS, 16), 16)
    return ticked.stamp
  }

  const follow = ({ stamp, appendMs }: Newest): void => {
    clock = settle()
    if (appendMs !== null) clock = observeAppendTime(clock, appendMs)
    if (stamp !== null) clock = observeStampTime(clock, stampToTime(stamp), nowNs())
    mustLook = true
  }
  if (newest !== undefined) follow(newest)

  return {
    look() {
      mustLook = true
    },
    follow,
    stamp({ operation, dataset, key, columns }) {
      return { stamp: nextStamp(), seq: nextSeq++, operation, dataset, key, columns }
    },
    lastNs: () => settle().lastNs,
    observe(newestNs, appendMs) {
      clock = observeAppendTime(settle(), appendMs)
      return !isTooFarAhead(newestNs, appendMs, maxClockAheadMs)
    },
    judge: (stamp, appendMs) => explainAhead(stamp, appendMs, maxClockAheadMs),
  }
}

/** Why every node quarantines a message of this stamp that was appended then, or null. */
export function explainAhead(stamp: Stamp, appendMs: bigint, maxClockAheadMs: bigint): string | null {
  const timeNs = stampToTime(stamp)
  if (!isTooFarAhead(timeNs, appendMs, maxClockAheadMs)) return null
  const aheadMs = timeNs / 1_000_000n - appendMs
  return `its timestamp ${stampToIso(stamp)} is ${aheadMs} ms ahead of the log's clock, which allows ${maxClockAheadMs} ms: every node quarantines it`
}
