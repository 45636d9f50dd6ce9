// A record of the log as every adapter delivers it: bytes, place and the log's own clock.

/** The number that stands for the definitions where a partition is asked for. */
export const DEFINITIONS = -1

export interface Header {
  readonly name: string
  readonly value: Uint8Array
}

/** Where a message is: its partition (or DEFINITIONS) and offset. The log has its bytes for ever. */
export interface Pointer {
  readonly partition: number
  readonly offset: bigint
}

export interface LogRecord extends Pointer {
  /** The log's own clock when it appended the record, milliseconds since 1970. */
  readonly appendMs: bigint
  /** False where the record carries its writer's time instead of the log's (Kafka: a batch that is not LogAppendTime). */
  readonly stampedByLog: boolean
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
}

/**
 * Stands at one record after the other, so that whoever reads a million of them needs no object for each. `start` and
 * `end` say where the value is in `bytes`; what they say is only good until the next step.
 */
export interface RecordCursor {
  /** Steps to the next record, at first to the first one; false when there is none. */
  next(): boolean
  /**
   * True for a record that has a value, the log's own time and no headers: then `bytes`, `start`, `end` and `appendMs`
   * are all that a verdict looks at. False sends the reader to `record`.
   */
  readonly isPlain: boolean
  /**
   * True for a record that would be plain but for one header, which is a signature: it stands in
   * signatureBytes[signatureStart, signatureEnd), and says nothing of what it is worth.
   */
  readonly isSigned: boolean
  readonly signatureBytes: Buffer
  readonly signatureStart: number
  readonly signatureEnd: number
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly appendMs: bigint
  /** The record that it stands at, as an object. Its bytes are parts of greater ones. */
  record(): LogRecord
}

/** Records of one partition in the order of their offsets. */
export interface Records extends Iterable<LogRecord> {
  readonly length: number
  /** A cursor before the first record. One at a time: a second one moves the first. */
  cursor(): RecordCursor
  /** The last record; undefined when there are none. */
  last(): LogRecord | undefined
  /** The greatest append time of records that the log stamped, milliseconds; null without any. */
  newestAppendMs(): bigint | null
}
