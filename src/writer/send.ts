// Sends the changes of a source through a session as they come, and counts what became durable.

import { boundMutation } from '../codec/avro-encode.ts'
import type { TypedChange } from '../codec/line.ts'
import { describeTie, faultOf } from './check.ts'
import type { RefuseAct } from './permission.ts'
import { createPump, type PumpOptions } from './pump.ts'
import { type ChangeEntry, createProblemList, type Entry, type LineProblem, type Source } from './source.ts'
import type { TieCheck } from './ties.ts'

/** Of changes of any kind. */
export interface SendEntriesOptions<C> extends PumpOptions<C> {
  /** Why an entry is not sent, or null. */
  readonly refuse: (entry: Entry<C>) => EntryFault | null
  /** Leave lines out that are no valid change, instead of stopping at the first. */
  readonly skipInvalid: boolean
  /** Ends sending in an orderly way: what was sent is waited for. */
  readonly signal: AbortSignal
  /** How many problems are kept of each kind; ten unless set. */
  readonly problemsKept?: number
  /** Resolves when whoever hears of what was sent can hear more: nothing is read before. */
  readonly listenerRoom?: () => Promise<void>
}

export interface EntryFault {
  readonly what: string
  /** False for what is never left out: sending stops there. */
  readonly canBeSkipped: boolean
}

export interface SendOptions extends Omit<SendEntriesOptions<TypedChange>, 'bytesOf' | 'refuse'> {
  /** As in the check; lines beyond it are no valid change. */
  readonly latestNs: () => bigint
  /** As in the check. */
  readonly refuseAct?: RefuseAct
  /** For a stream that no pass has checked before. */
  readonly ties: TieCheck | null
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

export function sendSource(source: Source, options: SendOptions): Promise<SendResult> {
  return sendEntries(source, {
    ...options,
    bytesOf: boundMutation,
    refuse: (entry) => refuseChange(entry, options.latestNs(), options.ties, options.refuseAct),
  })
}

export async function sendEntries<C>(source: Source<C>, options: SendEntriesOptions<C>): Promise<SendResult> {
  const { signal, skipInvalid } = options
  const pump = createPump(options)
  const problems = createProblemList(options.problemsKept)
  const skipped = createProblemList(options.problemsKept)
  let readFailure: { readonly error: unknown } | null = null
  let isWhole = true
  try {
    reading: for await (const entries of source()) {
      for (const entry of entries) {
        const fault = options.refuse(entry)
        if (fault?.canBeSkipped === true && skipInvalid) skipped.add({ line: entry.line, what: fault.what })
        else if (fault !== null) problems.add({ line: entry.line, what: fault.what })
        isWhole = !signal.aborted && pump.isSound() && problems.count() === 0
        if (!isWhole) break reading
        if (fault === null) await pump.push(entry as ChangeEntry<C>)
      }
      pump.nudge()
      await options.listenerRoom?.()
    }
  } catch (error) {
    // A stream that is torn down because the user asked for the end is no failure.
    if (!signal.aborted) readFailure = { error }
    isWhole = false
  }
  await pump.drain()
  const failure = readFailure ?? pump.failure()
  return {
    type: failure !== null ? 'failed' : isWhole && pump.isSound() ? 'done' : 'stopped',
    durable: pump.durable(),
    refused: pump.refused(),
    skipped: skipped.count(),
    problems: [...problems.first(), ...pump.refusals()],
    skippedProblems: skipped.first(),
    error: failure?.error ?? null,
  }
}

/** Why a change is not sent, or null. A contradiction is never skipped: either choice would be arbitrary. */
export function refuseChange(
  entry: Entry,
  latestNs: bigint,
  ties: TieCheck | null,
  refuseAct?: RefuseAct,
): EntryFault | null {
  const fault = faultOf(entry, latestNs, refuseAct)
  if (fault !== null) return { what: fault, canBeSkipped: true }
  const tie = entry.type === 'change' ? (ties?.see(entry.change, entry.line) ?? null) : null
  return tie === null ? null : { what: describeTie(tie), canBeSkipped: false }
}
