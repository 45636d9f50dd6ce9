// The stage before the window: has the signatures of the next chunks verified while this one is folded.

import { createChannel } from '../log/channel.ts'
import type { LogEvent } from '../log/log.ts'
import type { ProofPool, Proving } from '../proofs/pool.ts'
import type { Chunk } from './window.ts'

type OtherEvent = Exclude<LogEvent, { type: 'chunk' }>

export interface ProveAheadOptions {
  /** Begins to read; must end without an error once the signal is aborted. */
  readonly read: (signal: AbortSignal) => AsyncIterable<LogEvent>
  readonly pool: Pick<ProofPool, 'prove'>
  readonly logId: string
  readonly signal: AbortSignal
  /** Bytes of records that are read ahead, beside the last chunk of them. */
  readonly bytesMax: number
}

interface Held {
  readonly chunk: LogEvent & { readonly type: 'chunk' }
  readonly proofs: Proving['proofs']
  /** Aborted when its assignment is over, or the reading. */
  readonly over: AbortSignal
}

type Item =
  | { readonly type: 'chunk'; readonly held: Held }
  | { readonly type: 'other'; readonly event: OtherEvent; readonly handled: () => void }

/** What a chunk without records is taken to weigh, so that their number is bounded too. */
const CHUNK_BYTES = 4_096

/**
 * The same events in the same order, chunks with their proofs; as of the reading itself, what is not a chunk has been
 * dealt with when reading goes on. So an assignment's positions are asked for when no chunk of the one before is about any
 * more: what was read ahead for that one is forgotten as soon as the new one is known.
 */
export async function* proveAhead(options: ProveAheadOptions): AsyncGenerator<OtherEvent | Chunk> {
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const channel = createChannel<Item>(options.bytesMax)
  signal.addEventListener('abort', channel.end, { once: true })
  let assignment = new AbortController()
  let over = AbortSignal.any([signal, assignment.signal])
  let release = (): void => {}

  const readOn = async (): Promise<void> => {
    for await (const event of options.read(signal)) {
      if (event.type === 'chunk') {
        const { bytes, proofs } = options.pool.prove(options.logId, event.records)
        // What is wrong is said when the chunk's turn comes, if it does.
        proofs?.catch(() => {})
        channel.push({ type: 'chunk', held: { chunk: event, proofs, over } }, bytes + CHUNK_BYTES)
        await channel.room()
        continue
      }
      if (event.type === 'assigned') {
        assignment.abort()
        assignment = new AbortController()
        over = AbortSignal.any([signal, assignment.signal])
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      release = resolve
      channel.push({ type: 'other', event, handled: resolve }, 0)
      if (!signal.aborted) await promise
    }
    channel.end()
  }
  const reading = readOn()
  reading.catch(channel.fail)

  try {
    for (let item = await channel.next(); item !== undefined; item = await channel.next()) {
      if (signal.aborted) return
      if (item.type === 'other') {
        yield item.event
        item.handled()
        continue
      }
      const { chunk, proofs, over } = item.held
      const made = proofs === null ? null : await unlessAborted(proofs, over)
      if (made !== undefined && !over.aborted) yield { ...chunk, proofs: made }
    }
  } finally {
    ending.abort()
    release()
    // The reading leaves its group, gives its connections back; what it fails with is what this fails with.
    await reading
  }
}

/** What the promise brings; undefined as soon as the signal is aborted. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) {
    promise.catch(() => {})
    return Promise.resolve(undefined)
  }
  return new Promise((resolve, reject) => {
    const giveUp = (): void => resolve(undefined)
    signal.addEventListener('abort', giveUp, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}
