// Where a session's clock starts: behind everything that a node has seen, where one can be asked.

import { createClock, observeAppendTime, observeStampTime } from '../crdt/clock.ts'
import { type Stamp, stampToTime, ZERO_ORIGIN } from '../crdt/stamp.ts'

/** The newest stamp and append time (ms) that a node has processed; null before its first message. */
export interface Newest {
  readonly stamp: Stamp | null
  readonly appendMs: bigint | null
}

/**
 * How far a node's newest stamp is ahead of what a session follows (ms): 0 as a rule. Above it, somebody stamped
 * messages with a clock that is wrong, or made their stamps up, and what is written now loses against them.
 */
export function unfollowedMs(newest: Newest, nowNs: bigint, maxClockAheadMs: bigint): bigint {
  if (newest.stamp === null) return 0n
  let clock = createClock(ZERO_ORIGIN, maxClockAheadMs)
  if (newest.appendMs !== null) clock = observeAppendTime(clock, newest.appendMs)
  const timeNs = stampToTime(newest.stamp)
  const followedNs = observeStampTime(clock, timeNs, nowNs).lastNs
  return (timeNs - followedNs) / 1_000_000n
}

export type SessionStart =
  /** A correction that is made after reading from this node wins over what was read. */
  | { readonly type: 'node'; readonly newest: Newest }
  /** The clock starts from this machine's own; `reason` is for people. */
  | { readonly type: 'unknown'; readonly reason: string }

/**
 * Asks a node's database, and waits at most `timeoutMs` for it: a writer must be able to write while a node is away.
 * `readNewest` is null where no database is configured; it answers null when the database follows another log.
 */
export async function findStart(
  readNewest: (() => Promise<Newest | null>) | null,
  timeoutMs: number = 5_000,
): Promise<SessionStart> {
  if (readNewest === null) return { type: 'unknown', reason: 'no database of a node is configured' }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not answer within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    const newest = await Promise.race([readNewest(), late])
    if (newest === null)
      return {
        type: 'unknown',
        reason: 'the node of DATABASE_URL does not follow this log, or has not run yet',
      }
    return { type: 'node', newest }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { type: 'unknown', reason: `the database cannot be asked (${reason})` }
  } finally {
    clearTimeout(timer)
  }
}
