// How far a copy is: by partition of the source, the offset below which everything is acknowledged in the target.

export interface Places {
  /** What begins at the last place that was begun ends below `next`; answers with what to call when the target has it. */
  begin(partition: number, next: bigint): () => void
  /** By partition, DEFINITIONS included. */
  reached(): ReadonlyMap<number, bigint>
  /** True when everything below these is acknowledged. */
  hasReached(ends: ReadonlyMap<number, bigint>): boolean
  /** Resolves at the next acknowledgement, or when somebody wakes. */
  change(): Promise<void>
  /** Something has changed that whoever waits here may wait for too. */
  wake(): void
}

interface Stretch {
  readonly next: bigint
  isDone: boolean
}

export function createPlaces(start: ReadonlyMap<number, bigint>): Places {
  const reached = new Map(start)
  const open = new Map<number, Stretch[]>()
  let changed = Promise.withResolvers<void>()
  const wake = () => {
    changed.resolve()
    changed = Promise.withResolvers()
  }
  return {
    begin(partition, next) {
      const stretch: Stretch = { next, isDone: false }
      const stretches = open.get(partition) ?? []
      stretches.push(stretch)
      open.set(partition, stretches)
      return () => {
        stretch.isDone = true
        while (stretches[0]?.isDone === true) reached.set(partition, stretches.shift()!.next)
        wake()
      }
    },
    reached: () => reached,
    hasReached(ends) {
      for (const [partition, end] of ends) if ((reached.get(partition) ?? 0n) < end) return false
      return true
    },
    change: () => changed.promise,
    wake,
  }
}
