// The apply task: reads the data partitions, folds what comes while the store is busy, writes one batch after the other.

import { setImmediate as turn } from 'node:timers/promises'
import { DEFINITIONS } from '../codec/record.ts'
import type { LogEvent, ReadScope } from '../log/log.ts'
import { type Context, type Outcome, STOPPED } from './context.ts'
import { createPipeline } from './pipeline.ts'
import { proveAhead } from './prove-ahead.ts'

export interface ApplyOptions {
  readonly scope: ReadScope
  /** How much a window may hold before reading waits for the store, in bytes of memory. There are two. */
  readonly windowBytesMax: number
  /** Of a guarded log: how much is verified ahead of the window, in bytes of messages. */
  readonly proveBytesMax: number
}

/** Runs until the signal is aborted, the state was moved by somebody else, or the log is not what it was. */
export async function applyMutations(context: Context, options: ApplyOptions): Promise<Outcome> {
  const pipeline = createPipeline(context, options.windowBytesMax)
  context.drain = pipeline.drain
  const refused = new AbortController()
  const positions = async (partitions: readonly number[]): Promise<ReadonlyMap<number, bigint>> => {
    // What is folded but not written belongs to the old assignment; the store alone knows where to go on.
    await pipeline.drain()
    const state = await context.retry('read the positions', () => context.store.load(context.identity))
    if (state.type === 'refused') {
      refused.abort(state)
      return new Map()
    }
    pipeline.assign(state.standings)
    const positions = new Map(
      partitions.map((partition) => [partition, state.positions.get(partition) ?? 0n]),
    )
    context.emit({ type: 'resumed', positions })
    return positions
  }
  // A write that failed ends the reading too: an idle log would bring no event on which to notice it.
  const signal = AbortSignal.any([context.signal, pipeline.failed, refused.signal])
  const read = (signal: AbortSignal): AsyncIterable<LogEvent> =>
    context.log.read({ scope: options.scope, signal, positions })
  const { logId } = context.identity
  const bytesMax = options.proveBytesMax
  const events =
    context.proofs === null
      ? read(signal)
      : proveAhead({ read, pool: context.proofs, logId, signal, bytesMax })
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
        if (pipeline.isFull()) await pipeline.settle()
        break
      case 'reconnected': {
        const outcome = await context.check()
        if (outcome !== null) return outcome
        break
      }
      case 'lost':
        return explainLost(context, event.partition, event.position)
    }
  }
  if (refused.signal.aborted) return { type: 'refused', problems: [refused.signal.reason] }
  await pipeline.drain()
  return pipeline.outcome() ?? STOPPED
}

/** Why the log has no such offset: what the checks find, else at least that it is so. */
export async function explainLost(context: Context, partition: number, position: bigint): Promise<Outcome> {
  const outcome = await context.check()
  if (outcome !== null) return outcome
  const place = partition === DEFINITIONS ? 'the definitions' : `partition ${partition}`
  const problem = {
    what: `the log no longer has offset ${position} of ${place}: it was truncated or made anew`,
    remedy: 'bring the whole log back, or give this node an empty database and the address of the right log',
  }
  return { type: 'refused', problems: [problem] }
}
