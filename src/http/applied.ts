// What this node has applied of the log, for those who wait for it: told by its own events where this process reads a
// partition, else by looks at its database, which happen only while somebody waits.

import { DEFINITIONS, type Pointer } from '../codec/record.ts'
import { createWaker } from '../log/waker.ts'
import type { LogIdentity } from '../store/store.ts'
import type { NodeNews } from './news.ts'

/** How far the node is in its database. */
export interface Look {
  /** By partition, DEFINITIONS included. Absent: 0. */
  readonly positions: ReadonlyMap<number, bigint>
  /** True while parked messages are being judged under newer definitions. */
  readonly isJudgingAgain: boolean
}

export interface AppliedOptions {
  /** Null when the database follows another log, or none yet. */
  readonly look: (identity: LogIdentity) => Promise<Look | null>
}

/** `moved`: the node has left for another copy of its log, whose places are others. */
export type Reached = 'applied' | 'timeout' | 'moved'

export interface Applied {
  note(news: NodeNews): void
  /** Null before the node has started. */
  identity(): LogIdentity | null
  partitions(): number
  /** The offset of a data partition below which everything is in the tables. */
  position(partition: number): bigint
  /** Everything is judged by the definitions below this offset, what was parked before them too. */
  settled(): bigint
  /** Calls `onMove` after every step, until the answer is called. Looks at other workers' partitions that often, in ms. */
  watch(onMove: () => void, everyMs: number): () => void
  /**
   * Resolves with `applied` once the messages at these places, which the definitions below `offset` allow, are in the
   * tables: whoever reads them afterwards sees them, or something newer.
   */
  reached(places: Places, offset: bigint, signal: AbortSignal): Promise<Reached>
}

/** By partition the least and the greatest offset of some messages. */
export type Places = ReadonlyMap<number, { readonly least: bigint; readonly greatest: bigint }>

export function addPlace(
  places: Map<number, { least: bigint; greatest: bigint }>,
  { partition, offset }: Pointer,
): void {
  const held = places.get(partition)
  if (held === undefined) places.set(partition, { least: offset, greatest: offset })
  else if (offset < held.least) held.least = offset
  else if (offset > held.greatest) held.greatest = offset
}

/** A partition, and by which definitions its messages were judged: from `judgedFrom` on by those below `judgedBy`. */
interface Progress {
  position: bigint
  judgedBy: bigint
  judgedFrom: bigint
}

interface Watcher {
  readonly onMove: () => void
  readonly everyMs: number
}

const WAIT_LOOK_MS = 20

export function createApplied({ look }: AppliedOptions): Applied {
  const progress = new Map<number, Progress>()
  const watchers = new Set<Watcher>()
  let identity: LogIdentity | null = null
  let partitions = 0
  let mine: ReadonlySet<number> = new Set()
  let settled = 0n
  /** Counts the copies of the log that the node has followed. */
  let copy = 0
  let isLooking = false
  const looker = createWaker(new AbortController().signal)

  const moved = (): void => {
    for (const { onMove } of [...watchers]) onMove()
  }
  const place = (partition: number, position: bigint): void => {
    const held = progress.get(partition)
    // By which definitions, is not known: whoever needs to know waits until nothing is left to judge again.
    if (held?.position !== position) progress.set(partition, { position, judgedBy: 0n, judgedFrom: position })
  }
  const advance = (partition: number, position: bigint, judgedBy: bigint): void => {
    const held = progress.get(partition)
    const judgedFrom =
      held === undefined ? position : held.judgedBy === judgedBy ? held.judgedFrom : held.position
    progress.set(partition, { position, judgedBy, judgedFrom })
  }

  /** True when something has moved. */
  function takeNews(news: NodeNews): boolean {
    switch (news.type) {
      case 'moved':
        copy++
        identity = null
        progress.clear()
        settled = 0n
        return true
      case 'started':
        identity = news.identity
        partitions = news.partitions
        settled = news.rejudgedTo
        for (const [partition, position] of news.positions) place(partition, position)
        return true
      case 'resumed':
        for (const [partition, position] of news.positions) place(partition, position)
        return true
      case 'assigned':
        mine = new Set(news.partitions)
        void keepLooking()
        return false
      case 'committed':
        for (const [partition, position] of news.positions) advance(partition, position, news.offset)
        return true
      case 'settled':
        if (news.offset > settled) settled = news.offset
        return true
      default:
        return false
    }
  }

  /** Positions that other workers moved. A look that was overtaken by an event says less than that. */
  function take({ positions, isJudgingAgain }: Look): void {
    for (const [partition, position] of positions) {
      if (partition === DEFINITIONS) {
        if (!isJudgingAgain && position > settled) settled = position
      } else if (position > (progress.get(partition)?.position ?? 0n)) {
        place(partition, position)
      }
    }
    moved()
  }

  async function keepLooking(): Promise<void> {
    if (isLooking) return
    isLooking = true
    while (watchers.size > 0 && mine.size < partitions) {
      const before = copy
      // While the database is away there is nothing to see; the next look comes all the same.
      const seen = identity === null ? null : await look(identity).catch(() => null)
      if (seen !== null && before === copy) take(seen)
      const everyMs = Math.min(...[...watchers].map((watcher) => watcher.everyMs))
      if (watchers.size > 0) await looker.wait(everyMs)
    }
    isLooking = false
  }

  function watch(onMove: () => void, everyMs: number): () => void {
    const watcher = { onMove, everyMs }
    watchers.add(watcher)
    // One that wants to look sooner does not wait for the others.
    looker.wake()
    void keepLooking()
    return () => void watchers.delete(watcher)
  }

  function isApplied(places: Places, offset: bigint): boolean {
    for (const [partition, { least, greatest }] of places) {
      const held = progress.get(partition)
      if (held === undefined || held.position <= greatest) return false
      const isJudged = held.judgedBy >= offset && least >= held.judgedFrom
      if (!isJudged && settled < offset) return false
    }
    return true
  }

  return {
    note(news) {
      if (takeNews(news)) moved()
    },
    identity: () => identity,
    partitions: () => partitions,
    position: (partition) => progress.get(partition)?.position ?? 0n,
    settled: () => settled,
    watch,
    reached(places, offset, signal) {
      const began = copy
      const answer = (): Reached | null => {
        if (copy !== began) return 'moved'
        if (isApplied(places, offset)) return 'applied'
        return signal.aborted ? 'timeout' : null
      }
      const { promise, resolve } = Promise.withResolvers<Reached>()
      const check = (): void => {
        const found = answer()
        if (found === null) return
        unwatch()
        signal.removeEventListener('abort', check)
        resolve(found)
      }
      const unwatch = watch(check, WAIT_LOOK_MS)
      signal.addEventListener('abort', check)
      check()
      return promise
    },
  }
}
