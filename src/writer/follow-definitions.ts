// The definitions as the log has them now, and the policy among them: read from its start, then followed for as long as somebody writes.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Defined, type DefinitionRules, judgeDefinitions, nothingDefined } from '../codec/definitions.ts'
import type { LogRecord } from '../codec/record.ts'
import type { ProveAll } from '../codec/signing/proof.ts'
import type { LogGenesis } from '../log/check.ts'
import type { Log, LogEvent } from '../log/log.ts'

export interface FollowedDefinitions {
  /** Resolves when everything has been read that the log held at the start. */
  readonly current: Promise<void>
  /** What is known so far. The catalogue only ever grows, and its `offset` with it. */
  defined(): Defined
  close(): void
}

export interface FollowOptions {
  readonly log: Log
  readonly genesis: Pick<LogGenesis, 'logId' | 'generation' | 'admins'>
  /** Verifies signatures of many definitions; on this thread unless set. */
  readonly prove?: ProveAll
  /** The log no longer has what was read of it: what is known here is of no use. */
  readonly onLost: () => void
}

/** Between two attempts at reading, while the log is away. */
const RETRY_MS = 500

export function followDefinitions({ log, genesis, prove, onLost }: FollowOptions): FollowedDefinitions {
  const ending = new AbortController()
  const { signal } = ending
  const current = Promise.withResolvers<void>()
  let defined = nothingDefined(genesis.admins)

  /** Until the reading ends; true when the log has lost them. */
  async function read(): Promise<boolean> {
    const events = log.read({
      scope: { type: 'definitions' },
      positions: async (partitions) =>
        new Map(partitions.map((partition) => [partition, defined.catalogue.offset])),
      signal,
    })
    for await (const event of events) {
      if (event.type === 'lost') return true
      if (event.type !== 'chunk') continue
      if (event.next > event.from) defined = await take(defined, event)
      if (event.next === event.end) current.resolve()
    }
    return false
  }

  async function take(
    held: Defined,
    { records, next }: Extract<LogEvent, { type: 'chunk' }>,
  ): Promise<Defined> {
    const all = [...records]
    const rules = held.standing.type === 'open' || prove === undefined ? genesis : await proven(all, prove)
    const { catalogue, standing } = judgeDefinitions(held, all, next, rules)
    return { catalogue, standing }
  }

  /** Anybody may append, and as much as he likes: others must not wait while it is verified. */
  async function proven(records: readonly LogRecord[], proveAll: ProveAll): Promise<DefinitionRules> {
    const proofs = await proveAll(genesis.logId, records)
    const proofOf = new Map(records.map((record, i) => [record, proofs[i]!]))
    return { ...genesis, prove: (record) => proofOf.get(record)! }
  }

  async function follow(): Promise<void> {
    while (!signal.aborted) {
      // An error of the log passes, or whoever appends is told of it too.
      const isLost = await read().catch(() => false)
      if (isLost) return onLost()
      await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  void follow()
  return { current: current.promise, defined: () => defined, close: () => ending.abort() }
}
