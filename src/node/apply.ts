// The apply task: reads the data partitions, folds what comes while the store is busy, writes one batch after the other.

import { setImmediate as turn } from 'node:timers/promises'
import { DEFINITIONS, type Pointer } from '../codec/record.ts'
import type { Problem, ReadScope } from '../log/log.ts'
import type { Batch } from '../store/store.ts'
import { explainRejected } from './blame.ts'
import { type Context, type Outcome, STOPPED } from './context.ts'
import { type Chunk, createWindow } from './window.ts'

export interface ApplyOptions {
  readonly scope: ReadScope
  /** How much a window may hold before reading waits for the store, in estimated bytes of memory. */
  readonly windowBytesMax: number
}

/** Runs until the signal is aborted, the state was moved by somebody else, or the log is not what it was. */
export async function applyMutations(context: Context, options: ApplyOptions): Promise<Outcome> {
  const pipeline = createPipeline(context)
  context.drain = pipeline.drain
  const refused = new AbortController()
  const events = context.log.read({
    scope: options.scope,
    // A write that failed ends the reading too: an idle log would bring no event on which to notice it.
    signal: AbortSignal.any([context.signal, pipeline.failed, refused.signal]),
    positions: async (partitions) => {
      // What is folded but not written belongs to the old assignment; the store alone knows where to go on.
      await pipeline.drain()
      const state = await context.retry('read the positions', () => context.store.load(context.identity))
      if (state.type === 'refused') {
        refused.abort(state)
        return new Map()
      }
      return new Map(partitions.map((partition) => [partition, state.positions.get(partition) ?? 0n]))
    },
  })
  for await (const event of events) {
    switch (event.type) {
      case 'assigned': {
        await pipeline.drain()
        context.emit(event)
        const problems = await context.checkMembership()
        if (problems.length > 0) return { type: 'refused', problems }
        break
      }
      case 'chunk':
        await context.lock.run(async () => pipeline.add(event))
        // Chunks that are at hand come without a turn of the event loop: the store's answers must get theirs.
        await turn()
        if (pipeline.bytes() >= options.windowBytesMax) await pipeline.settle()
        break
      case 'reconnected': {
        const problems = await context.check()
        if (problems.length > 0) return { type: 'refused', problems }
        break
      }
      case 'lost':
        return { type: 'refused', problems: await explainLost(context, event.partition, event.position) }
    }
  }
  if (refused.signal.aborted) return { type: 'refused', problems: [refused.signal.reason] }
  await pipeline.drain()
  return pipeline.outcome() ?? STOPPED
}

/** Why the log has no such offset: what the checks find, else at least that it is so. */
export async function explainLost(
  context: Context,
  partition: number,
  position: bigint,
): Promise<readonly Problem[]> {
  const problems = await context.check()
  if (problems.length > 0) return problems
  const place = partition === DEFINITIONS ? 'the definitions' : `partition ${partition}`
  return [
    {
      what: `the log no longer has offset ${position} of ${place}: it was truncated or made anew`,
      remedy:
        'bring the whole log back, or give this node an empty database and the address of the right log',
    },
  ]
}

/** After this a batch that is being written is worth a word: a lock is waited for without an end. */
const SLOW_BATCH_MS = 10_000

/** One batch in flight, one window filling: batches grow while the store is busy, and stay small when it is idle. */
function createPipeline(context: Context) {
  let window = createWindow(context.catalogue, context.judge, context.hashSeed)
  let inFlight: Promise<void> | null = null
  let outcome: Outcome | null = null
  let failure: { readonly error: unknown } | null = null
  const failed = new AbortController()

  const write = async (batch: Batch): Promise<void> => {
    const began = performance.now()
    const patience = setInterval(() => {
      const error = `the database has been at work on it for ${Math.round((performance.now() - began) / 1_000)} s; somebody may hold a lock (pg_locks, pg_blocking_pids)`
      context.emit({ type: 'waiting', what: 'write a batch yet', error, waitMs: SLOW_BATCH_MS })
    }, SLOW_BATCH_MS)
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
    }
    inFlight = null
    flush()
  }
  const flush = (): void => {
    if (inFlight !== null || outcome !== null || failure !== null || window.isEmpty()) return
    const batch = window.toBatch(context.identity)
    window = createWindow(context.catalogue, context.judge, context.hashSeed)
    inFlight = write(batch)
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
    add(chunk: Chunk): void {
      if (outcome !== null) return
      // A definition was taken since this window was opened, which is only done while it is empty.
      if (window.catalogue !== context.catalogue)
        window = createWindow(context.catalogue, context.judge, context.hashSeed)
      const end = window.end(chunk.partition)
      if (end !== null && chunk.from !== end) {
        startAgain(chunk, end)
        return
      }
      if (chunk.next > chunk.from) window.add(chunk)
      if (chunk.next === chunk.end) {
        context.emit({ type: 'caught-up', partition: chunk.partition, position: chunk.next })
      }
      flush()
    },
    bytes: () => window.bytes(),
    /** Waits for the batch in flight. Throws what its write threw. */
    settle,
    /** Writes everything that has been folded. Throws what a write threw. */
    async drain(): Promise<void> {
      flush()
      while (inFlight !== null) await settle()
      await settle()
    },
    outcome: () => outcome,
    failed: failed.signal,
  }
}

function* pointersOf({ steps }: Batch): Generator<Pointer> {
  for (const { partition, from, next } of steps) {
    for (let offset = from; offset < next; offset++) yield { partition, offset }
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
    ms,
  })
}
