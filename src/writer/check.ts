// The first pass over a file: everything that is wrong with it, before anything is sent.

import type { TypedChange } from '../codec/line.ts'
import { createStamp, stampToIso, ZERO_ORIGIN } from '../crdt/stamp.ts'
import type { RefuseAct } from './permission.ts'
import { createProblemList, type Entry, type LineProblem, type ProblemList, type Source } from './source.ts'
import { createTieCheck, createTieIndex, type Tie, type TieCheck } from './ties.ts'

export interface CheckOptions {
  /** A timestamp beyond this (nanoseconds since 1970) would be ahead of the log's clock. */
  readonly latestNs: bigint
  /** Whether the log's policy allows a change; all are allowed unless set. */
  readonly refuseAct?: RefuseAct
  /** For a source that can be read only once; else null, and the source is read again where that is needed. */
  readonly ties: TieCheck | null
  readonly signal: AbortSignal
  readonly onProgress: (lines: number) => void
  /** How many problems are kept of each kind; ten unless set. */
  readonly problemsKept?: number
  /** What the numbers of entries count; lines unless set. */
  readonly unit?: EntryUnit
}

export interface CheckResult {
  /** Lines that hold a valid change. */
  readonly valid: number
  /** Those of them that do not bring their timestamp. */
  readonly unstamped: number
  /** Lines that do not; the first ones are in `problems`. */
  readonly invalid: number
  readonly problems: readonly LineProblem[]
  /** Pairs of lines that contradict each other: never skipped, since either choice would be arbitrary. */
  readonly ties: number
  readonly tieProblems: readonly LineProblem[]
}

/** Reads the source once, and once more where rows and timestamps repeat. */
export async function checkSource(source: Source, options: CheckOptions): Promise<CheckResult> {
  const problems = createProblemList(options.problemsKept)
  const tieProblems = createProblemList(options.problemsKept)
  const index = createTieIndex()
  let valid = 0
  let unstamped = 0

  function take(change: TypedChange, line: number): void {
    valid++
    if (change.timeNs === null) unstamped++
    if (options.ties === null) index.add(change)
    else noteTie(tieProblems, options.ties.see(change, line), options.unit)
  }

  let seen = 0
  for await (const entries of source()) {
    options.signal.throwIfAborted()
    for (const entry of entries) {
      const fault = faultOf(entry, options.latestNs, options.refuseAct)
      if (fault !== null) problems.add({ line: entry.line, what: fault })
      else if (entry.type === 'change') take(entry.change, entry.line)
    }
    seen += entries.length
    options.onProgress(seen)
  }
  const suspects = index.findSuspects()
  if (suspects !== null) await findTies(source, suspects, options, tieProblems)
  return {
    valid,
    unstamped,
    invalid: problems.count(),
    problems: problems.first(),
    ties: tieProblems.count(),
    tieProblems: tieProblems.first(),
  }
}

/** Why an entry cannot be sent, or null when it can. */
export function faultOf(entry: Entry, latestNs: bigint, refuseAct?: RefuseAct): string | null {
  if (entry.type === 'bad') return entry.fault
  const { timeNs } = entry.change
  if (timeNs === null || timeNs <= latestNs) return refuseAct?.(entry.change) ?? null
  const iso = stampToIso(createStamp(timeNs, ZERO_ORIGIN))
  return `timestamp: ${iso} is further ahead of the present time than the log allows; correct it, or leave it out to have the change stamped now`
}

/** Lines are counted from 1, the items of an array from 0. */
export type EntryUnit = 'line' | 'item'

export function describeTie({ earlierLine, about }: Tie, unit: EntryUnit = 'line'): string {
  return `it has the timestamp of ${unit} ${earlierLine}, and they disagree about ${about}`
}

function noteTie(problems: ProblemList, tie: Tie | null, unit: EntryUnit | undefined): void {
  if (tie !== null) problems.add({ line: tie.line, what: describeTie(tie, unit) })
}

async function findTies(
  source: Source,
  suspects: (change: TypedChange) => boolean,
  { latestNs, refuseAct, signal, unit }: CheckOptions,
  problems: ProblemList,
): Promise<void> {
  const ties = createTieCheck()
  for await (const entries of source()) {
    signal.throwIfAborted()
    for (const entry of entries) {
      if (entry.type === 'bad' || !suspects(entry.change)) continue
      if (faultOf(entry, latestNs, refuseAct) !== null) continue
      noteTie(problems, ties.see(entry.change, entry.line), unit)
    }
  }
}
