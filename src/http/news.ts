// What the door hears of the node that it belongs to: the node's events, as far as they matter here.

import type { Standing } from '../codec/policy/standing.ts'
import type { Stamp } from '../crdt/stamp.ts'
import type { LogIdentity } from '../store/store.ts'

export type NodeNews =
  | {
      readonly type: 'started'
      readonly identity: LogIdentity
      /** How many the log has. */
      readonly partitions: number
      /** Of the definitions. */
      readonly offset: bigint
      readonly rejudgedTo: bigint
      readonly positions: ReadonlyMap<number, bigint>
      /** What holds in the definitions. */
      readonly standing: Standing
    }
  | { readonly type: 'resumed'; readonly positions: ReadonlyMap<number, bigint> }
  | { readonly type: 'assigned'; readonly partitions: readonly number[] }
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
      readonly positions: ReadonlyMap<number, bigint>
      readonly offset: bigint
      readonly ms: number
    }
  | {
      readonly type: 'defined'
      readonly offset: bigint
      readonly taken: number
      readonly refused: number
      readonly standing: Standing
    }
  | { readonly type: 'settled'; readonly offset: bigint }
  | { readonly type: 'rejudged'; readonly judged: number; readonly merged: number }
  | { readonly type: 'waiting'; readonly what: string; readonly waitMs: number }
  /** The node goes on with a later copy of its log: positions are those of the copy from now on. */
  | { readonly type: 'moved' }
  | { readonly type: 'warning' | 'caught-up' | 'restarted' }
