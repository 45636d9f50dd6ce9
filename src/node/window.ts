// A window: the messages of some chunks judged under one catalogue and folded, until they are written as one batch. Pure.

import type { Catalogue } from '../codec/catalogue.ts'
import type { DirectReader } from '../codec/direct.ts'
import type { Right } from '../codec/policy/rights.ts'
import type { Standing } from '../codec/policy/standing.ts'
import type { LogRecord, RecordCursor } from '../codec/record.ts'
import type { Judge, Verdict } from '../codec/verdict.ts'
import type { Mutation } from '../crdt/mutation.ts'
import type { PackedFold } from '../crdt/packed/fold.ts'
import { maxStamp, type Stamp, stampWord, wordsToStamp } from '../crdt/stamp.ts'
import { recordHash } from '../log/hash.ts'
import type { LogEvent } from '../log/log.ts'
import type { Proofs } from '../proofs/proofs.ts'
import type {
  Batch,
  LastRecord,
  LogIdentity,
  ParkedMessage,
  PartitionStep,
  SetAside,
} from '../store/store.ts'
import { createAuthors } from './authors.ts'
import { createGate, type Freedom } from './gate.ts'
import { createOriginCounts, type OriginCounts } from './origins.ts'

/** `proofs` are there in a guarded log, as far as anything of the chunk is signed. */
export type Chunk = Extract<LogEvent, { type: 'chunk' }> & { readonly proofs?: Proofs | null }

// What a set-aside message, or an origin, costs in memory.
const ASIDE_BYTES = 400

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface Window {
  readonly catalogue: Catalogue
  readonly rows: PackedFold
  /**
   * Judges and folds a chunk's records; `standing` is what holds where it begins, the answer what holds where it ends.
   * Chunks of one partition must follow one another: ask `end` first.
   */
  add(chunk: Chunk, standing: Standing): Standing
  /** Where the next chunk of a partition must begin; null when it may begin anywhere. */
  end(partition: number): bigint | null
  isEmpty(): boolean
  /** An estimate of the memory that the window holds. */
  bytes(): number
  toBatch(identity: LogIdentity): Batch
}

export interface WindowOptions {
  readonly catalogue: Catalogue
  readonly judge: Judge
  /** Of the same catalogue. */
  readonly direct: DirectReader
  /** Empty; the window's alone until its batch is written. */
  readonly rows: PackedFold
}

export function createWindow({ catalogue, judge, direct, rows }: WindowOptions): Window {
  const steps = new Map<number, Mutable<PartitionStep>>()
  const origins = createOriginCounts()
  const authors = createAuthors()
  const parked: ParkedMessage[] = []
  const quarantined: SetAside[] = []

  const countStrictly = (step: Mutable<PartitionStep>, record: LogRecord, verdict: Verdict): void => {
    if (verdict.type === 'control') {
      step.controls++
      return
    }
    step.consumed++
    if (verdict.type === 'quarantined') {
      step.quarantined++
      quarantined.push(setAside(record, verdict))
      return
    }
    const { mutation } = verdict
    step.newestStamp = maxStamp(step.newestStamp, mutation.stamp)
    countOrigin(origins, mutation, step.partition)
    if (verdict.type === 'parked') {
      step.parked++
      parked.push(parkedMessage(record, verdict))
    } else {
      step.merged++
      rows.add(direct.shapeOf(mutation.dataset), mutation)
    }
  }
  /** Most messages: read and merged without an object. */
  const addDirectly = (
    cursor: RecordCursor,
    right: Right | Freedom,
    newest: Uint32Array,
    partition: number,
  ): boolean => {
    const plan = direct.read(cursor)
    if (plan === null || (right !== 'free' && !direct.isCovered(right, plan))) return false
    const { message, seqHigh } = direct
    rows.tableOf(plan.shape).merge(message)
    const { stamp } = message
    if (seqHigh >= 0) origins.add(partition, stamp[2]!, stamp[3]!, seqHigh, direct.seqLow)
    if (isNewer(stamp, newest)) newest.set(stamp)
    return true
  }

  return {
    catalogue,
    rows,
    add(chunk, before) {
      const step = stepOf(steps, chunk)
      const newest = new Uint32Array(4)
      const gate = createGate(before, chunk.proofs ?? null)
      const isGuarded = before.type === 'guarded'
      const { stamp } = direct.message
      const cursor = chunk.records.cursor()
      let merged = 0
      for (let i = 0; cursor.next(); i++) {
        const right = gate.rightOf(cursor, i)
        if (right !== null && addDirectly(cursor, right, newest, chunk.partition)) {
          merged++
          if (isGuarded) authors.add(gate.signerOf(i), stamp[2]!, stamp[3]!)
          continue
        }
        const record = cursor.record()
        const verdict = judge(record, catalogue, gate.standing, gate.proofOf(i))
        countStrictly(step, record, verdict)
        if (verdict.type === 'control') gate.pass(verdict.standing)
        else if (isGuarded && verdict.type === 'merge') authors.addMutation(verdict.signer, verdict.mutation)
      }
      step.consumed += merged
      step.merged += merged
      if (merged > 0) step.newestStamp = maxStamp(step.newestStamp, wordsToStamp(newest))
      noteEnd(step, chunk)
      const after = gate.standing
      if (after !== before && after.type === 'guarded') step.standing = after
      return after
    },
    end: (partition) => steps.get(partition)?.next ?? null,
    isEmpty: () => steps.size === 0,
    bytes: () =>
      rows.size() + (parked.length + quarantined.length + origins.size()) * ASIDE_BYTES + authors.bytes(),
    toBatch: (identity) => ({
      identity,
      catalogueOffset: catalogue.offset,
      rows,
      steps: [...steps.values()].sort((a, b) => a.partition - b.partition),
      parked,
      quarantined,
      origins: origins.toSteps(),
      authors: authors.toList(),
    }),
  }
}

/** Where the chunk ends, and what the checks and the writers are told of its records. */
function noteEnd(step: Mutable<PartitionStep>, { records, next }: Chunk): void {
  step.next = next
  const last = toLastRecord(records.last())
  if (last === null) return
  step.last = last
  const newestMs = records.newestAppendMs()
  const heldMs = step.newestAppendMs
  if (newestMs !== null && (heldMs === null || newestMs > heldMs)) step.newestAppendMs = newestMs
}

/** Stamps as words. */
function isNewer(stamp: Uint32Array, held: Uint32Array): boolean {
  for (let i = 0; i < 4; i++) if (stamp[i] !== held[i]) return stamp[i]! > held[i]!
  return false
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

/** The last record of some, as the checks remember it; null when there is none. */
export function toLastRecord(last: LogRecord | undefined): LastRecord | null {
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
      standing: null,
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

function countOrigin(origins: OriginCounts, { seq, stamp }: Mutation, partition: number): void {
  if (seq === null) return
  const [high, low] = [seq >> 32n, BigInt.asIntN(32, seq)]
  origins.add(partition, stampWord(stamp, 2), stampWord(stamp, 3), Number(high), Number(low))
}
