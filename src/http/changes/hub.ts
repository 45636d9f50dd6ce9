// The one reading of the log's end that all clients share, while there are any.

import { setImmediate as turn } from 'node:timers/promises'
import type { ChangeChunk } from './pending.ts'
import { createRing, type Ring } from './ring.ts'
import { distance, isAtLeast, type Vector } from './vector.ts'

export interface HubOptions {
  readonly read: (start: Vector, signal: AbortSignal) => AsyncIterable<ChangeChunk>
  readonly ringBytes: number
}

export interface Entrance {
  /** The copy of the log that positions are of. */
  readonly copyId: string
  /** The client has everything below this. */
  readonly from: Vector
  /** The node has applied everything below this. */
  readonly applied: Vector
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal
}

export interface Hub {
  /** One more client, until its signal is aborted. */
  enter(entrance: Entrance): Place
}

/** A client's place at the ring. */
export interface Place {
  /** True when the ring has everything behind `vector`: from then on `next` gives it all. */
  join(vector: Vector): boolean
  /** The next chunk; `gone` when the client was too slow, `ended` when it has left or the reading has ended. */
  next(): Promise<ChangeChunk | 'gone' | 'ended'>
}

/** So far behind, the shared reading begins where the first client is, and the next ones hardly need one of their own. */
const NEAR_RECORDS = 10_000n

export function createHub({ read, ringBytes }: HubOptions): Hub {
  let ring: Ring | null = null
  let reading: AbortController | null = null
  let copy: string | null = null
  let clients = 0
  let waiting: (() => void)[] = []

  const wake = (): void => {
    const woken = waiting
    waiting = []
    for (const each of woken) each()
  }
  const stop = (): void => {
    const stopped = reading
    reading = null
    stopped?.abort()
  }

  function begin({ from, applied }: Entrance): void {
    const held = ring !== null && distance(ring.end(), applied) <= NEAR_RECORDS ? ring : null
    const start = held?.end() ?? (distance(from, applied) <= NEAR_RECORDS ? from : applied)
    const current = held ?? createRing(start, ringBytes)
    const ending = new AbortController()
    ring = current
    reading = ending
    void keepFilling(current, new Map(start), ending)
  }

  async function keepFilling(current: Ring, start: Vector, ending: AbortController): Promise<void> {
    try {
      for await (const chunk of read(start, ending.signal)) {
        if (reading !== ending) return
        current.push(chunk)
        wake()
        // Chunks that are at hand come without a turn of the event loop: sockets must get theirs.
        await turn()
      }
    } catch {
      // The log is another one: whoever listens has to begin anew, and is told so then.
    }
    if (reading !== ending) return
    reading = null
    ring = null
    wake()
  }

  return {
    enter(entrance) {
      const { copyId, signal } = entrance
      if (copyId !== copy) {
        stop()
        ring = null
        copy = copyId
        wake()
      }
      clients++
      if (reading === null) begin(entrance)
      const mine = ring!
      let number = 0
      const leave = (): void => {
        if (--clients === 0) stop()
        wake()
      }
      if (signal.aborted) leave()
      else signal.addEventListener('abort', leave, { once: true })
      return {
        join(vector) {
          if (!isAtLeast(vector, mine.start())) return false
          number = mine.first()
          return true
        },
        async next() {
          for (;;) {
            if (signal.aborted || ring !== mine) return 'ended'
            const found = mine.at(number)
            if (found === 'gone') return found
            if (found !== null) {
              number++
              return found
            }
            await new Promise<void>((resolve) => waiting.push(resolve))
          }
        },
      }
    },
  }
}
