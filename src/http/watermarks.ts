// Where the log ends, looked at when somebody asks, and not more often than every few seconds.

import type { SeenLog } from './status-record.ts'

export interface WatermarkOptions {
  readonly lookAtLog: () => Promise<SeenLog>
  /** Milliseconds, of a clock that only goes forward. */
  readonly now: () => number
  /** How old an answer may be, in milliseconds. */
  readonly maxAgeMs: number
  /** How long to wait for a new one before the old one has to do, in milliseconds. */
  readonly waitMs: number
}

export interface Watermarks {
  /** By partition, DEFINITIONS included, the offset behind the last record. Empty before the log was seen. */
  readonly ends: ReadonlyMap<number, bigint>
  /** Since when the log has not answered, in milliseconds of the clock; null when it does. */
  readonly awaySinceMs: number | null
}

export function createWatermarks({
  lookAtLog,
  now,
  maxAgeMs,
  waitMs,
}: WatermarkOptions): () => Promise<Watermarks> {
  let held: Watermarks = { ends: new Map(), awaySinceMs: null }
  let lookedMs = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | null = null

  async function look(): Promise<void> {
    const askedMs = now()
    const seen = await lookAtLog()
    lookedMs = now()
    if (seen.type === 'away') {
      held = { ...held, awaySinceMs: held.awaySinceMs ?? askedMs }
      return
    }
    const { partitions, definitions } = seen.description
    const states = definitions === null ? partitions : [...partitions, definitions]
    held = { ends: new Map(states.map(({ partition, end }) => [partition, end])), awaySinceMs: null }
  }

  return async () => {
    if (looking === null && now() - lookedMs >= maxAgeMs) {
      const askedMs = now()
      looking = look().finally(() => {
        looking = null
      })
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), waitMs)
      })
      const outcome = await Promise.race([looking, late])
      clearTimeout(timer)
      if (outcome === 'late') held = { ...held, awaySinceMs: held.awaySinceMs ?? askedMs }
    }
    return held
  }
}
