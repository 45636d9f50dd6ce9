// Reading the source and appending to the target, side by side, until somebody has enough.

import { setTimeout as sleep } from 'node:timers/promises'
import { DEFINITIONS } from '../../codec/record.ts'
import { aborted } from '../aborted.ts'
import type { LogGenesis } from '../check.ts'
import type { Log } from '../log.ts'
import { type BarrierOptions, createCommonBarrier, createPartitionBarrier } from './barrier.ts'
import { createCarrier } from './carrier.ts'
import type { TargetClock } from './clock.ts'
import type { CopyCounts, CopyEvent } from './events.ts'
import { createParcels } from './parcels.ts'
import type { Places } from './places.ts'
import type { Lack } from './policy-problems.ts'
import type { Prover } from './prove.ts'
import { createScope, type Problems } from './scope.ts'
import { createStandings, type Standings } from './standings.ts'
import { createDefinitionsTranslator, createTranslator, type Item, type Translate } from './translate.ts'

export interface FlowOptions {
  readonly source: Log
  readonly target: Log
  readonly from: LogGenesis
  readonly to: LogGenesis
  readonly clock: TargetClock
  readonly places: Places
  readonly prover: Pick<Prover, 'prove'>
  readonly signal: AbortSignal
  readonly onEvent: (event: CopyEvent) => void
  readonly parcelRecordsMax: number
}

export interface Flow {
  /**
   * Reads and appends until `enough` resolves or the signal is aborted, then waits a little for what is on its way; with
   * the problems that `enough` has found, or null. Or until the source forbids going on: then the problems. `enough` is
   * given a signal that ends its waiting.
   */
  run(enough: (signal: AbortSignal) => Promise<Problems>): Promise<Problems>
  /** True once everything below these was read: what stands there is known. Of an open log only what is copied is read. */
  hasRead(ends: ReadonlyMap<number, bigint>): boolean
  /** Which partitions keep the others from going on, once the source was read up to these ends; null: none. */
  lack(ends: ReadonlyMap<number, bigint>): Lack | null
  /** Of what was read so far. */
  readonly standings: Standings
  counts(): CopyCounts
}

/** How long an end waits for what is on its way. What is not acknowledged by then comes again. */
const SETTLE_MS = 5_000

export function createFlow(options: FlowOptions): Flow {
  const { source, from, to, places, prover, onEvent } = options
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const onWait = (waitMs: number) => onEvent({ type: 'waiting', waitMs })
  const open = () => createCarrier({ target: options.target, clock: options.clock, signal, onWait })
  const standings = createStandings(from.admins)
  const start = new Map(places.reached())
  const already = (partition: number) => start.get(partition) ?? 0n
  let copied = 0
  let marked = 0
  const onDone = (items: readonly Item[]) => {
    copied += items.length
    for (const { isMarked } of items) marked += Number(isMarked)
    onEvent({ type: 'progress', copied })
  }

  const partitions = { source: from.partitions, target: to.partitions }
  const createBranch = (type: 'definitions' | 'all', translate: Translate) => {
    const isOrdered = type === 'definitions'
    const carrier = open()
    const recordsMax = options.parcelRecordsMax
    const parcels = createParcels({ carrier, places, isOrdered, recordsMax, onDone })
    const policies: BarrierOptions = { carrier, parcels, places, signal, already, onDone }
    const barrier =
      isOrdered || partitions.source === partitions.target
        ? createPartitionBarrier(policies)
        : createCommonBarrier(policies, partitions)
    const scope = createScope({
      ...{ source, from, type, already, translate, prover, standings, parcels, barrier, places, signal },
    })
    return { carrier, barrier, scope }
  }
  // Each definition is waited for; behind the data that would never end.
  const definitions = createBranch('definitions', createDefinitionsTranslator(from, standings))
  const data = createBranch('all', createTranslator(from, partitions, standings))
  const branches = [definitions, data]

  return {
    async run(enough) {
      const scopes = branches.map(({ scope }) => scope.run())
      const stopped = aborted(signal).then(() => null)
      const waited = enough(signal)
      try {
        const failed = branches.map(({ carrier }) => carrier.failed)
        return await Promise.race([...scopes.map(onlyProblems), ...failed, stopped, waited])
      } finally {
        ending.abort()
        // Nothing may be appended any more behind the end, also where one of them has failed.
        const over = Promise.allSettled(scopes).then(() =>
          Promise.allSettled(branches.map(({ carrier }) => carrier.settle())),
        )
        await Promise.race([over, sleep(SETTLE_MS, undefined, { ref: false })])
      }
    },
    hasRead(ends) {
      for (const [partition, end] of ends) {
        const { scope } = partition === DEFINITIONS ? definitions : data
        if (scope.readTo(partition) < end) return false
      }
      return true
    },
    lack: (ends) => data.barrier.lack(ends, data.scope.readTo),
    standings,
    counts: () => ({ copied, marked, appendedAgain: data.carrier.appendedAgain() }),
  }
}

/** Resolves when there are problems; rejects as the task does. */
async function onlyProblems(task: Promise<Problems>): Promise<Problems> {
  return (await task) ?? new Promise<never>(() => {})
}
