// What waits to be appended, by partition: one batch at a time on its way, the next one written meanwhile.

import type { Appended, NewRecord } from '../log.ts'
import { type BatchIdentity, recordSizeMax, writeBatch } from './batch-write.ts'
import type { TopicPlace } from './topic.ts'

/** One call of `append`. */
export interface Call {
  readonly answers: Appended[]
  left: number
  isOver: boolean
  /** When it gives up, on the monotonic clock, milliseconds. */
  readonly until: number
  readonly resolve: (answers: readonly Appended[]) => void
  readonly reject: (error: Error) => void
}

interface Entry {
  readonly call: Call
  readonly index: number
  readonly record: NewRecord
}

export interface Batch {
  readonly entries: readonly Entry[]
  readonly sequence: number
  /** As a producer sends it, again and again, until it is acknowledged. */
  readonly bytes: Buffer
}

export interface Producer {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** The records of one partition, in order. A record is sent in a batch, and a batch again as it is. */
export interface Lane {
  readonly place: TopicPlace
  add(entry: Entry): void
  hasWork(): boolean
  /** The batch to send now: the same one until it is acknowledged or put back. Null when nothing waits. */
  head(producer: Producer): Batch | null
  /** Writes the batch behind the head, while that is on its way. */
  prepare(producer: Producer): void
  acknowledge(baseOffset: bigint, appendMs: bigint): void
  /** The broker found the head too large: true when smaller ones will be tried. */
  split(): boolean
  /** The calls of which a record is in the head. */
  headCalls(): ReadonlySet<Call>
  /** Gives up calls, wherever their records are. A head without them is another batch: renumber. */
  fail(error: Error, which: (call: Call) => boolean): void
  /** Forgets batches and numbers, since another producer begins at 0. */
  renumber(): void
}

/** A broker takes batches of 1,048,588 bytes unless it is set otherwise; a larger record goes alone. */
const BATCH_BYTES_MAX = 900_000
const SEQUENCE_END = 2 ** 31

export function createLane(partition: number, place: TopicPlace): Lane {
  let waiting: Entry[] = []
  let start = 0
  let bytesMax = BATCH_BYTES_MAX
  let sequence = 0
  let first: Batch | null = null
  let second: Batch | null = null

  /** Takes entries from the front as long as they fit. */
  const take = (): Entry[] => {
    const taken: Entry[] = []
    for (let size = 0; start < waiting.length; start++) {
      const entry = waiting[start]!
      if (entry.call.isOver) continue
      size += recordSizeMax(entry.record)
      if (taken.length > 0 && size > bytesMax) break
      taken.push(entry)
    }
    if (start === waiting.length) {
      waiting = []
      start = 0
    }
    return taken
  }
  const form = (producer: Producer, at: number): Batch | null => {
    const entries = take()
    if (entries.length === 0) return null
    const identity: BatchIdentity = { ...producer, sequence: at }
    const records = entries.map(({ record }) => record)
    return { entries, sequence: at, bytes: writeBatch(records, identity, BigInt(Date.now())) }
  }
  const putBack = () => {
    const batches = [...(first?.entries ?? []), ...(second?.entries ?? [])]
    waiting = [...batches, ...waiting.slice(start)]
    start = 0
    first = null
    second = null
  }

  return {
    place,
    add: (entry) => waiting.push(entry),
    hasWork() {
      while (waiting[start]?.call.isOver) start++
      return first !== null || second !== null || start < waiting.length
    },
    head(producer) {
      first ??= second ?? form(producer, sequence)
      if (first === second) second = null
      return first
    },
    prepare(producer) {
      if (first === null || second !== null) return
      second = form(producer, (first.sequence + first.entries.length) % SEQUENCE_END)
    },
    acknowledge(baseOffset, appendMs) {
      const { entries } = first!
      first = null
      sequence = (sequence + entries.length) % SEQUENCE_END
      for (const [position, { call, index }] of entries.entries()) {
        call.answers[index] = { partition, offset: baseOffset + BigInt(position), appendMs }
        if (--call.left > 0 || call.isOver) continue
        call.isOver = true
        call.resolve(call.answers)
      }
    },
    split() {
      const count = first!.entries.length
      if (count === 1) return false
      bytesMax = Math.floor(Math.min(bytesMax, first!.bytes.length) / 2)
      putBack()
      return true
    },
    headCalls: () => new Set(first?.entries.map(({ call }) => call)),
    fail(error, which) {
      for (const { call } of [
        ...(first?.entries ?? []),
        ...(second?.entries ?? []),
        ...waiting.slice(start),
      ]) {
        if (call.isOver || !which(call)) continue
        call.isOver = true
        call.reject(error)
      }
    },
    renumber() {
      putBack()
      sequence = 0
    },
  }
}
