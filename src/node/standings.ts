// What holds where the next chunk of each partition begins; partitions in which the same holds have one object between them.

import { isDeepStrictEqual } from 'node:util'
import type { Standing } from '../codec/policy/standing.ts'

export interface Standings {
  /** As the store has them; everything else is forgotten. */
  assign(loaded: ReadonlyMap<number, Standing>): void
  at(partition: number): Standing
  set(partition: number, standing: Standing): void
}

/**
 * `initial` holds where nothing else is known. A policy is appended to all partitions, and each is read by itself: with
 * the rights that are compiled of it, a great one takes 2 MB, which would be so many in each partition.
 */
export function createStandings(initial: Standing): Standings {
  let byPartition = new Map<number, Standing>()
  const at = (partition: number): Standing => byPartition.get(partition) ?? initial
  const shared = (standing: Standing): Standing => {
    for (const held of new Set(byPartition.values())) if (isSame(held, standing)) return held
    return standing
  }
  return {
    assign(loaded) {
      byPartition = new Map(loaded)
    },
    at,
    set(partition, standing) {
      if (standing !== at(partition)) byPartition.set(partition, shared(standing))
    },
  }
}

/** Looks into the rules only where the numbers agree. */
function isSame(a: Standing, b: Standing): boolean {
  if (a.type === 'open' || b.type === 'open') return a.type === b.type
  return a.version === b.version && a.isClosed === b.isClosed && isDeepStrictEqual(a, b)
}
