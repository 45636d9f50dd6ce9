// Whether the node gets on: readiness is progress, not a process that answers (design, section 9).

import { DEFINITIONS } from '../codec/record.ts'
import type { NodeNews } from './news.ts'
import type { Watermarks } from './watermarks.ts'

export interface ProgressOptions {
  /** Milliseconds, of a clock that only goes forward. */
  readonly now: () => number
  /** So long may the node be behind without a commit, or wait for a service. */
  readonly stallMs: number
}

export type Readiness =
  | { readonly type: 'ready'; readonly lag: bigint }
  /** The reason, as a sentence without its full stop. */
  | { readonly type: 'not-ready'; readonly reason: string }

export interface PartitionProgress {
  readonly partition: number
  readonly position: bigint
  /** Records to process; null where the log's end is not known. */
  readonly lag: bigint | null
}

export interface Progress {
  note(news: NodeNews): void
  judge(watermarks: Watermarks): Readiness
  /** Of the partitions that this process reads, and the definitions. */
  partitions(watermarks: Watermarks): readonly PartitionProgress[]
  isWaiting(): boolean
}

/** A wait is over when the next word of it does not come: this much later than it was announced. */
const WAIT_GRACE_MS = 5_000

export function createProgress({ now, stallMs }: ProgressOptions): Progress {
  const positions = new Map<number, bigint>()
  /** Null until the log has assigned some. */
  let mine: readonly number[] | null = null
  let hasStarted = false
  let movedMs = Number.NEGATIVE_INFINITY
  let behindSinceMs: number | null = null
  let waiting: { readonly what: string; readonly sinceMs: number; readonly untilMs: number } | null = null

  const isWaiting = (): boolean => waiting !== null && now() < waiting.untilMs

  function note(news: NodeNews): void {
    switch (news.type) {
      case 'started':
        hasStarted = true
        for (const [partition, position] of news.positions) positions.set(partition, position)
        positions.set(DEFINITIONS, news.offset)
        return
      case 'moved':
        positions.clear()
        return
      case 'resumed':
        for (const [partition, position] of news.positions) positions.set(partition, position)
        return
      case 'assigned':
        mine = news.partitions
        return
      case 'committed':
        for (const [partition, position] of news.positions) positions.set(partition, position)
        moved()
        return
      case 'defined':
        positions.set(DEFINITIONS, news.offset)
        moved()
        return
      case 'rejudged':
        moved()
        return
      case 'waiting': {
        const sinceMs = isWaiting() ? waiting!.sinceMs : now()
        waiting = { what: news.what, sinceMs, untilMs: now() + news.waitMs + WAIT_GRACE_MS }
        return
      }
      default:
        return
    }
  }

  function moved(): void {
    movedMs = now()
    waiting = null
  }

  function partitions({ ends }: Watermarks): readonly PartitionProgress[] {
    const read = mine ?? [...new Set([...positions.keys(), ...ends.keys()])]
    const numbers = new Set([...read.filter((partition) => partition !== DEFINITIONS), DEFINITIONS])
    return [...numbers]
      .sort((a, b) => a - b)
      .map((partition) => {
        const position = positions.get(partition) ?? 0n
        const end = ends.get(partition)
        // A look that is some seconds old may be behind the node.
        const lag = end === undefined ? null : end > position ? end - position : 0n
        return { partition, position, lag }
      })
  }

  return {
    note,
    isWaiting,
    partitions,
    judge(watermarks) {
      if (!hasStarted)
        return notReady(`the node has not started yet${isWaiting() ? `: ${waits(waiting!)}` : ''}`)
      const nowMs = now()
      if (isWaiting() && nowMs - waiting!.sinceMs >= stallMs)
        return notReady(`the node waits: ${waits(waiting!)}`)
      const { awaySinceMs } = watermarks
      if (awaySinceMs !== null && nowMs - awaySinceMs >= stallMs) {
        return notReady(`the log has not answered for ${toSeconds(nowMs - awaySinceMs)} s`)
      }
      const lag = partitions(watermarks).reduce((sum, each) => sum + (each.lag ?? 0n), 0n)
      behindSinceMs = lag === 0n ? null : (behindSinceMs ?? nowMs)
      const stillMs = behindSinceMs === null ? 0 : nowMs - Math.max(behindSinceMs, movedMs)
      if (stillMs < stallMs) return { type: 'ready', lag }
      return notReady(
        `the node is ${lag} records behind the log and has committed nothing for ${toSeconds(stillMs)} s`,
      )
    },
  }

  function waits({ what, sinceMs }: { readonly what: string; readonly sinceMs: number }): string {
    return `for ${toSeconds(now() - sinceMs)} s it could not ${what}`
  }
}

function notReady(reason: string): Readiness {
  return { type: 'not-ready', reason }
}

function toSeconds(ms: number): number {
  return Math.floor(ms / 1_000)
}
