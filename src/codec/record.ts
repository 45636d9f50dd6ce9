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
