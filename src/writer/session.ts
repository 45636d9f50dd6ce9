// A writer's session: stamps changes, appends them in batches with several in flight, and looks at every answer.

import type { TypedChange } from '../codec/line.ts'
import type { Origin, Stamp } from '../crdt/stamp.ts'
import type { Appended, Log } from '../log/log.ts'
import type { Encoder } from './framing.ts'
import { createMessageMaker, type Messages } from './messages.ts'
import { createRoom } from './room.ts'
import { createStamper, type StamperOptions } from './stamper.ts'
import type { Newest } from './start.ts'

/** `origin` is random, and new for every session. */
export interface SessionOptions extends StamperOptions {
  readonly log: Log
  /** How mutations are framed. */
  readonly encode: Encoder
  /** Bytes of keys and values in one append; a greater message goes alone. */
  readonly batchBytesMax?: number
  readonly batchRecordsMax?: number
  /** Bytes that may wait for their acknowledgement; the last batch may come on top. */
  readonly inFlightBytesMax?: number
}

/**
 * What became of one change. `refused`: it is in the log, where every node quarantines it. `unsent`: it was held back,
 * because an earlier answer showed that this machine's clock is too far ahead (`error` is null), or because the log has
 * given up on an earlier one. `unknown`: the log has given up on it, and it may be in the log.
 */
export type Outcome =
  | { readonly type: 'durable'; readonly stamp: Stamp; readonly appended: Appended }
  | { readonly type: 'refused'; readonly stamp: Stamp; readonly appended: Appended; readonly reason: string }
  | { readonly type: 'unsent'; readonly reason: string; readonly error: unknown }
  | { readonly type: 'unknown'; readonly reason: string; readonly error: unknown }

/** Hears what became of the changes from `from` on. */
export type OnOutcomes = (from: number, outcomes: readonly Outcome[]) => void

/** What changes are sent through. */
export interface Sender {
  /** Appends changes and answers in their order. Whatever is not `durable` must be told to whoever wrote it. */
  append(changes: readonly TypedChange[]): Promise<readonly Outcome[]>
  /** Resolves when an append would not have to wait. */
  room(): Promise<void>
}

export interface Session extends Sender {
  readonly origin: Origin
  /**
   * Calls may overlap; each waits for room before it stamps. `onOutcomes` hears of each batch when it is answered. Once
   * the log has given up, nothing more is sent.
   */
  append(changes: readonly TypedChange[], onOutcomes?: OnOutcomes): Promise<readonly Outcome[]>
  /** Takes note of what a node has seen: what is written from here on wins over it. */
  follow(newest: Newest): void
}

/** The sizes that keep a broker busy without exceeding its limit of 1 MB a request. */
const BATCH_BYTES_MAX = 512 * 1024
const BATCH_RECORDS_MAX = 5_000
const IN_FLIGHT_BYTES_MAX = 4 * 1024 * 1024

export function createSession(options: SessionOptions): Session {
  const { log, origin } = options
  const stamper = createStamper(options)
  const makeMessages = createMessageMaker(stamper, options.encode)
  const inFlightBytesMax = options.inFlightBytesMax ?? IN_FLIGHT_BYTES_MAX
  // The first message goes alone: its answer shows how this machine's clock stands to the log's before more follow.
  let hasAnswer = false
  const room = createRoom(() => (hasAnswer ? inFlightBytesMax : 0))
  let failure: { readonly error: unknown } | null = null
  let clockFault: string | null = null
  let admission: Promise<void> = Promise.resolve()

  /** The changes from `at` that fit into one batch, stamped; at least one. */
  function fillBatch(changes: readonly TypedChange[], at: number): Messages {
    return makeMessages(changes, at, {
      bytesMax: options.batchBytesMax ?? BATCH_BYTES_MAX,
      recordsMax: hasAnswer ? (options.batchRecordsMax ?? BATCH_RECORDS_MAX) : 1,
    })
  }

  function judge({ changes, stamps, newestNs }: Messages, answers: readonly Appended[]): readonly Outcome[] {
    // Thousands of records share an append time, and what clears the newest stamp clears all.
    let judgedMs: bigint | null = null
    let isClear = false
    return answers.map((appended, i) => {
      const { appendMs } = appended
      if (appendMs !== judgedMs) isClear = stamper.observe(newestNs, appendMs)
      judgedMs = appendMs
      const stamp = stamps[i]!
      const reason = isClear ? null : stamper.judge(stamp, appendMs)
      if (reason === null) return { type: 'durable', stamp, appended }
      if (changes[i]!.timeNs === null) clockFault = reason
      return { type: 'refused', stamp, appended, reason }
    })
  }

  async function send(batch: Messages): Promise<readonly Outcome[]> {
    room.take(batch.bytes)
    try {
      const answers = await log.append(batch.records)
      hasAnswer = true
      return judge(batch, answers)
    } catch (error) {
      failure ??= { error }
      const unknown: Outcome = { type: 'unknown', reason: reasonOf(error), error }
      return batch.changes.map(() => unknown)
    } finally {
      room.give(batch.bytes)
    }
  }

  /** Why nothing more is sent; null while something may be. */
  function heldBack(): Outcome | null {
    if (failure !== null) return { type: 'unsent', reason: reasonOf(failure.error), error: failure.error }
    return clockFault === null ? null : { type: 'unsent', reason: clockFault, error: null }
  }

  async function admit(
    changes: readonly TypedChange[],
    sent: Promise<readonly Outcome[]>[],
    onOutcomes: OnOutcomes,
  ): Promise<void> {
    const settle = (from: number, outcomes: Promise<readonly Outcome[]>): void => {
      sent.push(
        outcomes.then((found) => {
          onOutcomes(from, found)
          return found
        }),
      )
    }
    for (let at = 0; at < changes.length; ) {
      await room.wait()
      const held = heldBack()
      if (held !== null) return settle(at, Promise.resolve(changes.slice(at).map(() => held)))
      const batch = fillBatch(changes, at)
      settle(at, send(batch))
      at += batch.records.length
    }
  }

  return {
    origin,
    room: room.wait,
    follow: stamper.follow,
    async append(changes, onOutcomes = () => {}) {
      const sent: Promise<readonly Outcome[]>[] = []
      // One after the other, so that two calls never fill the same room.
      const admitted = admission.then(() => admit(changes, sent, onOutcomes))
      admission = admitted.catch(() => {})
      await admitted
      return (await Promise.all(sent)).flat()
    },
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
