// What the tasks of a running node share: its ports, its effects, the catalogue in force, and the lock around a change of it.

import type { Catalogue } from '../codec/catalogue.ts'
import type { Standing } from '../codec/policy/standing.ts'
import type { Judge, OpenJudge } from '../codec/verdict.ts'
import type { HashSeed } from '../crdt/packed/siphash.ts'
import type { Stamp } from '../crdt/stamp.ts'
import type { Log, Problem } from '../log/log.ts'
import type { ProofPool } from '../proofs/pool.ts'
import type { LogIdentity, Store } from '../store/store.ts'
import type { Retry } from './retry.ts'

/** What a node tells of itself while it runs; for people and for metrics, never for decisions. */
export type NodeEvent =
  | {
      readonly type: 'started'
      readonly identity: LogIdentity
      readonly partitions: number
      /** Of the definitions. */
      readonly offset: bigint
      /** The definitions offset for which all parked messages have been judged again. */
      readonly rejudgedTo: bigint
      /** By partition, below which everything has been processed; also by other workers of the node. */
      readonly positions: ReadonlyMap<number, bigint>
      /** What holds in the definitions. */
      readonly standing: Standing
    }
  /** The log is a copy of the one that the state stood on: rows stay, and everything is read again. */
  | { readonly type: 'moved'; readonly from: LogIdentity; readonly to: LogIdentity }
  | { readonly type: 'warning'; readonly text: string }
  /** Where the reading of partitions goes on from, as the store has it; before `assigned`. */
  | { readonly type: 'resumed'; readonly positions: ReadonlyMap<number, bigint> }
  | { readonly type: 'assigned'; readonly partitions: readonly number[] }
  /** A batch is about to be written: the newest that it holds, null without mutations. */
  | {
      readonly type: 'committing'
      readonly newestStamp: Stamp | null
      readonly newestAppendMs: bigint | null
    }
  | {
      readonly type: 'committed'
      readonly consumed: number
      readonly merged: number
      readonly parked: number
      readonly quarantined: number
      /** Of the partitions that the batch moved. */
      readonly positions: ReadonlyMap<number, bigint>
      /** Of the definitions that the batch was judged by. */
      readonly offset: bigint
      readonly ms: number
    }
  | { readonly type: 'caught-up'; readonly partition: number; readonly position: bigint }
  | {
      readonly type: 'defined'
      readonly offset: bigint
      readonly taken: number
      readonly refused: number
      readonly standing: Standing
    }
  /** Nothing is left to judge again under the definitions below this offset. */
  | { readonly type: 'settled'; readonly offset: bigint }
  | { readonly type: 'rejudged'; readonly judged: number; readonly merged: number }
  | { readonly type: 'restarted'; readonly reason: string }
  | { readonly type: 'waiting'; readonly what: string; readonly error: unknown; readonly waitMs: number }

/** How a run of the node, or of one of its tasks, ended. */
export type Outcome =
  /** The signal was aborted. */
  | { readonly type: 'stopped' }
  /** Everything that the log held at the start has been processed. */
  | { readonly type: 'ended' }
  /** Somebody else moved the state: read it again and go on from there. */
  | { readonly type: 'restart'; readonly reason: string }
  /** The log, or this node's membership, is not what it has to be. */
  | { readonly type: 'refused'; readonly problems: readonly Problem[] }

export const STOPPED = { type: 'stopped' } as const

export interface Context {
  readonly log: Log
  readonly store: Store
  readonly identity: LogIdentity
  readonly judge: Judge
  /** Of messages that have passed the policy before. */
  readonly openJudge: OpenJudge
  /** What holds at the beginning of every partition: open, or guarded by the admins of the genesis. */
  readonly initialStanding: Standing
  /** Verifies signatures; null in an open log, where they decide nothing. */
  readonly proofs: ProofPool | null
  /** From the log's genesis. */
  readonly maxClockAheadMs: bigint
  /** Of the fold's hash tables: random, because keys come from strangers. What is written does not depend on it. */
  readonly hashSeed: HashSeed
  readonly retry: Retry
  readonly signal: AbortSignal
  readonly emit: (event: NodeEvent) => void
  /** Runs the checks of the log and of this node's membership: why this session has to end, or null. */
  readonly check: () => Promise<Outcome | null>
  /** Whether this worker may be a member of its group; what it finds forbids going on. */
  readonly checkMembership: () => Promise<readonly Problem[]>
  /** The catalogue under which messages are judged now. Moved by the definitions task alone, under `lock`. */
  catalogue: Catalogue
  /** What holds in the definitions at the catalogue's offset; moves with it. */
  standing: Standing
  /** Held while a chunk is folded, and while a definition is taken. */
  readonly lock: Lock
  /** Writes out what has been folded, and waits for it; set by the apply task, called by the definitions task. */
  drain: () => Promise<void>
  /** Wakes the task that judges parked messages again. */
  readonly wakeRejudge: Bell
}

export interface Lock {
  run<T>(work: () => Promise<T>): Promise<T>
}

/** Runs pieces of work one after the other, in the order in which they asked. */
export function createLock(): Lock {
  let tail: Promise<unknown> = Promise.resolve()
  return {
    run(work) {
      const turn = tail.then(work)
      tail = turn.catch(() => {})
      return turn
    },
  }
}

/** A bell that can be rung before anybody waits for it. */
export interface Bell {
  ring(): void
  /** Resolves when the bell has been rung since the last wait, or when the signal is aborted. */
  wait(signal: AbortSignal): Promise<void>
}

export function createBell(): Bell {
  let rung = false
  let wake: () => void = () => {}
  return {
    ring() {
      rung = true
      wake()
    },
    async wait(signal) {
      if (!rung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
      }
      rung = false
    },
  }
}
