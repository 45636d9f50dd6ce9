// What the door hears of the node that it belongs to: the node's events, as far as they matter here.

export type NodeNews =
  | {
      readonly type: 'started'
      /** Of the definitions. */
      readonly offset: bigint
      readonly positions: ReadonlyMap<number, bigint>
    }
  | { readonly type: 'resumed'; readonly positions: ReadonlyMap<number, bigint> }
  | { readonly type: 'assigned'; readonly partitions: readonly number[] }
  | {
      readonly type: 'committed'
      readonly consumed: number
      readonly merged: number
      readonly parked: number
      readonly quarantined: number
      readonly positions: ReadonlyMap<number, bigint>
      readonly ms: number
    }
  | { readonly type: 'defined'; readonly offset: bigint; readonly taken: number; readonly refused: number }
  | { readonly type: 'rejudged'; readonly judged: number; readonly merged: number }
  | { readonly type: 'waiting'; readonly what: string; readonly waitMs: number }
  /** The node goes on with a later copy of its log: positions are those of the copy from now on. */
  | { readonly type: 'moved' }
  | { readonly type: 'warning' | 'caught-up' | 'restarted' }
