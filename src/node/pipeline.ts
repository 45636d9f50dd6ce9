// The pipeline behind the reading: one batch on its way to the store, one window filling meanwhile.

import { DirectReader } from '../codec/direct.ts'
import type { Standing } from '../codec/policy/standing.ts'
import type { Pointer } from '../codec/record.ts'
import { createPackedFold, type PackedFold } from '../crdt/packed/fold.ts'
import { maxStamp, type Stamp } from '../crdt/stamp.ts'
import type { Batch } from '../store/store.ts'
import { explainRejected } from './blame.ts'
import type { Context, NodeEvent, Outcome } from './context.ts'
import { createStandings } from './standings.ts'
import { type Chunk, createWindow, type Window } from './window.ts'

/** After this a batch that is being written is worth a word: a lock is waited for without an end. */
const SLOW_BATCH_MS = 10_000

/**
 * So far behind, nobody waits for the newest message: a window is held back while the store is idle, since what is
 * folded longer is written less often. Measured with a million messages over 100,000 rows (bench/README.md).
 */
const BACKLOG_MESSAGES = 100_000
const HOLD_MS = 5_000
/** Silence of the log after which nothing is held back any longer. */
const SILENT_MS = 250

export interface Pipeline {
  /** A new assignment: what is known of partitions is forgotten, but for what holds at their positions. */
  assign(standings: ReadonlyMap<number, Standing>): void
  add(chunk: Chunk): void
  /** True while a window is full and the store is at work: reading has to `settle`. */
  isFull(): boolean
  /** Waits for the batch in flight. Throws what its write threw. */
  settle(): Promise<void>
  /** Writes everything that has been folded. Throws what a write threw. */
  drain(): Promise<void>
  /** Why reading has to end; null as long as it goes on. */
  outcome(): Outcome | null
  /** Aborted when a write has failed, or reading has to end. */
  readonly failed: AbortSignal
}

/** Batches grow while the store is busy, or the log far ahead, and stay small otherwise. */
export function createPipeline(context: Context, windowBytesMax: number): Pipeline {
  const folds = createFoldPool(context, windowBytesMax)
  const backlog = createBacklog()
  const standings = createStandings(context.initialStanding)
  let direct = createDirect(context)
  let window = openWindow()
  let inFlight: Promise<void> | null = null
  let outcome: Outcome | null = null
  let failure: { readonly error: unknown } | null = null
  const failed = new AbortController()

  function openWindow(): Window {
    const { catalogue, judge } = context
    if (direct.catalogue !== catalogue) direct = createDirect(context)
    return createWindow({ catalogue, judge, direct, rows: folds.take() })
  }
  const write = async (batch: Batch): Promise<void> => {
    const began = performance.now()
    const patience = setInterval(() => {
      const error = `the database has been at work on it for ${Math.round((performance.now() - began) / 1_000)} s; somebody may hold a lock (pg_locks, pg_blocking_pids)`
      context.emit({ type: 'waiting', what: 'write a batch yet', error, waitMs: SLOW_BATCH_MS })
    }, SLOW_BATCH_MS)
    context.emit(newestOf(batch))
    try {
      const result = await context.retry('write a batch', () => context.store.commit(batch))
      if (result.type === 'committed') {
        emitCommitted(context, batch, performance.now() - began)
      } else if (result.type === 'rejected') {
        outcome ??= await explainRejected(context, result, pointersOf(batch))
        failed.abort()
      } else {
        outcome ??= {
          type: 'restart',
          reason: result.type === 'stale' ? `another worker moved the ${result.what}` : 'the store is busy',
        }
        failed.abort()
      }
    } catch (error) {
      failure ??= { error }
      failed.abort()
    } finally {
      clearInterval(patience)
      folds.give(batch.rows)
    }
    inFlight = null
    flushUnlessHeld()
  }
  const flush = (): void => {
    if (inFlight !== null || outcome !== null || failure !== null || window.isEmpty()) return
    backlog.written()
    const batch = window.toBatch(context.identity)
    window = openWindow()
    inFlight = write(batch)
  }
  const flushUnlessHeld = (): void => {
    if (window.bytes() < windowBytesMax && backlog.isHeld(flush)) return
    flush()
  }
  /** The log owes a partition's chunks in order. Once it did not, what the store holds is where to go on. */
  const startAgain = (chunk: Chunk, end: bigint): void => {
    const reason = `the reading of partition ${chunk.partition} went from ${end} to ${chunk.from}`
    context.emit({ type: 'warning', text: `${reason}; starting again from the database's positions` })
    outcome ??= { type: 'restart', reason }
    failed.abort()
  }
  const settle = async (): Promise<void> => {
    if (inFlight !== null) await inFlight
    if (failure !== null) throw failure.error
  }

  return {
    assign(loaded) {
      backlog.assign()
      standings.assign(loaded)
    },
    add(chunk) {
      if (outcome !== null) return
      // A definition was taken since this window was opened, which is only done while it is empty.
      if (window.catalogue !== context.catalogue) {
        folds.give(window.rows)
        window = openWindow()
      }
      const end = window.end(chunk.partition)
      if (end !== null && chunk.from !== end) {
        startAgain(chunk, end)
        return
      }
      if (chunk.next > chunk.from) {
        standings.set(chunk.partition, window.add(chunk, standings.at(chunk.partition)))
      }
      if (chunk.next === chunk.end) {
        context.emit({ type: 'caught-up', partition: chunk.partition, position: chunk.next })
      }
      backlog.note(chunk)
      flushUnlessHeld()
    },
    isFull: () => inFlight !== null && window.bytes() >= windowBytesMax,
    settle,
    async drain() {
      flush()
      while (inFlight !== null) {
        await settle()
        flush()
      }
      await settle()
    },
    outcome: () => outcome,
    failed: failed.signal,
  }
}

/** How far the log is ahead of what has been read, and for how long a window may be held back for that. */
function createBacklog() {
  const aheadByPartition = new Map<number, bigint>()
  let heldSince: number | null = null
  let silence: NodeJS.Timeout | null = null

  const release = (): void => {
    heldSince = null
    if (silence !== null) clearTimeout(silence)
    silence = null
  }
  const isFarBehind = (): boolean => {
    let ahead = 0n
    for (const one of aheadByPartition.values()) ahead += one
    return ahead >= BACKLOG_MESSAGES
  }

  return {
    assign(): void {
      aheadByPartition.clear()
      release()
    },
    note({ partition, next, end }: Chunk): void {
      aheadByPartition.set(partition, end - next)
    },
    written: release,
    /** True when the window that fills should wait; `flush` is called should the log fall silent. */
    isHeld(flush: () => void): boolean {
      if (!isFarBehind()) return false
      heldSince ??= performance.now()
      if (performance.now() - heldSince > HOLD_MS) return false
      if (silence === null) silence = setTimeout(flush, SILENT_MS)
      else silence.refresh()
      return true
    },
  }
}

/** The folds of the two windows, used again and again: their memory is not given back at every batch. */
function createFoldPool({ hashSeed }: Context, bytesMax: number) {
  const idle: PackedFold[] = []
  return {
    take: (): PackedFold => idle.pop() ?? createPackedFold(hashSeed),
    give(fold: PackedFold): void {
      fold.reset(2 * bytesMax)
      idle.push(fold)
    },
  }
}

function createDirect({ catalogue, maxClockAheadMs }: Context): DirectReader {
  return new DirectReader(catalogue, maxClockAheadMs)
}

/** Of all that may have been merged: whatever is wrong with a quarantined message, it has written nothing. */
function* pointersOf({ steps, quarantined }: Batch): Generator<Pointer> {
  const isAside = new Set(quarantined.map(({ partition, offset }) => `${partition}/${offset}`))
  for (const { partition, from, next } of steps) {
    for (let offset = from; offset < next; offset++) {
      if (!isAside.has(`${partition}/${offset}`)) yield { partition, offset }
    }
  }
}

function emitCommitted(context: Context, batch: Batch, ms: number): void {
  const sum = (of: 'consumed' | 'merged' | 'parked' | 'quarantined'): number =>
    batch.steps.reduce((total, step) => total + step[of], 0)
  context.emit({
    type: 'committed',
    consumed: sum('consumed'),
    merged: sum('merged'),
    parked: sum('parked'),
    quarantined: sum('quarantined'),
    positions: new Map(batch.steps.map(({ partition, next }) => [partition, next])),
    offset: batch.catalogueOffset,
    ms,
  })
}

function newestOf({ steps }: Batch): NodeEvent {
  let newestStamp: Stamp | null = null
  let newestAppendMs: bigint | null = null
  for (const step of steps) {
    newestStamp = maxStamp(newestStamp, step.newestStamp)
    const ms = step.newestAppendMs
    if (ms !== null && (newestAppendMs === null || ms > newestAppendMs)) newestAppendMs = ms
  }
  return { type: 'committing', newestStamp, newestAppendMs }
}
