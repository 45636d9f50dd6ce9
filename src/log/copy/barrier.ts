// Policies on their way: one goes into the target only when everything that was judged before it is there, and nothing that was judged after it goes before it.

import type { Problem } from '../log.ts'
import type { Carrier } from './carrier.ts'
import type { Parcels } from './parcels.ts'
import type { Places } from './places.ts'
import { differProblem, type Lack } from './policy-problems.ts'
import type { Item } from './translate.ts'

/** A valid policy that was read in a partition of the source. */
export interface Met {
  readonly partition: number
  readonly item: Item
  readonly version: number
}

/**
 * `on`: the partition is read on. `shut`: nothing behind the policy is read until the barrier opens. `again`: it has
 * opened, and reading begins again at the places where it was. A problem: the copy cannot go on.
 */
export type Passage = 'on' | 'shut' | 'again' | Problem

export interface Barrier {
  meet(met: Met): Promise<Passage>
  /** True while nothing more of the partition is to be read. */
  isShut(partition: number): boolean
  /**
   * Who keeps the barrier shut: the partitions that have been read up to these ends without the policy that the others
   * wait with. Null while it is open, or while one of them still has something to be read.
   */
  lack(ends: ReadonlyMap<number, bigint>, readTo: (partition: number) => bigint): Lack | null
}

export interface BarrierOptions {
  readonly carrier: Carrier
  readonly parcels: Parcels
  readonly places: Places
  readonly signal: AbortSignal
  /** Below this the target has everything of a partition. */
  readonly already: (partition: number) => bigint
  /** Items that the target has. */
  readonly onDone: (items: readonly Item[]) => void
}

/** Sends policies when all that was given before is acknowledged, and waits until they are; unless the signal is aborted. */
async function carryAlone(
  { carrier, places, signal, onDone }: BarrierOptions,
  items: readonly Item[],
  stretches: ReadonlyMap<number, bigint>,
): Promise<void> {
  await carrier.settle()
  // What was on its way may have been given up.
  if (signal.aborted) return
  const done = [...stretches].map(([partition, next]) => places.begin(partition, next))
  await carrier.carry(items, () => {
    onDone(items)
    for (const each of done) each()
  })
  await carrier.settle()
}

/** For partitions that are kept as they are: each waits for itself alone. */
export function createPartitionBarrier(options: BarrierOptions): Barrier {
  const { parcels, already } = options
  return {
    async meet({ partition, item }) {
      if (item.offset < already(partition)) return 'on'
      await parcels.passed(partition, item.offset, true)
      await carryAlone(options, [item], new Map([[partition, item.offset + 1n]]))
      return 'on'
    },
    isShut: () => false,
    lack: () => null,
  }
}

/**
 * For a target with another number of partitions, to each of which records of any partition of the source may go: all
 * wait at a version for each other; then it goes once into each partition of the target. While they wait they are not
 * read, so nothing of them is held.
 */
export function createCommonBarrier(
  options: BarrierOptions,
  partitions: { readonly source: number; readonly target: number },
): Barrier {
  const { parcels, places, already } = options
  const stops = new Map<number, bigint>()
  let first: Met | null = null
  /** The newest version that a former run has brought into all of the target. */
  let known = 0

  const leave = (): Passage => {
    // Others were not read while they waited.
    const passage = stops.size > 1 ? 'again' : 'on'
    stops.clear()
    first = null
    return passage
  }
  const open = async (policy: Item): Promise<Passage> => {
    const items = Array.from({ length: partitions.target }, (_, partition) => ({
      ...policy,
      record: { ...policy.record, partition },
    }))
    await carryAlone(options, items, new Map([...stops].map(([partition, at]) => [partition, at + 1n])))
    return leave()
  }

  return {
    async meet(met) {
      const { partition, item, version } = met
      if (item.offset < already(partition)) {
        known = version
        if (first === null || first.version > known) return 'on'
        for (const [stopped, at] of stops) places.begin(stopped, at + 1n)()
        leave()
        return 'again'
      }
      await parcels.passed(partition, item.offset, true)
      if (version <= known) {
        places.begin(partition, item.offset + 1n)()
        return 'on'
      }
      first ??= met
      if (!item.record.value.equals(first.item.record.value)) {
        return differProblem(version, first.partition, partition, partitions.source)
      }
      stops.set(partition, item.offset)
      if (stops.size === partitions.source) return open(first.item)
      places.wake()
      return 'shut'
    },
    isShut: (partition) => stops.has(partition),
    lack(ends, readTo) {
      if (first === null) return null
      const lacking: number[] = []
      for (let partition = 0; partition < partitions.source; partition++) {
        if (stops.has(partition)) continue
        if (readTo(partition) < (ends.get(partition) ?? 0n)) return null
        lacking.push(partition)
      }
      return lacking.length === 0
        ? null
        : { version: first.version, has: [...stops.keys()].sort((a, b) => a - b), lacking }
    },
  }
}
