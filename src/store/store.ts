// The store port: a node's state, and everything that moves it, one transaction a step.

import type { Catalogue } from '../codec/catalogue.ts'
import type { SignersByOrigin } from '../codec/dump.ts'
import type { GuardedStanding } from '../codec/policy/standing.ts'
import type { Pointer } from '../codec/record.ts'
import type { Signer } from '../codec/signing/signer-key.ts'
import type { WaitsFor } from '../codec/verdict.ts'
import type { FoldedRow } from '../crdt/fold.ts'
import type { PackedFold } from '../crdt/packed/fold.ts'
import type { Origin, Stamp } from '../crdt/stamp.ts'

/** Which log a state belongs to. Positions are only meaningful for the same three. */
export interface LogIdentity {
  readonly logId: string
  readonly copyId: string
  readonly generation: number
}

/** The last record that was processed in a partition: what the checks compare with the log. */
export interface LastRecord extends Pointer {
  /** SHA-256 of key, value and headers, 64 hex digits. */
  readonly hash: string
}

export interface StoreState {
  readonly type: 'state'
  readonly catalogue: Catalogue
  /** The definitions offset for which all parked messages have been judged again; the state is at D when it equals it. */
  readonly rejudgedTo: bigint
  /** By partition, the offset below which every record has been processed. Absent: 0. */
  readonly positions: ReadonlyMap<number, bigint>
  /**
   * By partition, definitions included: what holds at the position, where policies or closes below it have changed it.
   * Absent: what the genesis says.
   */
  readonly standings: ReadonlyMap<number, GuardedStanding>
  /** By partition, definitions included. */
  readonly lastRecords: readonly LastRecord[]
  /** The greatest stamp and append time (ms) among processed mutations; null before the first. */
  readonly newestStamp: Stamp | null
  readonly newestAppendMs: bigint | null
  /** Only in the answer of the load that has moved the state: the generation of the log that it stood on before. */
  readonly movedFrom?: LogIdentity
}

/** Why an otherwise sound log is not the one of this store. */
export interface StoreRefusal {
  readonly type: 'refused'
  readonly what: string
  readonly remedy: string
}

/** A message that was not applied: its place, what it says of itself, and why. Reasons are for people. */
export interface SetAside extends Pointer {
  /** Null where the message does not decode so far. */
  readonly dataset: string | null
  /** A short code, few in number: `unknown-dataset`, `clock-ahead`, … */
  readonly reason: string
  /** The particulars, at most some hundred characters. */
  readonly detail: string
  /** Bytes of the value; 0 when there is none. */
  readonly size: number
  readonly appendMs: bigint
}

/** A message that later definitions may cure, and what it waits for. */
export interface ParkedMessage extends SetAside {
  readonly waitsFor: WaitsFor
}

/** What one batch did to one partition. */
export interface PartitionStep {
  readonly partition: number
  /** The position that was read from the store: compare and set. */
  readonly from: bigint
  readonly next: bigint
  readonly last: LastRecord | null
  /** Mutations processed: `merged + parked + quarantined`, each counted on its own. */
  readonly consumed: number
  readonly merged: number
  readonly parked: number
  readonly quarantined: number
  /** Valid control records, which are no mutations. */
  readonly controls: number
  readonly newestStamp: Stamp | null
  readonly newestAppendMs: bigint | null
  /** What holds at `next`, where the batch has changed it; null: what held before. */
  readonly standing: GuardedStanding | null
}

/**
 * A message of this origin was merged that this signer had signed (null: nobody). Known of guarded logs alone, and part
 * of the state: the set of them converges as the rows do.
 */
export interface Authorship {
  readonly origin: Origin
  readonly signer: Signer
}

/** Statistic of one writer's session in one partition within a batch: greatest number seen, how many. */
export interface OriginStep {
  readonly origin: string
  readonly partition: number
  readonly highestSeq: bigint
  readonly count: number
}

/** One transaction's worth of mutations, judged under the definitions below `catalogueOffset`. */
export interface Batch {
  readonly identity: LogIdentity
  readonly catalogueOffset: bigint
  readonly rows: PackedFold
  readonly steps: readonly PartitionStep[]
  readonly parked: readonly ParkedMessage[]
  readonly quarantined: readonly SetAside[]
  readonly origins: readonly OriginStep[]
  /** Of what was merged, each once. */
  readonly authors: readonly Authorship[]
}

/**
 * Parked messages judged again under the definitions below `catalogueOffset`: every pointer in `taken` is removed from
 * the parked ones; `parked` stand there again, judged; the rest is in `rows` (what was parked is never quarantined).
 */
export interface Rejudgement {
  readonly identity: LogIdentity
  readonly catalogueOffset: bigint
  readonly taken: readonly Pointer[]
  readonly rows: PackedFold
  readonly parked: readonly ParkedMessage[]
  /** Of what is merged now, each once. */
  readonly authors: readonly Authorship[]
}

/** A parked message that is to be judged again, and its place in the order in which they are. */
export interface PendingMessage extends Pointer {
  readonly dataset: string
  readonly waitsFor: string
  /** The D that it was judged under. */
  readonly judgedAt: bigint
  /** Bytes of the value. */
  readonly size: number
}

/** The definitions between two offsets, folded into the catalogue that holds above them. */
export interface DefinitionStep {
  readonly identity: LogIdentity
  readonly from: bigint
  /** What holds from now on; its `offset` is the new D. */
  readonly catalogue: Catalogue
  readonly last: LastRecord | null
  readonly taken: number
  readonly controls: number
  /** What holds in the definitions from now on, where the step has changed it; null: what held before. */
  readonly standing: GuardedStanding | null
  /** Refused records, as quarantined ones of the partition DEFINITIONS. */
  readonly refused: readonly SetAside[]
}

/**
 * `stale`: nothing was written, because somebody else moved the positions, the definitions, the log's identity or took
 * the pointers: read the state again and start from there. `busy`: a lock was not to be had in time; try again. What
 * holds it is in words for people.
 */
export type CommitResult =
  | { readonly type: 'committed' }
  | { readonly type: 'stale'; readonly what: 'positions' | 'definitions' | 'log' | 'parked' }
  | { readonly type: 'busy'; readonly holder: string }

/**
 * The database refuses what is valid, and nothing was written: a bug of this program, or somebody has changed its
 * tables. Which row it was, and, where one can be told, the column and its cell's stamp.
 */
export interface Rejected {
  readonly type: 'rejected'
  readonly dataset: string
  readonly key: readonly string[]
  readonly column: string | null
  readonly stamp: Stamp | null
  /** What the database says. */
  readonly what: string
}

/**
 * The state of one node. Not its job: judging messages, merging mutations of one batch (it gets folds), retrying.
 * Transient failures are thrown as they come from the database.
 */
export interface Store {
  /**
   * The state, bound to this log: a fresh store takes its identity, another log's is refused. A later generation of its
   * own log, which is a copy, the state moves to: rows, datasets, authors and the newest stamp stay; positions, standings,
   * counts, what was set aside and origins go, and D is 0. The catalogue stays as if every dataset had been defined before the log began.
   */
  load(identity: LogIdentity): Promise<StoreState | StoreRefusal>
  commit(batch: Batch): Promise<CommitResult | Rejected>
  define(step: DefinitionStep): Promise<CommitResult>
  /**
   * At most `limit` parked messages behind `after` that wait for what a definition has brought since they were judged,
   * in order of dataset, of what they wait for, of `judgedAt`, partition and offset. When there are none from the start
   * (`after` null), the state is marked as being at D (`rejudgedTo`).
   */
  parkedToJudge(after: PendingMessage | null, limit: number): Promise<readonly PendingMessage[]>
  rejudge(rejudgement: Rejudgement): Promise<CommitResult | Rejected>
}

/** A row as the reader sees it. */
export interface StoredRow extends FoldedRow {
  /** Of the origins of its stamps. Only where it was asked for; empty in an open log. */
  readonly signers?: SignersByOrigin
}

export interface PartitionCounts {
  readonly partition: number
  readonly position: bigint
  readonly consumed: bigint
  readonly merged: bigint
  readonly parked: bigint
  readonly quarantined: bigint
  readonly controls: bigint
}

export interface StoreStatus {
  readonly identity: LogIdentity | null
  readonly state: StoreState | null
  /** Records of the definitions below D, which are no mutations and not among `counts`. */
  readonly definitions: { readonly taken: bigint; readonly refused: bigint; readonly controls: bigint }
  /** By data partition, ascending. */
  readonly counts: readonly PartitionCounts[]
  readonly reasons: readonly {
    readonly kind: SetAsideKind
    readonly reason: string
    readonly count: bigint
  }[]
  /** By dataset: rows that exist and are complete, rows hidden for want of a required column, rows that do not exist. */
  readonly rows: readonly {
    readonly dataset: string
    readonly visible: bigint
    readonly incomplete: bigint
    readonly absent: bigint
  }[]
  /** Sessions whose numbers have gaps or duplicates so far; a statistic. */
  readonly origins: { readonly seen: bigint; readonly withGaps: bigint; readonly withDuplicates: bigint }
}

export type SetAsideKind = 'parked' | 'quarantined'

/** Which set-aside messages are meant: those for which everything holds that is named. */
export interface SetAsideFilter {
  readonly kind?: SetAsideKind
  readonly reason?: string
  readonly dataset?: string
  /** DEFINITIONS for refused definitions and what else the definitions hold that does not count. */
  readonly partition?: number
  readonly offset?: bigint
  /** Those at or above `from` and below `next`. */
  readonly offsets?: { readonly from: bigint; readonly next: bigint }
}

export interface SetAsideMessage extends SetAside {
  readonly kind: SetAsideKind
}

/** What a node has set aside, as far as a filter lets through. */
export interface SetAsideView {
  /** By kind and reason, in order of UTF-8 bytes. */
  counts(): Promise<StoreStatus['reasons']>
  /** In order of partition and offset, however many there are. */
  messages(): AsyncIterable<SetAsideMessage>
}

/**
 * Which rows of a dataset. `keys`: those of them that there are, existing or not, in any order; none of the keys stands
 * there twice. `page`: at most `limit` of those that readers see (they exist, and no required column is null or absent),
 * behind the key `after` (which need not be there; null: from the first), in the order of key-order.ts.
 */
export type RowSelection =
  | { readonly type: 'keys'; readonly keys: readonly (readonly string[])[] }
  | { readonly type: 'page'; readonly after: readonly string[] | null; readonly limit: number }

/** The reading side, one consistent snapshot from opening to closing. Not its job: formats. */
export interface StoreReader {
  catalogue(): Promise<Catalogue>
  /** Every row of a dataset, existing or not, by key text in order of UTF-8 bytes; or those that are selected. */
  rows(
    dataset: string,
    selection?: RowSelection,
    options?: { readonly signers?: boolean },
  ): AsyncIterable<StoredRow>
  setAside(filter: SetAsideFilter): SetAsideView
  status(): Promise<StoreStatus>
  close(): Promise<void>
}
