// Keeps appends under way: gathers changes while others are on their way, and counts what becomes durable.

import type { Outcome, Sender } from './sending.ts'
import { type ChangeEntry, createProblemList, type LineProblem } from './source.ts'

export interface Pump<C> {
  /** Queues a change; resolves when there is room for more. */
  push(entry: ChangeEntry<C>): Promise<void> | undefined
  /** Sends what is queued unless something is on its way: a slow stream is sent as it comes. */
  nudge(): void
  /** Sends the rest and waits for all answers. */
  drain(): Promise<void>
  /** False once the log has failed, or a node would refuse what was sent: nothing more should be pushed. */
  isSound(): boolean
  durable(): number
  /** Messages that are in the log and that every node will quarantine. */
  refused(): number
  refusals(): readonly LineProblem[]
  failure(): { readonly error: unknown } | null
}

/** The most changes in one append, and about their bytes; fewer go when nothing is on its way. */
const APPEND_CHANGES_MAX = 4_000
const APPEND_BYTES_MAX = 1024 * 1024

/** Hears what became of changes, in their order. */
export type OnSent<C> = (entries: readonly ChangeEntry<C>[], outcomes: readonly Outcome[]) => void

export interface PumpOptions<C> {
  readonly sender: Sender<C>
  /** About, of a change as a message. */
  readonly bytesOf: (change: C) => number
  readonly onProgress: (durable: number) => void
  readonly onSent?: OnSent<C>
}

export function createPump<C>({ sender, bytesOf, onProgress, onSent }: PumpOptions<C>): Pump<C> {
  const refusals = createProblemList()
  const pending = new Set<Promise<void>>()
  let queued: ChangeEntry<C>[] = []
  let queuedBytes = 0
  let durable = 0
  let failure: { readonly error: unknown } | null = null
  const isSound = () => failure === null && refusals.count() === 0

  async function append(entries: readonly ChangeEntry<C>[]): Promise<void> {
    try {
      const outcomes = await sender.append(entries.map((entry) => entry.change))
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome.type === 'durable') durable++
        else if (outcome.type === 'refused') refusals.add({ line: entries[i]!.line, what: outcome.reason })
        else if (outcome.error !== null) failure ??= { error: outcome.error }
      }
      onSent?.(entries, outcomes)
      onProgress(durable)
    } catch (error) {
      failure ??= { error }
    }
  }

  function flush(): void {
    if (queued.length === 0 || !isSound()) return
    const sent = append(queued).then(() => {
      pending.delete(sent)
      nudge()
    })
    pending.add(sent)
    queued = []
    queuedBytes = 0
  }

  function nudge(): void {
    if (pending.size === 0) flush()
  }

  async function makeRoom(): Promise<void> {
    await sender.room()
    flush()
  }

  return {
    push(entry) {
      queued.push(entry)
      queuedBytes += bytesOf(entry.change)
      return queued.length < APPEND_CHANGES_MAX && queuedBytes < APPEND_BYTES_MAX ? undefined : makeRoom()
    },
    nudge,
    async drain() {
      flush()
      while (pending.size > 0) await Promise.all(pending)
    },
    isSound,
    durable: () => durable,
    refused: refusals.count,
    refusals: refusals.first,
    failure: () => failure,
  }
}
