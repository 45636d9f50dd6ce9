// What a store in memory holds: the plainest form of a node's state, the model that the real stores are held against.

import { type Catalogue, type Dataset, EMPTY_CATALOGUE } from '../../codec/catalogue.ts'
import type { GuardedStanding } from '../../codec/policy/standing.ts'
import type { Signer } from '../../codec/signing/signer-key.ts'
import { createFold, type Fold } from '../../crdt/fold.ts'
import { maxStamp, type Origin, type Stamp } from '../../crdt/stamp.ts'
import type { LastRecord, LogIdentity, ParkedMessage, SetAside, StoreState } from '../store.ts'

/** By origin, who has signed. */
export type MemoryAuthors = Map<Origin, Set<Signer>>

export interface MemoryPartition {
  position: bigint
  last: LastRecord | null
  consumed: bigint
  merged: bigint
  parked: bigint
  quarantined: bigint
  controls: bigint
  newestStamp: Stamp | null
  newestAppendMs: bigint | null
}

export interface JudgedMessage extends ParkedMessage {
  /** The D that it was judged under. */
  readonly judgedAt: bigint
}

export interface MemoryOrigin {
  readonly origin: string
  readonly partition: number
  highestSeq: bigint
  count: bigint
}

/** Mutable, and shared by all stores and readers that were made on it, as a real database is. */
export interface MemoryDatabase {
  identity: LogIdentity | null
  catalogue: Catalogue
  rejudgedTo: bigint
  definitions: { last: LastRecord | null; taken: bigint; refused: bigint; controls: bigint }
  readonly partitions: Map<number, MemoryPartition>
  /** By `partition/offset`, as `quarantined`. */
  readonly parked: Map<string, JudgedMessage>
  readonly quarantined: Map<string, SetAside>
  /** By `dataset/what is waited for`, the D with which a definition brought it last, until all is judged again. */
  readonly cures: Map<string, bigint>
  /** By `origin/partition`. */
  readonly origins: Map<string, MemoryOrigin>
  /** By partition, definitions included. */
  readonly standings: Map<number, GuardedStanding>
  readonly rows: Fold
  readonly authors: MemoryAuthors
}

export function createMemoryDatabase(): MemoryDatabase {
  return {
    identity: null,
    catalogue: EMPTY_CATALOGUE,
    rejudgedTo: 0n,
    definitions: { last: null, taken: 0n, refused: 0n, controls: 0n },
    partitions: new Map(),
    parked: new Map(),
    quarantined: new Map(),
    cures: new Map(),
    origins: new Map(),
    standings: new Map(),
    rows: createFold(),
    authors: new Map(),
  }
}

/** What `load` answers with, as of now. */
export function stateOf(database: MemoryDatabase): StoreState {
  const partitions = [...database.partitions].sort(([a], [b]) => a - b)
  let newestStamp: Stamp | null = null
  let newestAppendMs: bigint | null = null
  for (const [, held] of partitions) {
    newestStamp = maxStamp(newestStamp, held.newestStamp)
    newestAppendMs = maxOf(newestAppendMs, held.newestAppendMs)
  }
  return {
    type: 'state',
    catalogue: database.catalogue,
    rejudgedTo: database.rejudgedTo,
    positions: new Map(partitions.map(([partition, held]) => [partition, held.position])),
    standings: new Map([...database.standings].sort(([a], [b]) => a - b)),
    lastRecords: [database.definitions.last, ...partitions.map(([, held]) => held.last)].filter(
      (last) => last !== null,
    ),
    newestStamp,
    newestAppendMs,
  }
}

/** Moves the state to a copy of its log: see `Store.load`. */
export function moveTo(database: MemoryDatabase, identity: LogIdentity): void {
  const { newestStamp } = stateOf(database)
  const datasets = [...database.catalogue.datasets].map(([name, dataset]): [string, Dataset] => [
    name,
    { ...dataset, changedAt: 0n },
  ])
  for (const part of ['partitions', 'parked', 'quarantined', 'cures', 'origins', 'standings'] as const)
    database[part].clear()
  database.identity = identity
  database.catalogue = { offset: 0n, datasets: new Map(datasets) }
  database.rejudgedTo = 0n
  database.definitions = { last: null, taken: 0n, refused: 0n, controls: 0n }
  if (newestStamp !== null) database.partitions.set(0, { ...NOTHING_READ, newestStamp })
}

/** A writer's clock has to start behind all that can be read, whichever log it came from. */
const NOTHING_READ: MemoryPartition = {
  position: 0n,
  last: null,
  consumed: 0n,
  merged: 0n,
  parked: 0n,
  quarantined: 0n,
  controls: 0n,
  newestStamp: null,
  newestAppendMs: null,
}

/** The greater of two numbers, where null is none. */
export function maxOf(a: bigint | null, b: bigint | null): bigint | null {
  if (a === null) return b
  return b !== null && b > a ? b : a
}
