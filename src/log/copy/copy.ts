// Copying a log into another one: resumable at any point, complete, and with every verdict of the source.

import { checkLog, type LogGenesis } from '../check.ts'
import type { KeptLog, Log, LogDescription, Problem } from '../log.ts'
import { copyBookmark, keepBookmark } from './bookmark.ts'
import { createTargetClock } from './clock.ts'
import { type Closing, closeLog, partitionsBehindClose } from './close.ts'
import type { CopyCounts, CopyEvent } from './events.ts'
import { createFlow } from './flow.ts'
import { createPlaces, type Places } from './places.ts'
import { prepareTarget } from './target.ts'

export interface CopyOptions {
  readonly source: KeptLog
  /** Its partitions exist. */
  readonly target: Log
  /** Ends the source first. */
  readonly isClosing: boolean
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
      /** Where, after a close that only is recorded, writers have appended since; DEFINITIONS among them. */
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
  const { source, target, onEvent } = options
  const described = await source.describe()
  const checked = checkLog(described)
  if (checked.type === 'refused') return checked
  const prepared = await prepareTarget(checked.genesis, target, options.copyId)
  if (prepared.type === 'refused') return prepared
  const { genesis } = prepared
  const bookmark = copyBookmark(genesis.copyId)
  const places = createPlaces(await source.loadBookmark(bookmark))
  let closing: Closing | null = null
  if (options.isClosing) {
    closing = await closeLog(source, checked.genesis.generation)
    onEvent({ type: 'closed', closing })
  }
  const ends = endsOf(await source.describe())
  onEvent({ type: 'began', genesis, isNew: prepared.isNew, records: missing(places, ends) })

  const clock = createTargetClock(options.nowMs)
  for (const { partition, genesis: first } of statesOf(await target.describe())) {
    if (first !== null) clock.hasPassed(partition, first.appendMs)
  }
  const flow = createFlow({
    ...options,
    parcelRecordsMax: options.parcelRecordsMax ?? PARCEL_RECORDS_MAX,
    clock,
    places,
    from: checked.genesis,
    to: genesis,
  })
  const keeping = new AbortController()
  const kept = keepBookmark(source, bookmark, places, keeping.signal)
  try {
    const caughtUp = (signal: AbortSignal) => catchUp(options, places, ends, signal)
    const problems = await flow.run((signal) => Promise.race([caughtUp(signal), kept]))
    if (problems !== null) return { type: 'refused', problems }
  } finally {
    keeping.abort()
    await kept
  }
  const counts = flow.counts()
  if (options.signal.aborted) return { type: 'stopped', genesis, counts }
  const behindClose =
    closing === 'recorded' ? await partitionsBehindClose(source, checked.genesis.generation) : []
  return { type: 'copied', genesis, counts, closing, behindClose }
}

/** Waits until the target has what the source holds; in passes, since more may come meanwhile. */
async function catchUp(
  { source, nowMs }: CopyOptions,
  places: Places,
  first: Ends,
  signal: AbortSignal,
): Promise<void> {
  for (let ends = first; ; ) {
    const beganMs = nowMs()
    while (!places.hasReached(ends)) {
      if (signal.aborted) return
      await places.change()
    }
    if (signal.aborted || nowMs() - beganMs < SHORT_PASS_MS) return
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
