// What waits to be appended to one partition: records in order, cut into batches, several of which may be on their way.

import type { Appended, NewRecord } from '../log.ts'
import { type BatchIdentity, recordSizeMax } from './batch-write.ts'
import type { TopicPlace } from './topic.ts'

/** One call of `append`. */
export interface Call {
  readonly records: readonly NewRecord[]
  readonly answers: Appended[]
  left: number
  isOver: boolean
  /** When it gives up, on the monotonic clock, milliseconds. */
  readonly until: number
  readonly resolve: (answers: readonly Appended[]) => void
  readonly reject: (error: Error) => void
}

/** Some records of a call, in order: those at `indices[from]` to `indices[to - 1]`. */
interface Stretch {
  readonly call: Call
  readonly indices: readonly number[]
  readonly from: number
  readonly to: number
  /** In a batch, at most. */
  readonly bytes: number
}

/** Sent again as it is until it is acknowledged or cut anew: a broker knows it by its numbers. */
export interface Batch {
  readonly stretches: readonly Stretch[]
  readonly count: number
  readonly sequence: number
  /** Before compression, at most. */
  readonly plainBytes: number
  /** As it is sent; null until it is written. */
  bytes: Buffer | null
  isOnItsWay: boolean
}

export interface Producer {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** Makes the bytes of a batch; at once, or calls `done` with them later. */
export type WriteBytes = (
  records: readonly NewRecord[],
  identity: BatchIdentity,
  plainBytes: number,
  done: (bytes: Buffer) => void,
) => void

export interface Lane {
  readonly place: TopicPlace
  /** Queues records of a call, by their index there. */
  add(call: Call, indices: readonly number[]): void
  hasWork(): boolean
  /** The next batch to send, or null: nothing waits, or something has to be answered first. `sent` takes it. */
  next(producer: Producer): Batch | null
  sent(batch: Batch): void
  acknowledge(batch: Batch, baseOffset: bigint, appendMs: bigint): void
  /** The batch is to be sent again: with all behind it, in order, once none of them is on its way. */
  putBack(batch: Batch): void
  /** The broker does not take the batch as it is: what is in it and behind it is cut and written anew. */
  recut(batch: Batch): void
  /** The broker found the batch too large: true when smaller ones will be tried. */
  split(batch: Batch): boolean
  /** True when no batch before this one is unanswered. */
  isFirst(batch: Batch): boolean
  /** Gives up calls, wherever their records are. A batch without them is another batch: renumber. */
  fail(error: Error, which: (call: Call) => boolean): void
  /** Forgets batches and numbers, since another producer begins at 0. Nothing may be on its way. */
  renumber(): void
}

/** A broker takes batches of 1,048,588 bytes unless it is set otherwise; a larger record goes alone. */
const BATCH_BYTES_MAX = 900_000
/** As many as a broker remembers of a producer: one that is sent again is known among them. */
const UNANSWERED_MAX = 5
const SEQUENCE_END = 2 ** 31

export function createLane(partition: number, place: TopicPlace, writeBytes: WriteBytes): Lane {
  let waiting: Stretch[] = []
  let start = 0
  let waitingBytes = 0
  let bytesMax = BATCH_BYTES_MAX
  /** Of the next batch to be cut. */
  let sequence = 0
  /** Cut and not acknowledged, in order. */
  let batches: Batch[] = []
  // A broker that knows nothing of a producer takes whatever number comes first: only behind an acknowledged batch
  // does it refuse one that has overtaken another.
  let isProven = false
  let isHeld = false
  let recutFrom: Batch | null = null

  const dropOver = () => {
    for (; waiting[start]?.call.isOver; start++) waitingBytes -= waiting[start]!.bytes
    if (start < waiting.length) return
    waiting = []
    start = 0
    waitingBytes = 0
  }
  const takeBack = (from: number) => {
    const returned = batches.slice(from).flatMap(({ stretches }) => stretches)
    batches = batches.slice(0, from)
    for (const { bytes } of returned) waitingBytes += bytes
    waiting = [...returned, ...waiting.slice(start)]
    start = 0
  }
  const isFull = () => waitingBytes >= bytesMax && batches.length < UNANSWERED_MAX
  /** False when nothing waits. */
  const cut = (producer: Producer): boolean => {
    const { stretches, count, bytes: plainBytes } = take()
    if (count === 0) return false
    const batch: Batch = { stretches, count, sequence, plainBytes, bytes: null, isOnItsWay: false }
    const records = stretches.flatMap(({ call, indices, from, to }) =>
      indices.slice(from, to).map((index) => call.records[index]!),
    )
    batches.push(batch)
    sequence = (sequence + count) % SEQUENCE_END
    writeBytes(records, { ...producer, sequence: batch.sequence }, plainBytes, (bytes) => {
      batch.bytes = bytes
    })
    return true
  }
  /** Takes records from the front as long as they fit; at least one. */
  const take = () => {
    const stretches: Stretch[] = []
    let count = 0
    let bytes = 0
    for (dropOver(); start < waiting.length; dropOver()) {
      const stretch = waiting[start]!
      const part = splitStretch(stretch, count === 0 ? bytesMax : bytesMax - bytes, count === 0)
      if (part === null) break
      stretches.push(part)
      count += part.to - part.from
      bytes += part.bytes
      waitingBytes -= part.bytes
      if (part.to === stretch.to) {
        start++
        continue
      }
      waiting[start] = { ...stretch, from: part.to, bytes: stretch.bytes - part.bytes }
      break
    }
    dropOver()
    return { stretches, count, bytes }
  }
  /** Behind the last that is on its way, nothing is held any more: what was refused is cut anew. */
  const settled = (batch: Batch) => {
    batch.isOnItsWay = false
    if (!isHeld || batches.some(({ isOnItsWay }) => isOnItsWay)) return
    isHeld = false
    const from = recutFrom === null ? -1 : batches.indexOf(recutFrom)
    recutFrom = null
    if (from < 0) return
    sequence = batches[from]!.sequence
    takeBack(from)
  }
  const hold = (batch: Batch) => {
    isHeld = true
    isProven = false
    settled(batch)
  }
  const recut = (batch: Batch) => {
    const isEarlier = recutFrom === null || batches.indexOf(batch) < batches.indexOf(recutFrom)
    if (isEarlier) recutFrom = batch
    hold(batch)
  }

  return {
    place,
    add(call, indices) {
      let bytes = 0
      for (const index of indices) bytes += recordSizeMax(call.records[index]!)
      // While more comes than goes the queue never ends: what has gone must not be held until it does.
      if (start * 2 > waiting.length) {
        waiting = waiting.slice(start)
        start = 0
      }
      waiting.push({ call, indices, from: 0, to: indices.length, bytes })
      waitingBytes += bytes
    },
    hasWork() {
      dropOver()
      return batches.length > 0 || start < waiting.length
    },
    next(producer) {
      if (isHeld) return null
      // While something is on its way the next batch grows; small ones go when nothing is.
      let isCut = batches.length === 0 || isFull()
      while (isCut) isCut = cut(producer) && isFull()
      const next = batches.find(({ isOnItsWay }) => !isOnItsWay)
      if (next === undefined || next.bytes === null) return null
      return isProven || batches[0] === next ? next : null
    },
    sent(batch) {
      batch.isOnItsWay = true
    },
    acknowledge(batch, baseOffset, appendMs) {
      batches = batches.filter((one) => one !== batch)
      isProven = !isHeld && batches.length > 0
      let offset = baseOffset
      for (const { call, indices, from, to } of batch.stretches) {
        for (let i = from; i < to; i++) call.answers[indices[i]!] = { partition, offset: offset++, appendMs }
        call.left -= to - from
        if (call.left > 0 || call.isOver) continue
        call.isOver = true
        call.resolve(call.answers)
      }
      settled(batch)
    },
    putBack: hold,
    recut,
    split(batch) {
      if (batch.count === 1) return false
      bytesMax = Math.floor(Math.min(bytesMax, batch.plainBytes) / 2)
      recut(batch)
      return true
    },
    isFirst: (batch) => batches[0] === batch,
    fail(error, which) {
      const stretches = [...batches.flatMap((batch) => batch.stretches), ...waiting.slice(start)]
      for (const { call } of stretches) {
        if (call.isOver || !which(call)) continue
        call.isOver = true
        call.reject(error)
      }
    },
    renumber() {
      takeBack(0)
      sequence = 0
      isProven = false
      isHeld = false
      recutFrom = null
    },
  }
}

/** The first records of a stretch that fit into so many bytes; null when none does, unless one must be taken. */
function splitStretch(stretch: Stretch, bytesMax: number, mustTake: boolean): Stretch | null {
  if (stretch.bytes <= bytesMax) return stretch
  const { call, indices, from } = stretch
  let to = from
  let bytes = 0
  for (; to < stretch.to; to++) {
    const size = recordSizeMax(call.records[indices[to]!]!)
    if (bytes + size > bytesMax && !(mustTake && to === from)) break
    bytes += size
  }
  return to === from ? null : { ...stretch, to, bytes }
}
