// The first pass over a file: everything that is wrong with it, before anything is sent.

import type { TypedChange } from '../codec/line.ts'
import { createStamp, stampToIso, ZERO_ORIGIN } from '../crdt/stamp.ts'
import { createProblemList, type Entry, type LineProblem, type Source } from './source.ts'
import { createTieCheck, createTieIndex, type Tie } from './ties.ts'

export interface CheckOptions {
  /** A timestamp beyond this (nanoseconds since 1970) would be ahead of the log's clock. */
  readonly latestNs: bigint
  readonly signal: AbortSignal
  readonly onProgress: (lines: number) => void
}

export interface CheckResult {
  /** Lines that hold a valid change. */
  readonly valid: number
  /** Lines that do not; the first ones are in `problems`. */
  readonly invalid: number
  readonly problems: readonly LineProblem[]
  /** Pairs of lines that contradict each other: never skipped, since either choice would be arbitrary. */
  readonly ties: number
  readonly tieProblems: readonly LineProblem[]
}

/** Reads the source once, and once more where rows and timestamps repeat. */
export async function checkSource(source: Source, options: CheckOptions): Promise<CheckResult> {
  const problems = createProblemList()
  const index = createTieIndex()
  let valid = 0
  let seen = 0
  for await (const entries of source()) {
    options.signal.throwIfAborted()
    for (const entry of entries) {
      const fault = faultOf(entry, options.latestNs)
      if (fault !== null) problems.add({ line: entry.line, what: fault })
      else if (entry.type === 'change') {
        valid++
        index.add(entry.change)
      }
    }
    seen += entries.length
    options.onProgress(seen)
  }
  const ties = await findTies(source, index.findSuspects(), options)
  return {
    valid,
    invalid: problems.count(),
    problems: problems.first(),
    ties: ties.count(),
    tieProblems: ties.first(),
  }
}

/** Why an entry can not be sent, or null when it can. */
export function faultOf(entry: Entry, latestNs: bigint): string | null {
  if (entry.type === 'bad') return entry.fault
  const { timeNs } = entry.change
  if (timeNs === null || timeNs <= latestNs) return null
  const iso = stampToIso(createStamp(timeNs, ZERO_ORIGIN))
  return `timestamp: ${iso} is further ahead of the present time than the log allows`
}

export function describeTie({ earlierLine, about }: Tie): string {
  return `it has the timestamp of line ${earlierLine}, and they disagree about ${about}`
}

async function findTies(
  source: Source,
  suspects: ((change: TypedChange) => boolean) | null,
  { latestNs, signal }: CheckOptions,
) {
  const problems = createProblemList()
  if (suspects === null) return problems
  const ties = createTieCheck()
  for await (const entries of source()) {
    signal.throwIfAborted()
    for (const entry of entries) {
      if (entry.type === 'bad' || faultOf(entry, latestNs) !== null || !suspects(entry.change)) continue
      const tie = ties.see(entry.change, entry.line)
      if (tie !== null) problems.add({ line: entry.line, what: describeTie(tie) })
    }
  }
  return problems
}
