// Reading the source and appending to the target, side by side, until somebody has enough.

import { setTimeout as sleep } from 'node:timers/promises'
import { DEFINITIONS } from '../../codec/record.ts'
import { aborted } from '../aborted.ts'
import { checkLog, type LogGenesis } from '../check.ts'
import type { Log, LogEvent, Problem } from '../log.ts'
import { createCarrier } from './carrier.ts'
import type { TargetClock } from './clock.ts'
import type { CopyCounts, CopyEvent } from './events.ts'
import { createParcels } from './parcels.ts'
import type { Places } from './places.ts'
import { createDefinitionsTranslator, createTranslator, type Item } from './translate.ts'

export interface FlowOptions {
  readonly source: Log
  readonly target: Log
  readonly from: LogGenesis
  readonly to: LogGenesis
  readonly clock: TargetClock
  readonly places: Places
  readonly signal: AbortSignal
  readonly onEvent: (event: CopyEvent) => void
  readonly parcelRecordsMax: number
}

export interface Flow {
  /**
   * Reads and appends until `enough` resolves or the signal is aborted, then waits a little for what is on its way; null.
   * Or until the source forbids going on: then the problems. `enough` is given a signal that ends its waiting.
   */
  run(enough: (signal: AbortSignal) => Promise<void>): Promise<readonly Problem[] | null>
  counts(): CopyCounts
}

/** How long an end waits for what is on its way. What is not acknowledged by then comes again. */
const SETTLE_MS = 5_000

type Problems = readonly Problem[] | null

export function createFlow(options: FlowOptions): Flow {
  const { source, from, to, places, onEvent } = options
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const onWait = (waitMs: number) => onEvent({ type: 'waiting', waitMs })
  const open = () => createCarrier({ target: options.target, clock: options.clock, signal, onWait })
  // Each definition is waited for; behind the data that would never end.
  const carriers = { definitions: open(), all: open() }
  const rules = { logId: from.logId, maxClockAheadMs: from.maxClockAheadMs }
  let copied = 0
  let marked = 0
  const onDone = (items: readonly Item[]) => {
    copied += items.length
    for (const { isMarked } of items) marked += Number(isMarked)
    onEvent({ type: 'progress', copied })
  }

  /** Null once the signal is aborted. */
  const copyScope = async (type: 'definitions' | 'all'): Promise<Problems> => {
    const isOrdered = type === 'definitions'
    const translate = isOrdered
      ? createDefinitionsTranslator(rules)
      : createTranslator(rules, { source: from.partitions, target: to.partitions })
    const parcels = createParcels({
      carrier: carriers[type],
      places,
      isOrdered,
      recordsMax: options.parcelRecordsMax,
      onDone,
    })
    const start = new Map(places.reached())
    // Of the definitions all are read, since the verdict on one depends on those before it.
    const positions = async () => (isOrdered ? new Map([[DEFINITIONS, 0n]]) : start)
    for await (const event of source.read({ scope: { type }, positions, signal })) {
      if (event.type === 'chunk') await copyChunk(event, start.get(event.partition) ?? 0n)
      else if (event.type !== 'assigned') {
        const problems = await findProblems(source, from)
        if (problems.length > 0) return problems
        if (event.type === 'lost') return [lostProblem(event.partition, event.position)]
      }
      if (signal.aborted) break
    }
    return null

    async function copyChunk(chunk: LogEvent & { readonly type: 'chunk' }, already: bigint): Promise<void> {
      const { partition, records, next, end } = chunk
      for (const record of records) {
        const item = translate(record)
        // The copy has a genesis of its own.
        if (record.offset > 0n && record.offset >= already) await parcels.add(partition, item)
        if (signal.aborted) return
      }
      if (next > already) await parcels.passed(partition, next, next === end)
    }
  }

  return {
    async run(enough) {
      const scopes = [copyScope('definitions'), copyScope('all')]
      const stopped = aborted(signal).then(() => null)
      const waited = enough(signal).then(() => null)
      try {
        const failed = [carriers.definitions.failed, carriers.all.failed]
        return await Promise.race([...scopes.map(onlyProblems), ...failed, stopped, waited])
      } finally {
        ending.abort()
        // Nothing may be appended any more behind the end, also where one of them has failed.
        const over = Promise.allSettled(scopes).then(() =>
          Promise.allSettled([carriers.definitions.settle(), carriers.all.settle()]),
        )
        await Promise.race([over, sleep(SETTLE_MS, undefined, { ref: false })])
      }
    },
    counts: () => ({ copied, marked, appendedAgain: carriers.all.appendedAgain() }),
  }
}

/** Resolves when there are problems; rejects as the task does. */
async function onlyProblems(task: Promise<Problems>): Promise<Problems> {
  return (await task) ?? new Promise<never>(() => {})
}

async function findProblems(source: Log, genesis: LogGenesis): Promise<readonly Problem[]> {
  const checked = checkLog(await source.describe())
  if (checked.type === 'refused') return checked.problems
  if (checked.genesis.copyId === genesis.copyId) return []
  const what = `the source was replaced while it was copied: it is copy ${checked.genesis.copyId} now, and was ${genesis.copyId}`
  return [{ what, remedy: 'delete the target, and copy the log that is there now' }]
}

function lostProblem(partition: number, position: bigint): Problem {
  const place = partition === DEFINITIONS ? 'the definitions' : `partition ${partition}`
  return {
    what: `the source no longer has offset ${position} of ${place}: it was truncated or made anew`,
    remedy: 'bring the whole log back, then run the copy again',
  }
}
