// What many send at once, through one session: their changes are gathered into few appends, each waits for a bounded
// time, and a session that has failed is followed by another.

import { ClockError, LateError, lateAfter } from './late.ts'
import type { Outcome, Sender, Sending } from './sending.ts'

export interface GatheringOptions<C, S extends Sending<C>> {
  readonly openSession: () => Promise<S>
  /** About, of a change as a message. */
  readonly bytesOf: (change: C) => number
  /** Whether the change brought its stamp: then a stamp that is refused says nothing of this machine's clock. */
  readonly isStamped: (change: C) => boolean
  /** Why the changes of one call are not sent, asked just before; null where they are. Nothing is refused unless set. */
  readonly refuse?: (changes: readonly C[]) => Error | null
  /** Called when a session is given up: the log has to be looked at again before the next one. */
  readonly onDoubt: () => void
  /** How long anybody waits for the log, in milliseconds. */
  readonly waitMs: number
}

export interface Gathering<C, S extends Sending<C>> extends Sender<C> {
  /** The session that is open; null between two. */
  session(): S | null
  /** The next changes go through a new session. */
  leave(): void
  close(): void
}

/** Changes of one call, on their way. */
interface Job<C> {
  readonly changes: readonly C[]
  readonly bytes: number
  readonly outcomes: (Outcome | undefined)[]
  readonly timer: NodeJS.Timeout
  readonly resolve: (outcomes: readonly Outcome[]) => void
  left: number
  isSent: boolean
}

interface Current<S> {
  readonly session: S
  /** Appends that are not answered. */
  appends: number
}

/** So much is worth an append while another one is on its way. */
const GATHERED_BYTES_MIN = 64 * 1024
/** Of one append; a greater call goes alone. */
const GATHERED_BYTES_MAX = 1024 * 1024
/** What may wait for its turn before `room` is closed. */
const QUEUED_BYTES_MAX = 2 * 1024 * 1024
/** A clock that was too far ahead is not tried again at once: each attempt leaves a message that nobody wants. */
const CLOCK_HOLD_MS = 30_000
const STOPPING = 'the node is about to stop'

export function createGathering<C, S extends Sending<C>>(options: GatheringOptions<C, S>): Gathering<C, S> {
  const { bytesOf, isStamped, waitMs } = options
  const queue: Job<C>[] = []
  let queuedBytes = 0
  let current: Current<S> | null = null
  let isOpening = false
  let isAwaitingRoom = false
  let isClosed = false
  let clockFault: { readonly reason: string; readonly untilMs: number } | null = null
  let roomWaiters: (() => void)[] = []

  async function openSession(): Promise<void> {
    if (isOpening) return
    isOpening = true
    try {
      current = { session: await options.openSession(), appends: 0 }
    } catch (error) {
      failQueued(error)
    } finally {
      isOpening = false
    }
    flush()
  }

  function failQueued(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    for (const job of takeQueued(Number.POSITIVE_INFINITY)) fillAll(job, { type: 'unsent', reason, error })
  }

  function takeQueued(bytesMax: number): Job<C>[] {
    const taken: Job<C>[] = []
    for (let bytes = 0; queue.length > 0 && bytes < bytesMax; ) {
      const job = queue.shift()!
      queuedBytes -= job.bytes
      bytes += job.bytes
      taken.push(job)
    }
    wakeRoom()
    return taken
  }

  function wakeRoom(): void {
    if (queuedBytes >= QUEUED_BYTES_MAX) return
    const woken = roomWaiters
    roomWaiters = []
    for (const wake of woken) wake()
  }

  /** Sends what waits, unless an append is on its way and little waits: then they go together when that is answered. */
  function flush(): void {
    if (queue.length === 0 || isClosed) return
    if (current === null) return void openSession()
    if (isAwaitingRoom || (current.appends > 0 && queuedBytes < GATHERED_BYTES_MIN)) return
    const chosen = current
    isAwaitingRoom = true
    void chosen.session.room().then(() => {
      isAwaitingRoom = false
      if (current === chosen) void send(chosen, takeQueued(GATHERED_BYTES_MAX))
      flush()
    })
  }

  async function send(chosen: Current<S>, taken: readonly Job<C>[]): Promise<void> {
    const jobs = options.refuse === undefined ? taken : taken.filter(isAllowed)
    if (jobs.length === 0) return
    const changes = jobs.length === 1 ? jobs[0]!.changes : jobs.flatMap((job) => job.changes)
    for (const job of jobs) job.isSent = true
    chosen.appends++
    await chosen.session.append(changes, (from, outcomes) => {
      for (const [i, outcome] of outcomes.entries()) judge(chosen, changes[from + i]!, outcome)
      settle(jobs, from, outcomes)
    })
    chosen.appends--
    flush()
  }

  function isAllowed(job: Job<C>): boolean {
    const error = options.refuse?.(job.changes) ?? null
    if (error !== null) fillAll(job, { type: 'unsent', reason: error.message, error })
    return error === null
  }

  /** A session that holds back everything is of no use any more. */
  function judge(chosen: Current<S>, change: C, outcome: Outcome): void {
    if (outcome.type === 'durable' || (outcome.type === 'refused' && isStamped(change))) return
    if (outcome.type === 'refused') {
      clockFault = { reason: outcome.reason, untilMs: performance.now() + CLOCK_HOLD_MS }
    }
    if (current !== chosen) return
    current = null
    options.onDoubt()
  }

  function settle(jobs: readonly Job<C>[], from: number, outcomes: readonly Outcome[]): void {
    let start = 0
    for (const job of jobs) {
      const end = start + job.changes.length
      for (let at = Math.max(start, from); at < Math.min(end, from + outcomes.length); at++) {
        fill(job, at - start, outcomes[at - from]!)
      }
      start = end
    }
  }

  function fill(job: Job<C>, i: number, outcome: Outcome): void {
    if (job.outcomes[i] !== undefined) return
    // Of this call nothing may have been refused: it has to be told why all the same.
    const isHeldBack = outcome.type === 'unsent' && outcome.error === null
    job.outcomes[i] = isHeldBack ? { ...outcome, error: new ClockError(outcome.reason) } : outcome
    if (--job.left > 0) return
    clearTimeout(job.timer)
    job.resolve(job.outcomes as readonly Outcome[])
  }

  function fillAll(job: Job<C>, outcome: Outcome): void {
    for (let i = 0; i < job.changes.length; i++) fill(job, i, outcome)
  }

  function giveUp(job: Job<C>): void {
    const error = lateAfter(waitMs)
    const reason = error.message
    const place = queue.indexOf(job)
    if (place >= 0) {
      queue.splice(place, 1)
      queuedBytes -= job.bytes
      wakeRoom()
    }
    fillAll(job, { type: job.isSent ? 'unknown' : 'unsent', reason, error })
  }

  /** Why nothing is taken just now, or null. */
  function obstacle(): Error | null {
    if (isClosed) return new LateError(STOPPING)
    if (clockFault === null || performance.now() >= clockFault.untilMs) return null
    return new ClockError(clockFault.reason)
  }

  return {
    session: () => current?.session ?? null,
    async append(changes) {
      if (changes.length === 0) return []
      const error = obstacle()
      if (error !== null) return changes.map(() => ({ type: 'unsent', reason: error.message, error }))
      const { promise, resolve } = Promise.withResolvers<readonly Outcome[]>()
      const job: Job<C> = {
        changes,
        bytes: changes.reduce((sum, change) => sum + bytesOf(change), 0),
        outcomes: new Array(changes.length).fill(undefined),
        timer: setTimeout(() => giveUp(job), waitMs),
        resolve,
        left: changes.length,
        isSent: false,
      }
      queue.push(job)
      queuedBytes += job.bytes
      flush()
      return promise
    },
    async room() {
      while (queuedBytes >= QUEUED_BYTES_MAX) await new Promise<void>((resolve) => roomWaiters.push(resolve))
    },
    leave() {
      current = null
    },
    close() {
      isClosed = true
      failQueued(new LateError(STOPPING))
    },
  }
}
