// Appending in batches with several in flight: room is waited for, every answer is looked at, and who has failed sends nothing more.

import type { Stamp } from '../crdt/stamp.ts'
import type { Appended, Log, NewRecord } from '../log/log.ts'
import type { MessageLimits } from './messages.ts'
import { createRoom } from './room.ts'

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

/** What changes of a kind are sent through. */
export interface Sender<C> {
  /** Appends changes and answers in their order. Whatever is not `durable` must be told to whoever wrote it. */
  append(changes: readonly C[]): Promise<readonly Outcome[]>
  /** Resolves when an append would not have to wait. */
  room(): Promise<void>
}

export interface Sending<C> extends Sender<C> {
  /**
   * Calls may overlap; each waits for room before its batches are made. `onOutcomes` hears of each batch when it is
   * answered. Once the log has given up, nothing more is sent.
   */
  append(changes: readonly C[], onOutcomes?: OnOutcomes): Promise<readonly Outcome[]>
}

/** Changes as records of one append. */
export interface Batch {
  readonly records: readonly NewRecord[]
  /** Of keys, values and signatures. */
  readonly bytes: number
}

/** How changes of a kind become records, and what the log's answers say of them. */
export interface Making<C, B extends Batch> {
  /** Of the changes from `at` on as many as the limits allow; at least one. */
  make(changes: readonly C[], at: number, limits: MessageLimits): B
  judge(batch: B, answers: readonly Appended[]): readonly Outcome[]
  /** Why the answers so far forbid to send more; null while they do not. */
  fault(): string | null
}

export interface SendingOptions<C, B extends Batch> {
  readonly log: Log
  readonly making: Making<C, B>
  /** The first message goes alone: its answer shows how this machine's clock stands to the log's before more follow. */
  readonly isFirstAlone: boolean
  /** Bytes of keys, values and signatures in one append; a greater message goes alone. */
  readonly batchBytesMax?: number
  readonly batchRecordsMax?: number
  /** Bytes that may wait for their acknowledgement; the last batch may come on top. */
  readonly inFlightBytesMax?: number
}

/** The sizes that keep a broker busy without exceeding its limit of 1 MB a request. */
const BATCH_BYTES_MAX = 512 * 1024
const BATCH_RECORDS_MAX = 5_000
const IN_FLIGHT_BYTES_MAX = 4 * 1024 * 1024

export function createSending<C, B extends Batch>(options: SendingOptions<C, B>): Sending<C> {
  const { log, making } = options
  const inFlightBytesMax = options.inFlightBytesMax ?? IN_FLIGHT_BYTES_MAX
  let hasAnswer = !options.isFirstAlone
  const room = createRoom(() => (hasAnswer ? inFlightBytesMax : 0))
  let failure: { readonly error: unknown } | null = null
  let admission: Promise<void> = Promise.resolve()

  async function send(batch: B): Promise<readonly Outcome[]> {
    room.take(batch.bytes)
    try {
      const answers = await log.append(batch.records)
      hasAnswer = true
      return making.judge(batch, answers)
    } catch (error) {
      failure ??= { error }
      const unknown: Outcome = { type: 'unknown', reason: reasonOf(error), error }
      return batch.records.map(() => unknown)
    } finally {
      room.give(batch.bytes)
    }
  }

  /** Why nothing more is sent; null while something may be. */
  function heldBack(): Outcome | null {
    if (failure !== null) return { type: 'unsent', reason: reasonOf(failure.error), error: failure.error }
    const fault = making.fault()
    return fault === null ? null : { type: 'unsent', reason: fault, error: null }
  }

  async function admit(
    changes: readonly C[],
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
      const batch = making.make(changes, at, {
        bytesMax: options.batchBytesMax ?? BATCH_BYTES_MAX,
        recordsMax: hasAnswer ? (options.batchRecordsMax ?? BATCH_RECORDS_MAX) : 1,
      })
      settle(at, send(batch))
      at += batch.records.length
    }
  }

  return {
    room: room.wait,
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
