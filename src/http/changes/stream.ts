// What one client is sent: events in the order of the log, an id behind each chunk, a word when nothing happens.

import type { Place } from './hub.ts'
import type { ChangeChunk } from './pending.ts'
import { advance } from './ring.ts'
import { type Vector, vectorToText } from './vector.ts'

export interface StreamOptions {
  readonly copyId: string
  readonly partitions: number
  /** The client has everything below this. */
  readonly start: Vector
  /** Null: all datasets. */
  readonly dataset: string | null
  readonly place: Place
  /** A reading of the client's own, as long as the shared one does not reach back so far; null: not needed. */
  readonly catchUp: AsyncGenerator<ChangeChunk> | null
  /** Called when the reading of its own is over. */
  readonly onCaughtUp: () => void
  /** Called when the client is too slow for what is kept. */
  readonly onTooSlow: () => void
  /** Silence after which a word is said, in milliseconds. */
  readonly beatMs: number
}

/** How long a client waits before it connects again, in milliseconds. */
const RETRY_MS = 3_000

const bodies = new WeakMap<ChangeChunk, Buffer>()

export async function* streamChanges(options: StreamOptions): AsyncGenerator<string | Buffer> {
  const { copyId, partitions, dataset, place } = options
  const vector = new Map(options.start)
  const idLine = (): string => `id: ${vectorToText(copyId, partitions, vector)}\n\n`
  let catchUp = options.catchUp
  let hasMoved = false
  let next: Promise<ChangeChunk | 'gone' | 'ended'> | null = null

  /** The events of a chunk that are for this client; null when there are none. */
  function eventsOf(chunk: ChangeChunk): Buffer | null {
    const from = vector.get(chunk.partition) ?? 0n
    if (dataset === null && chunk.from >= from) return bodyOf(chunk)
    const mine = chunk.events.filter(
      (event) => event.offset >= from && (dataset === null || event.dataset === dataset),
    )
    return mine.length === 0 ? null : Buffer.from(mine.map(({ text }) => text).join('\n'))
  }

  async function nextOf(reading: AsyncGenerator<ChangeChunk>): Promise<ChangeChunk | 'ended'> {
    const { done, value } = await reading.next()
    return done === true ? 'ended' : value
  }

  try {
    yield `retry: ${RETRY_MS}\n\n`
    for (;;) {
      if (catchUp !== null && place.join(vector)) {
        leave(catchUp)
        catchUp = null
        next = null
        options.onCaughtUp()
      }
      next ??= catchUp === null ? place.next() : nextOf(catchUp)
      const found = await withinMs(next, options.beatMs)
      if (found === 'late') {
        yield hasMoved ? `:\n${idLine()}` : ':\n\n'
        hasMoved = false
        continue
      }
      next = null
      if (found === 'gone') options.onTooSlow()
      if (found === 'gone' || found === 'ended') return
      const events = eventsOf(found)
      advance(vector, found)
      hasMoved = events === null
      if (events === null) continue
      yield events
      yield idLine()
    }
  } finally {
    if (catchUp !== null) leave(catchUp)
  }
}

/** Its end takes a moment, and nobody needs to wait for it. */
function leave(reading: AsyncGenerator<ChangeChunk>): void {
  reading.return(undefined).catch(() => {})
}

/** Shared by all clients that read all of it. */
function bodyOf(chunk: ChangeChunk): Buffer | null {
  if (chunk.events.length === 0) return null
  let body = bodies.get(chunk)
  if (body === undefined) {
    body = Buffer.from(chunk.events.map(({ text }) => text).join('\n'))
    bodies.set(chunk, body)
  }
  return body
}

async function withinMs<T>(work: Promise<T>, ms: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
