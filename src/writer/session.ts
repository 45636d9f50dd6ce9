// A writer's session: stamps changes, appends them in batches with several in flight, and looks at every answer.

import type { TypedChange } from '../codec/line.ts'
import { hashOrigin } from '../codec/origin.ts'
import { createClock, isTooFarAhead, observeAppendTime, observeStampTime, tick } from '../crdt/clock.ts'
import type { Mutation } from '../crdt/mutation.ts'
import { createStamp, type Origin, type Stamp, stampToIso, stampToTime } from '../crdt/stamp.ts'
import type { Appended, Log, NewRecord } from '../log/log.ts'

export interface SessionOptions {
  readonly log: Log
  /** The log's own limit, from its genesis. */
  readonly maxClockAheadMs: bigint
  /** The framed bytes of a mutation (see `framing.ts`). */
  readonly encode: (mutation: Mutation) => Buffer
  /** Random, new for every session. */
  readonly origin: Origin
  /** This machine's clock, nanoseconds since 1970. */
  readonly nowNs: () => bigint
  /** The newest stamp and append time (ms) that a node has seen: what is written from here on wins over it. */
  readonly newest?: { readonly stamp: Stamp | null; readonly appendMs: bigint | null }
  /** Bytes of values in one append; a greater value goes alone. */
  readonly batchBytesMax?: number
  readonly batchRecordsMax?: number
  /** Bytes that may wait for their acknowledgement. */
  readonly inFlightBytesMax?: number
}

/** What became of one change. Refused ones are in the log too, where every node quarantines them. */
export type Outcome =
  | { readonly type: 'durable'; readonly stamp: Stamp; readonly appended: Appended }
  | { readonly type: 'refused'; readonly stamp: Stamp; readonly appended: Appended; readonly reason: string }

export interface Session {
  readonly origin: Origin
  /**
   * Appends changes and answers in their order once all are durable. A `refused` one must be told to whoever wrote it.
   * Calls may overlap; each waits for room before it stamps. Throws what the log throws when it gives up, then or
   * earlier: any part of these changes may be in the log.
   */
  append(changes: readonly TypedChange[]): Promise<readonly Outcome[]>
  /** Resolves when an append would not have to wait. */
  room(): Promise<void>
}

interface Stamped {
  readonly mutation: Mutation
  readonly record: NewRecord
}

/** The sizes that were measured to keep a broker busy without exceeding its limit of 1 MB a request. */
const BATCH_BYTES_MAX = 512 * 1024
const BATCH_RECORDS_MAX = 5_000
const IN_FLIGHT_BYTES_MAX = 4 * 1024 * 1024

export function createSession(options: SessionOptions): Session {
  const { log, origin, nowNs, maxClockAheadMs } = options
  const inFlightBytesMax = options.inFlightBytesMax ?? IN_FLIGHT_BYTES_MAX
  let clock = createClock(origin, maxClockAheadMs)
  if (options.newest?.appendMs) clock = observeAppendTime(clock, options.newest.appendMs)
  if (options.newest?.stamp) clock = observeStampTime(clock, stampToTime(options.newest.stamp), nowNs())
  let seq = 0n
  let inFlightBytes = 0
  let hasAnswer = false
  let broken: unknown = null
  let admission: Promise<void> = Promise.resolve()
  let waiting: (() => void)[] = []

  function stampChange(change: TypedChange): Mutation {
    const { timeNs, operation, dataset, key, columns } = change
    if (timeNs !== null) {
      return {
        stamp: createStamp(timeNs, hashOrigin(change, timeNs)),
        seq: null,
        operation,
        dataset,
        key,
        columns,
      }
    }
    const ticked = tick(clock, nowNs())
    clock = ticked.clock
    return { stamp: ticked.stamp, seq: seq++, operation, dataset, key, columns }
  }

  function encodeChange(change: TypedChange): Stamped {
    const mutation = stampChange(change)
    const key = Buffer.from(JSON.stringify([mutation.dataset, ...mutation.key]))
    return { mutation, record: { partition: null, key, value: options.encode(mutation) } }
  }

  /** Takes changes from the cursor until the batch is full; at least one. */
  function fillBatch(
    changes: readonly TypedChange[],
    cursor: { at: number },
  ): { batch: Stamped[]; bytes: number } {
    const bytesMax = options.batchBytesMax ?? BATCH_BYTES_MAX
    // The first one goes alone: its answer shows how this machine's clock stands to the log's before more follow.
    const recordsMax = hasAnswer ? (options.batchRecordsMax ?? BATCH_RECORDS_MAX) : 1
    const batch: Stamped[] = []
    let bytes = 0
    while (cursor.at < changes.length && batch.length < recordsMax && bytes < bytesMax) {
      const stamped = encodeChange(changes[cursor.at]!)
      batch.push(stamped)
      bytes += stamped.record.value.length + stamped.record.key!.length
      cursor.at++
    }
    return { batch, bytes }
  }

  async function room(): Promise<void> {
    while (broken === null && inFlightBytes > 0 && (inFlightBytes >= inFlightBytesMax || !hasAnswer)) {
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }

  async function send(batch: readonly Stamped[], bytes: number): Promise<readonly Outcome[]> {
    inFlightBytes += bytes
    try {
      const answers = await log.append(batch.map((stamped) => stamped.record))
      hasAnswer = true
      return batch.map((stamped, i) => judgeAnswer(stamped.mutation.stamp, answers[i]!))
    } catch (error) {
      broken ??= error
      throw error
    } finally {
      inFlightBytes -= bytes
      const woken = waiting
      waiting = []
      for (const wake of woken) wake()
    }
  }

  function judgeAnswer(stamp: Stamp, appended: Appended): Outcome {
    clock = observeAppendTime(clock, appended.appendMs)
    if (!isTooFarAhead(stampToTime(stamp), appended.appendMs, maxClockAheadMs)) {
      return { type: 'durable', stamp, appended }
    }
    const reason = explainClockAhead(stamp, appended.appendMs, maxClockAheadMs)
    return { type: 'refused', stamp, appended, reason }
  }

  async function admit(changes: readonly TypedChange[], sent: Promise<readonly Outcome[]>[]): Promise<void> {
    const cursor = { at: 0 }
    while (cursor.at < changes.length) {
      await room()
      if (broken !== null) throw broken
      const { batch, bytes } = fillBatch(changes, cursor)
      const answer = send(batch, bytes)
      // Looked at below, in order; until then a failure must not count as unhandled.
      answer.catch(() => {})
      sent.push(answer)
    }
  }

  return {
    origin,
    room,
    async append(changes) {
      const sent: Promise<readonly Outcome[]>[] = []
      // One after the other, so that two calls never fill the same room.
      const admitted = admission.then(() => admit(changes, sent))
      admission = admitted.catch(() => {})
      await admitted
      return (await Promise.all(sent)).flat()
    },
  }
}

/** Why nodes quarantine a stamp that was appended at this time (ms), in words. */
export function explainClockAhead(stamp: Stamp, appendMs: bigint, maxClockAheadMs: bigint): string {
  const aheadMs = stampToTime(stamp) / 1_000_000n - appendMs
  return (
    `its timestamp ${stampToIso(stamp)} is ${aheadMs} ms ahead of the log's clock, which allows ${maxClockAheadMs} ms: ` +
    'every node quarantines it'
  )
}
