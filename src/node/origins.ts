// The statistic on sessions' numbers within a window: per origin and partition the highest number, and how many there were.

import type { Origin } from '../crdt/stamp.ts'
import type { OriginStep } from '../store/store.ts'

/** Numbers and origins as words of 32 bits, high and low. */
interface Count {
  readonly originHigh: number
  readonly originLow: number
  readonly partition: number
  highest: number
  highestLow: number
  count: number
}

export interface OriginCounts {
  add(partition: number, originHigh: number, originLow: number, seqHigh: number, seqLow: number): void
  size(): number
  toSteps(): readonly OriginStep[]
}

export function createOriginCounts(): OriginCounts {
  const counts = new Map<string, Count>()
  // One session sends many messages in a row.
  let latest: Count | null = null

  const find = (partition: number, originHigh: number, originLow: number): Count => {
    const name = `${partition} ${originHigh} ${originLow}`
    const found = counts.get(name)
    if (found !== undefined) return found
    const made = { originHigh, originLow, partition, highest: 0, highestLow: 0, count: 0 }
    counts.set(name, made)
    return made
  }

  return {
    add(partition, originHigh, originLow, seqHigh, seqLow) {
      if (
        latest === null ||
        latest.originLow !== originLow ||
        latest.originHigh !== originHigh ||
        latest.partition !== partition
      ) {
        latest = find(partition, originHigh, originLow)
      }
      latest.count++
      if (seqHigh < latest.highest || (seqHigh === latest.highest && seqLow >>> 0 < latest.highestLow)) return
      latest.highest = seqHigh
      latest.highestLow = seqLow >>> 0
    },
    size: () => counts.size,
    toSteps: () => [...counts.values()].map(toStep),
  }
}

function toStep({ originHigh, originLow, partition, highest, highestLow, count }: Count): OriginStep {
  const origin = (toHex(originHigh) + toHex(originLow)) as Origin
  return { origin, partition, highestSeq: (BigInt(highest) << 32n) | BigInt(highestLow), count }
}

function toHex(word: number): string {
  return word.toString(16).padStart(8, '0')
}
