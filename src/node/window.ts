// A window: the messages of some chunks judged under one catalogue and folded, until they are written as one batch. Pure.

import type { Catalogue } from '../codec/catalogue.ts'
import type { LogRecord } from '../codec/record.ts'
import { catalogueToShapes } from '../codec/shapes.ts'
import type { Judge, Verdict } from '../codec/verdict.ts'
import type { Mutation } from '../crdt/mutation.ts'
import { createPackedFold } from '../crdt/packed/fold.ts'
import type { HashSeed } from '../crdt/packed/siphash.ts'
import { maxStamp, type Stamp, stampToOrigin } from '../crdt/stamp.ts'
import { recordHash } from '../log/hash.ts'
import type { LogEvent } from '../log/log.ts'
import type {
  Batch,
  LastRecord,
  LogIdentity,
  OriginStep,
  ParkedMessage,
  PartitionStep,
  SetAside,
} from '../store/store.ts'

export type Chunk = Extract<LogEvent, { type: 'chunk' }>

// What a folded row costs in memory beside its values: measured at about 0.4 kB with two cells.
const ROW_BYTES = 400

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface Window {
  readonly catalogue: Catalogue
  /** Judges and folds a chunk's records. Chunks of one partition must follow one another: ask `end` first. */
  add(chunk: Chunk): void
  /** Where the next chunk of a partition must begin; null when it may begin anywhere. */
  end(partition: number): bigint | null
  isEmpty(): boolean
  /** An estimate of the memory that the fold holds. */
  bytes(): number
  toBatch(identity: LogIdentity): Batch
}

export function createWindow(catalogue: Catalogue, judge: Judge, seed: HashSeed): Window {
  const rows = createPackedFold(seed)
  const shapes = catalogueToShapes(catalogue)
  const steps = new Map<number, Mutable<PartitionStep>>()
  const origins = new Map<string, Mutable<OriginStep>[]>()
  const parked: ParkedMessage[] = []
  const quarantined: SetAside[] = []
  let bytes = 0

  const count = (step: Mutable<PartitionStep>, record: LogRecord, verdict: Verdict): void => {
    const size = record.value?.length ?? 0
    if (verdict.type === 'control') {
      step.controls++
      return
    }
    step.consumed++
    if (verdict.type === 'quarantined') {
      step.quarantined++
      quarantined.push(setAside(record, verdict))
      bytes += ROW_BYTES
      return
    }
    step.newestStamp = maxStamp(step.newestStamp, verdict.mutation.stamp)
    countOrigin(origins, verdict.mutation, step.partition)
    if (verdict.type === 'parked') {
      step.parked++
      parked.push(parkedMessage(record, verdict))
      bytes += ROW_BYTES
      return
    }
    step.merged++
    // A message that meets a row of the window replaces more than it adds.
    bytes += rows.add(shapes.get(verdict.mutation.dataset)!, verdict.mutation) ? ROW_BYTES + size : size >> 2
  }

  return {
    catalogue,
    add(chunk) {
      const step = stepOf(steps, chunk)
      const { records } = chunk
      for (const record of records) count(step, record, judge(record, catalogue))
      const last = records.at(-1)
      if (last !== undefined) {
        step.last = { partition: last.partition, offset: last.offset, hash: recordHash(last) }
        step.newestAppendMs = greatestAppendMs(step.newestAppendMs, records)
      }
      step.next = chunk.next
    },
    end: (partition) => steps.get(partition)?.next ?? null,
    isEmpty: () => steps.size === 0,
    bytes: () => bytes,
    toBatch: (identity) => ({
      identity,
      catalogueOffset: catalogue.offset,
      rows,
      steps: [...steps.values()].sort((a, b) => a.partition - b.partition),
      parked,
      quarantined,
      origins: [...origins.values()].flat(),
    }),
  }
}

/** A message that was parked, as the store keeps it. */
export function parkedMessage(
  record: LogRecord,
  verdict: Extract<Verdict, { type: 'parked' }>,
): ParkedMessage {
  return { ...setAside(record, verdict), waitsFor: verdict.waitsFor }
}

function setAside(
  record: LogRecord,
  verdict: Extract<Verdict, { type: 'parked' | 'quarantined' }>,
): SetAside {
  return {
    partition: record.partition,
    offset: record.offset,
    dataset: verdict.dataset,
    reason: verdict.reason,
    detail: verdict.detail,
    size: record.value?.length ?? 0,
    appendMs: record.appendMs,
  }
}

/** The last of some records, as the checks remember it; null when there are none. */
export function lastRecordOf(records: readonly LogRecord[]): LastRecord | null {
  const last = records.at(-1)
  return last === undefined
    ? null
    : { partition: last.partition, offset: last.offset, hash: recordHash(last) }
}

function stepOf(steps: Map<number, Mutable<PartitionStep>>, chunk: Chunk): Mutable<PartitionStep> {
  const step = steps.get(chunk.partition)
  if (step === undefined) {
    const first = {
      partition: chunk.partition,
      from: chunk.from,
      next: chunk.from,
      last: null,
      consumed: 0,
      merged: 0,
      parked: 0,
      quarantined: 0,
      controls: 0,
      newestStamp: null as Stamp | null,
      newestAppendMs: null,
    }
    steps.set(chunk.partition, first)
    return first
  }
  if (step.next !== chunk.from) {
    throw new Error(
      `partition ${chunk.partition}: a chunk begins at ${chunk.from}, the one before ended at ${step.next}`,
    )
  }
  return step
}

function countOrigin(
  origins: Map<string, Mutable<OriginStep>[]>,
  mutation: Mutation,
  partition: number,
): void {
  if (mutation.seq === null) return
  const origin = stampToOrigin(mutation.stamp)
  const stepsOfOrigin = origins.get(origin) ?? []
  let step = stepsOfOrigin.find((one) => one.partition === partition)
  if (step === undefined) {
    step = { origin, partition, highestSeq: mutation.seq, count: 0 }
    origins.set(origin, [...stepsOfOrigin, step])
  }
  step.count++
  if (mutation.seq > step.highestSeq) step.highestSeq = mutation.seq
}

function greatestAppendMs(held: bigint | null, records: readonly LogRecord[]): bigint | null {
  let greatest = held
  for (const { appendMs, stampedByLog } of records) {
    if (stampedByLog && (greatest === null || appendMs > greatest)) greatest = appendMs
  }
  return greatest
}
