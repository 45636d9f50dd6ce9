// What is known of the target's clocks: what its answers said, and the time that has passed since. Each partition may have a clock of its own.

export interface TargetClock {
  /** The clock of a partition has shown this at some time before. */
  hasPassed(partition: number, appendMs: bigint): void
  /** An answer that has just come. */
  observe(partition: number, appendMs: bigint): void
  /** Milliseconds until the clock of a partition shows `dueMs`: 0 when it does; null when only an answer can tell. */
  waitMs(partition: number, dueMs: bigint): number | null
}

interface Reading {
  readonly appendMs: bigint
  readonly atMs: number
  /** False for a time long past: the clock may show far more by now. */
  readonly isNew: boolean
}

/** `nowMs` is a clock of this machine that is never set. */
export function createTargetClock(nowMs: () => number): TargetClock {
  const readings = new Map<number, Reading>()
  return {
    hasPassed(partition, appendMs) {
      if (!readings.has(partition)) readings.set(partition, { appendMs, atMs: nowMs(), isNew: false })
    },
    observe(partition, appendMs) {
      readings.set(partition, { appendMs, atMs: nowMs(), isNew: true })
    },
    waitMs(partition, dueMs) {
      const reading = readings.get(partition)
      if (reading === undefined) return null
      const left = Number(dueMs - reading.appendMs) - (nowMs() - reading.atMs)
      if (left <= 0) return 0
      return reading.isNew ? Math.ceil(left) : null
    },
  }
}
