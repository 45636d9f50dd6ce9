// The log port: an append-only set of records in partitions, with one more partition that holds the definitions.

import type { Header, LogRecord, Pointer, Records } from '../codec/record.ts'

/** A record to append. `partition` null: the adapter places it by its key (DEFINITIONS and every number are explicit). */
export interface NewRecord {
  readonly partition: number | null
  readonly key: Buffer | null
  readonly value: Buffer
  readonly headers?: readonly Header[]
}

/** The answer of the log to one appended record: durable, at this place, at this time of the log's own clock (ms). */
export interface Appended extends Pointer {
  readonly appendMs: bigint
}

export interface AppendOptions {
  /**
   * Each record, which names its partition, is appended only where nothing stands yet, also when others try the same
   * at the same time. Where something does, the answer is the place of the first record; its time says nothing.
   */
  readonly onlyFirst: true
}

/** One partition as the log describes it: offsets of the first record and behind the last one, and the record at 0. */
export interface PartitionState {
  readonly partition: number
  readonly first: bigint
  readonly end: bigint
  /** The record at offset 0, or null when there is none to be had. */
  readonly genesis: LogRecord | null
}

/** Something about a log that forbids its use: the thing, the reason, the remedy, in sentences for people. */
export interface Problem {
  readonly what: string
  readonly remedy: string
}

export interface LogDescription {
  /** For messages: `kafka topic "spindexer" at 127.0.0.1:9092`. */
  readonly name: string
  /** Ascending, without the definitions. Empty when the log does not exist. */
  readonly partitions: readonly PartitionState[]
  readonly definitions: PartitionState | null
  /** Settings that break the promise of the set (compaction, expiry, …). */
  readonly problems: readonly Problem[]
  /** Settings that could not be read, or that are worth a word. */
  readonly warnings: readonly string[]
}

/** Which partitions to read: the definitions, every data partition, or a share of them among the members of a group. */
export type ReadScope =
  | { readonly type: 'definitions' }
  | { readonly type: 'all' }
  | { readonly type: 'group'; readonly group: string; readonly member: string }

export interface ReadOptions {
  readonly scope: ReadScope
  /** Asked once for every assignment: where to start in each of these partitions. */
  readonly positions: (partitions: readonly number[]) => Promise<ReadonlyMap<number, bigint>>
  readonly signal: AbortSignal
}

/**
 * What reading brings. After `assigned` exactly those partitions follow, from the positions that were asked for.
 * A `chunk` answers a read at `from`: its records lie in [from, next), in order; what is missing between is no record
 * (control batches, gaps). `end` is the end of the partition as the log said with the answer: `next === end` is
 * being caught up, and such a chunk comes once, empty if need be. `reconnected` asks for the checks to be run again.
 * `lost` says that the log no longer has (or never had) the position: the checks say why, and reading ends.
 */
export type LogEvent =
  | { readonly type: 'assigned'; readonly partitions: readonly number[] }
  | {
      readonly type: 'chunk'
      readonly partition: number
      readonly from: bigint
      readonly next: bigint
      readonly end: bigint
      readonly records: Records
    }
  | { readonly type: 'reconnected' }
  | { readonly type: 'lost'; readonly partition: number; readonly position: bigint }

/**
 * The log. Not its job: what a record means, who has processed what, and which log is the right one
 * (`checkLog` judges a description).
 */
export interface Log {
  /** What is there now. A log that does not exist is described, not thrown. Throws while the log cannot be reached. */
  describe(): Promise<LogDescription>
  /**
   * Appends all records and answers in their order once every one is durable. Sends again what was not acknowledged
   * (a record may then be in the log twice: it is a set). Throws when it gives up: any part may be in the log.
   */
  append(records: readonly NewRecord[], options?: AppendOptions): Promise<readonly Appended[]>
  /** Reads until the signal is aborted; then it ends without an error. Transient failures are retried inside. */
  read(options: ReadOptions): AsyncIterable<LogEvent>
  /** The records at these places, in the order asked for; null where there is none. */
  pick(pointers: readonly Pointer[]): Promise<readonly (LogRecord | null)[]>
  close(): Promise<void>
}

/**
 * What is kept beside the records of a log: who reads together, how far a named reader has come, and the log's end. Not
 * its job: the records, and the positions of nodes, which their own databases hold.
 */
export interface LogKeeping {
  /** The names with which the members of a reading group read at present. */
  groupMembers(group: string): Promise<readonly string[]>
  /**
   * How far the reader of this name had come when it last said so: by partition, DEFINITIONS included, the offset below
   * which it has everything. Empty where it never did, or where the log has forgotten (Kafka: after a week of silence).
   */
  loadBookmark(name: string): Promise<ReadonlyMap<number, bigint>>
  /** Durable when it resolves. Partitions that are not named keep what they have. */
  saveBookmark(name: string, positions: ReadonlyMap<number, bigint>): Promise<void>
  /**
   * Appends these as the last records of the log, all or none, and has every later append refused. A log that is sealed
   * already stays as it is: true. False where this kind of log cannot refuse appends: then nothing was done.
   */
  seal(records: readonly NewRecord[]): Promise<boolean>
}

/** A log as the commands open it. */
export interface KeptLog extends Log, LogKeeping {}
