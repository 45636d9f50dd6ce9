// A writer's session: stamps changes, appends them in batches with several in flight, and looks at every answer.

import type { TypedChange } from '../codec/line.ts'
import type { Mutation } from '../crdt/mutation.ts'
import type { Origin, Stamp } from '../crdt/stamp.ts'
import type { Appended, Log, NewRecord } from '../log/log.ts'
import { createRoom } from './room.ts'
import { createStamper, type StamperOptions } from './stamper.ts'

/** `origin` is random, and new for every session. */
export interface SessionOptions extends StamperOptions {
  readonly log: Log
  /** The framed bytes of a mutation (see `framing.ts`). */
  readonly encode: (mutation: Mutation) => Buffer
  /** Bytes of keys and values in one append; a greater message goes alone. */
  readonly batchBytesMax?: number
  readonly batchRecordsMax?: number
  /** Bytes that may wait for their acknowledgement; the last batch may come on top. */
  readonly inFlightBytesMax?: number
}

/**
 * What became of one change. `refused`: it is in the log, where every node quarantines it. `unsent`: it was held back,
 * because an earlier answer showed that this machine's clock is too far ahead.
 */
export type Outcome =
  | { readonly type: 'durable'; readonly stamp: Stamp; readonly appended: Appended }
  | { readonly type: 'refused'; readonly stamp: Stamp; readonly appended: Appended; readonly reason: string }
  | { readonly type: 'unsent'; readonly reason: string }

export interface Session {
  readonly origin: Origin
  /**
   * Appends changes and answers in their order once all are durable. Whatever is not `durable` must be told to whoever
   * wrote it. Calls may overlap; each waits for room before it stamps. Throws what the log throws when it gives up,
   * then or at an earlier call: any part of these changes may be in the log.
   */
  append(changes: readonly TypedChange[]): Promise<readonly Outcome[]>
  /** Resolves when an append would not have to wait. */
  room(): Promise<void>
}

/** The sizes that keep a broker busy without exceeding its limit of 1 MB a request. */
const BATCH_BYTES_MAX = 512 * 1024
const BATCH_RECORDS_MAX = 5_000
const IN_FLIGHT_BYTES_MAX = 4 * 1024 * 1024

interface Batch {
  readonly changes: readonly TypedChange[]
  readonly stamps: readonly Stamp[]
  readonly records: readonly NewRecord[]
  readonly bytes: number
}

export function createSession(options: SessionOptions): Session {
  const { log, origin } = options
  const stamper = createStamper(options)
  const inFlightBytesMax = options.inFlightBytesMax ?? IN_FLIGHT_BYTES_MAX
  // The first message goes alone: its answer shows how this machine's clock stands to the log's before more follow.
  let hasAnswer = false
  const room = createRoom(() => (hasAnswer ? inFlightBytesMax : 0))
  let failure: { readonly error: unknown } | null = null
  let clockFault: string | null = null
  let admission: Promise<void> = Promise.resolve()

  /** The changes from `at` that fit into one batch, stamped; at least one. */
  function fillBatch(changes: readonly TypedChange[], at: number): Batch {
    const bytesMax = options.batchBytesMax ?? BATCH_BYTES_MAX
    const recordsMax = hasAnswer ? (options.batchRecordsMax ?? BATCH_RECORDS_MAX) : 1
    const stamps: Stamp[] = []
    const records: NewRecord[] = []
    let bytes = 0
    while (at + records.length < changes.length && records.length < recordsMax && bytes < bytesMax) {
      const mutation = stamper.stamp(changes[at + records.length]!)
      const key = Buffer.from(JSON.stringify([mutation.dataset, ...mutation.key]))
      const value = options.encode(mutation)
      stamps.push(mutation.stamp)
      records.push({ partition: null, key, value })
      bytes += key.length + value.length
    }
    return { changes: changes.slice(at, at + records.length), stamps, records, bytes }
  }

  function judge({ changes, stamps }: Batch, answers: readonly Appended[]): readonly Outcome[] {
    return answers.map((appended, i) => {
      const stamp = stamps[i]!
      const reason = stamper.judge(stamp, appended.appendMs)
      if (reason === null) return { type: 'durable', stamp, appended }
      if (changes[i]!.timeNs === null) clockFault = reason
      return { type: 'refused', stamp, appended, reason }
    })
  }

  async function send(batch: Batch): Promise<readonly Outcome[]> {
    room.take(batch.bytes)
    try {
      const answers = await log.append(batch.records)
      hasAnswer = true
      return judge(batch, answers)
    } catch (error) {
      failure ??= { error }
      throw error
    } finally {
      room.give(batch.bytes)
    }
  }

  async function admit(changes: readonly TypedChange[], sent: Promise<readonly Outcome[]>[]): Promise<void> {
    for (let at = 0; at < changes.length; ) {
      await room.wait()
      if (failure !== null) throw failure.error
      if (clockFault !== null) {
        const held: Outcome = { type: 'unsent', reason: clockFault }
        sent.push(Promise.resolve(changes.slice(at).map(() => held)))
        return
      }
      const batch = fillBatch(changes, at)
      const answer = send(batch)
      // Looked at in order once all are sent; until then a failure must not count as unhandled.
      answer.catch(() => {})
      sent.push(answer)
      at += batch.records.length
    }
  }

  return {
    origin,
    room: room.wait,
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
