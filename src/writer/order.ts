// Lets the order of a file's lines decide between those that bring the same timestamp.

import type { Entry, Source } from './source.ts'
import { createRepeatIndex } from './ties.ts'

/**
 * The same changes, the second line with a timestamp one nanosecond later, the third two, and so on: a pure function
 * of the file. Reads the source once before, for the timestamps that repeat.
 */
export async function orderTies(source: Source, signal: AbortSignal): Promise<Source> {
  const index = createRepeatIndex()
  for await (const entries of source()) {
    signal.throwIfAborted()
    for (const entry of entries) {
      if (entry.type === 'change' && entry.change.timeNs !== null) index.add(entry.change.timeNs)
    }
  }
  const repeated = index.findRepeated()
  if (repeated.size === 0) return source
  return async function* () {
    const countByTime = new Map<bigint, bigint>()

    function toLater(entry: Entry): Entry {
      if (entry.type === 'bad') return entry
      const { timeNs } = entry.change
      if (timeNs === null || !repeated.has(timeNs)) return entry
      const earlier = countByTime.get(timeNs) ?? 0n
      countByTime.set(timeNs, earlier + 1n)
      return earlier === 0n ? entry : { ...entry, change: { ...entry.change, timeNs: timeNs + earlier } }
    }

    for await (const entries of source()) yield entries.map(toLater)
  }
}
