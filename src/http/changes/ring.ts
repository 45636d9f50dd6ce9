// The newest chunks of events, bounded in bytes, for all who read them at their own pace.

import type { ChangeChunk } from './pending.ts'
import type { Vector } from './vector.ts'

export interface Ring {
  push(chunk: ChangeChunk): void
  /** The chunk of that number; null when it is still to come, `gone` when there is no room for it any more. */
  at(number: number): ChangeChunk | 'gone' | null
  /** The number of the oldest chunk. */
  first(): number
  /** Whoever has everything below this has everything that is not in the ring. */
  start(): Vector
  /** Behind the newest chunk. */
  end(): Vector
}

/** What an empty chunk costs. */
const CHUNK_BYTES = 200
/** Of an event beside its text. */
const EVENT_BYTES = 100

export function createRing(from: Vector, bytesMax: number): Ring {
  const start = new Map(from)
  const end = new Map(from)
  let chunks: (ChangeChunk | undefined)[] = []
  /** How many of `chunks` are gone: they are cut off many at a time. */
  let dropped = 0
  let first = 0
  let bytes = 0

  function dropOldest(): void {
    const oldest = chunks[dropped]!
    chunks[dropped++] = undefined
    bytes -= sizeOf(oldest)
    first++
    advance(start, oldest)
    if (dropped < 1_000) return
    chunks = chunks.slice(dropped)
    dropped = 0
  }

  return {
    push(chunk) {
      chunks.push(chunk)
      bytes += sizeOf(chunk)
      advance(end, chunk)
      while (bytes > bytesMax && chunks.length - dropped > 1) dropOldest()
    },
    at(number) {
      if (number < first) return 'gone'
      return chunks[dropped + number - first] ?? null
    },
    first: () => first,
    start: () => start,
    end: () => end,
  }
}

/** Moves a vector behind a chunk. */
export function advance(vector: Map<number, bigint>, { partition, next }: ChangeChunk): void {
  if ((vector.get(partition) ?? 0n) < next) vector.set(partition, next)
}

function sizeOf({ size, events }: ChangeChunk): number {
  return CHUNK_BYTES + 2 * size + events.length * EVENT_BYTES
}
