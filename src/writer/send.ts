// Sends the changes of a source through a session as they come, and counts what became durable.

import { describeTie, faultOf } from './check.ts'
import type { Session } from './session.ts'
import { createProblemList, type Entry, type LineProblem, type Source } from './source.ts'
import type { TieCheck } from './ties.ts'

export interface SendOptions {
  readonly session: Session
  /** Leave lines out that are no valid change, instead of stopping at the first. */
  readonly skipInvalid: boolean
  /** As in the check; lines beyond it are no valid change. */
  readonly latestNs: () => bigint
  /** For a stream that no pass has checked before. */
  readonly ties: TieCheck | null
  /** Ends sending in an orderly way: what was sent is waited for. */
  readonly signal: AbortSignal
  readonly onProgress: (durable: number) => void
}

/**
 * `done`: everything valid is durable. `stopped`: at a bad line, at a message that every node will quarantine, or at
 * the signal (then without problems). `failed`: the source or the log gave up.
 */
export interface SendResult {
  readonly type: 'done' | 'stopped' | 'failed'
  /** Messages that the log acknowledged and the nodes will take. */
  readonly durable: number
  /** Messages that are in the log and that every node will quarantine. */
  readonly refused: number
  readonly skipped: number
  /** Why it stopped. */
  readonly problems: readonly LineProblem[]
  /** Why lines were left out: the first of them. */
  readonly skippedProblems: readonly LineProblem[]
  readonly error: unknown
}

/** The most changes in one append; fewer go when nothing is on its way, so that a slow stream is sent as it comes. */
const APPEND_CHANGES_MAX = 4_000

type ChangeEntry = Extract<Entry, { type: 'change' }>

export async function sendSource(source: Source, options: SendOptions): Promise<SendResult> {
  const { session, signal } = options
  const problems = createProblemList()
  const skipped = createProblemList()
  const pending = new Set<Promise<void>>()
  let queued: ChangeEntry[] = []
  let durable = 0
  let refused = 0
  let failure: { readonly error: unknown } | null = null

  async function append(entries: readonly ChangeEntry[]): Promise<void> {
    try {
      const outcomes = await session.append(entries.map((entry) => entry.change))
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome.type === 'durable') durable++
        else if (outcome.type === 'refused') {
          refused++
          problems.add({ line: entries[i]!.line, what: outcome.reason })
        }
      }
      options.onProgress(durable)
    } catch (error) {
      failure ??= { error }
    }
  }

  function flush(): void {
    if (queued.length === 0) return
    const sent = append(queued).then(() => {
      pending.delete(sent)
      if (pending.size === 0 && isGoingOn()) flush()
    })
    pending.add(sent)
    queued = []
  }

  const isGoingOn = (): boolean => failure === null && refused === 0 && !signal.aborted

  /** False: this line ends it. */
  function take(entry: Entry): boolean {
    const fault = faultOf(entry, options.latestNs())
    if (fault === null && entry.type === 'change') {
      const tie = options.ties?.see(entry.change, entry.line) ?? null
      if (tie === null) {
        queued.push(entry)
        return true
      }
      problems.add({ line: entry.line, what: describeTie(tie) })
      return false
    }
    const list = options.skipInvalid ? skipped : problems
    list.add({ line: entry.line, what: fault! })
    return options.skipInvalid
  }

  let isWhole = true
  try {
    reading: for await (const entries of source()) {
      for (const entry of entries) {
        if (!isGoingOn() || !take(entry)) {
          isWhole = false
          break reading
        }
        if (queued.length < APPEND_CHANGES_MAX) continue
        await session.room()
        flush()
      }
      if (pending.size === 0) flush()
    }
  } catch (error) {
    // A stream that is torn down because the user asked for the end is no failure.
    if (!signal.aborted) failure ??= { error }
  }
  if (isGoingOn()) flush()
  while (pending.size > 0) await Promise.all(pending)
  const type = failure !== null ? 'failed' : isWhole && isGoingOn() ? 'done' : 'stopped'
  // Read back through a cast: the compiler does not see the assignments inside the closures.
  const error = (failure as { readonly error: unknown } | null)?.error ?? null
  return {
    type,
    durable,
    refused,
    skipped: skipped.count(),
    problems: problems.first(),
    skippedProblems: skipped.first(),
    error,
  }
}
