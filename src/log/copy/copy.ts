// Copying a log into another one: resumable at any point, complete, and with every verdict of the source.

import { setTimeout as sleep } from 'node:timers/promises'
import { DEFINITIONS } from '../../codec/record.ts'
import type { SigningKey } from '../../codec/signing/batch-signer.ts'
import { checkLog, type LogGenesis } from '../check.ts'
import type { KeptLog, Log, LogDescription, Problem } from '../log.ts'
import { copyBookmark, keepBookmark } from './bookmark.ts'
import { createTargetClock } from './clock.ts'
import {
  type Closing,
  closeGuardedLog,
  closeLog,
  partitionsBehindClose,
  refuseClosing,
  refuseUnclosed,
} from './close.ts'
import type { CopyCounts, CopyEvent } from './events.ts'
import { createFlow, type Flow } from './flow.ts'
import { createPlaces, type Places } from './places.ts'
import { lackProblem } from './policy-problems.ts'
import { createRecordsProver } from './prove.ts'
import type { Problems } from './scope.ts'
import { prepareTarget } from './target.ts'

export interface CopyOptions {
  readonly source: KeptLog
  /** Its partitions exist. */
  readonly target: Log
  /** Ends the source: an open one first, a guarded one once the copy has caught up and knows who its admins are. */
  readonly isClosing: boolean
  /** Signs the closes of a guarded log. */
  readonly key?: SigningKey | null
  readonly signal: AbortSignal
  /** A random uuid, for a copy that is new. */
  readonly copyId: string
  /** A clock of this machine that is never set, milliseconds. */
  readonly nowMs: () => number
  readonly onEvent: (event: CopyEvent) => void
  /** Records that are appended in one go, at most. 5,000 unless set. */
  readonly parcelRecordsMax?: number
}

export type CopyOutcome =
  /** Everything is there that the source held when the last pass began. */
  | {
      readonly type: 'copied'
      readonly genesis: LogGenesis
      readonly counts: CopyCounts
      readonly closing: Closing | null
      /** Where, after a close that cannot refuse appends, writers have appended since; DEFINITIONS among them. */
      readonly behindClose: readonly number[]
    }
  /** The signal was aborted: to be gone on with. */
  | { readonly type: 'stopped'; readonly genesis: LogGenesis | null; readonly counts: CopyCounts }
  | { readonly type: 'refused'; readonly problems: readonly Problem[] }

/** A pass that took no longer leaves little behind: the copy has caught up. */
const SHORT_PASS_MS = 5_000
const PARCEL_RECORDS_MAX = 5_000

type Ends = ReadonlyMap<number, bigint>

/**
 * Copies until everything is in the target that the source held when the last pass began; a pass is short where writers
 * go on. Throws what the logs throw when they give up: then it can be gone on with.
 */
export async function copyLog(options: CopyOptions): Promise<CopyOutcome> {
  const { source, target, isClosing, onEvent } = options
  const checked = checkLog(await source.describe())
  if (checked.type === 'refused') return checked
  const from = checked.genesis
  const keyless = isClosing ? refuseClosing(from, options.key ?? null) : null
  if (keyless !== null) return { type: 'refused', problems: [keyless] }
  const prepared = await prepareTarget(from, target, options.copyId)
  if (prepared.type === 'refused') return prepared
  const { genesis } = prepared
  const bookmark = copyBookmark(genesis.copyId)
  const places = createPlaces(await source.loadBookmark(bookmark))
  const isGuarded = from.admins.length > 0
  let closing: Closing | null = null
  const noteClosing = (how: Closing): void => {
    closing = how
    onEvent({ type: 'closed', closing: how })
  }
  if (isClosing && !isGuarded) noteClosing(await closeLog(source, from.generation))
  const ends = endsOf(await source.describe())
  onEvent({ type: 'began', genesis, isNew: prepared.isNew, records: missing(places, ends) })

  const prover = createRecordsProver(from.logId)
  const flow = createFlow({
    ...options,
    parcelRecordsMax: options.parcelRecordsMax ?? PARCEL_RECORDS_MAX,
    prover,
    clock: await clockOf(target, options.nowMs),
    places,
    from,
    to: genesis,
  })
  const enough = async (signal: AbortSignal): Promise<Problems> => {
    const isSigning = isClosing && isGuarded
    const problems = await catchUp(options, flow, places, ends, isSigning, signal)
    if (problems !== null || signal.aborted || !isSigning) return problems
    const closed = await closeGuardedLog(source, from, options.key!, flow.standings)
    if (typeof closed === 'object') return [closed]
    noteClosing(closed)
    return catchUp(options, flow, places, endsOf(await source.describe()), isSigning, signal)
  }
  const keeping = new AbortController()
  const kept = keepBookmark(source, bookmark, places, keeping.signal)
  try {
    const problems = await flow.run((signal) => Promise.race([enough(signal), kept.then(() => null)]))
    if (problems !== null) return { type: 'refused', problems }
  } finally {
    keeping.abort()
    await prover.close()
    await kept
  }
  const counts = flow.counts()
  if (options.signal.aborted) return { type: 'stopped', genesis, counts }
  const behind = await findBehind(source, from, flow, closing)
  if ('what' in behind) return { type: 'refused', problems: [behind] }
  return { type: 'copied', genesis, counts, closing, behindClose: behind }
}

async function clockOf(target: Log, nowMs: () => number) {
  const clock = createTargetClock(nowMs)
  for (const { partition, genesis: first } of statesOf(await target.describe())) {
    if (first !== null) clock.hasPassed(partition, first.appendMs)
  }
  return clock
}

/** Where writers have appended behind a close; or that the close is none. */
async function findBehind(
  source: KeptLog,
  { generation, partitions }: LogGenesis,
  { standings }: Flow,
  closing: Closing | null,
): Promise<readonly number[] | Problem> {
  if (closing === 'recorded') return partitionsBehindClose(source, generation)
  if (closing !== 'signed') return []
  const all = [DEFINITIONS, ...Array.from({ length: partitions }, (_, partition) => partition)]
  const unclosed = refuseUnclosed(all, standings)
  if (unclosed !== null) return unclosed
  const ends = endsOf(await source.describe())
  return all.filter((partition) => ends.get(partition)! > standings.closedAt(partition)! + 1n)
}

/** A `policy apply` that goes on while it is looked at is done by then. */
const APPLYING_MS = 1_000

/**
 * Waits until the target has what the source holds; in passes, since more may come meanwhile. Or until nothing can be
 * gone on with, because a policy is not in all partitions and does not come.
 */
async function catchUp(
  { source, nowMs }: CopyOptions,
  flow: Flow,
  places: Places,
  first: Ends,
  isReadWhole: boolean,
  signal: AbortSignal,
): Promise<Problems> {
  let missed = 0
  // Of a source that was copied before, it may not be known yet what stands in it.
  const isDone = (ends: Ends) => places.hasReached(ends) && (!isReadWhole || flow.hasRead(ends))
  for (let ends = first; ; ) {
    const beganMs = nowMs()
    while (!isDone(ends)) {
      if (signal.aborted) return null
      const lack = flow.lack(ends)
      if (lack === null) {
        await places.change()
        continue
      }
      if (lack.version === missed) {
        const closed = lack.lacking.filter((partition) => flow.standings.closedAt(partition) !== null)
        return [lackProblem(lack, closed, ends.size - 1)]
      }
      missed = lack.version
      await sleep(APPLYING_MS, undefined, { signal }).catch(() => {})
      ends = endsOf(await source.describe())
    }
    if (signal.aborted || nowMs() - beganMs < SHORT_PASS_MS) return null
    ends = endsOf(await source.describe())
  }
}

function endsOf(description: LogDescription): Ends {
  return new Map(statesOf(description).map(({ partition, end }) => [partition, end]))
}

function statesOf({ partitions, definitions }: LogDescription) {
  return definitions === null ? partitions : [...partitions, definitions]
}

/** Records between where the copy is and the ends; the genesis is not one of them. */
function missing(places: Places, ends: Ends): bigint {
  let count = 0n
  for (const [partition, end] of ends) {
    const at = places.reached().get(partition) ?? 0n
    if (end > at) count += end - (at > 1n ? at : 1n)
  }
  return count
}
