// One mutation as a packed fold takes it: places in the bytes that it came in, and no object of its own.

/** What a column of a message holds; where its content is depends on it. */
export const NULL = 0
export const BOOLEAN = 1
/** `first` and `second` are the high and the low word of a long. */
export const LONG = 2
/** 8 bytes at `first`, little-endian. */
export const DOUBLE = 3
/** UTF-8 (or bytes) from `first`, `second` of them. */
export const TEXT = 4
export const BYTES = 5

export const UPSERT = 0
export const UPDATE = 1
export const DELETE = 2

const COLUMNS_MAX = 200

/**
 * A mutation that stands in `bytes`. Whoever decodes fills the same message again and again; it is only good until
 * the next one. Its stamp is four words of 32 bits, most significant first. A class, as the arena.
 */
export class PackedMessage {
  bytes: Uint8Array = new Uint8Array(0)
  readonly stamp = new Uint32Array(4)
  operation = UPSERT
  /** The key as Avro has it: each text behind its length. Without the count of texts and the end of the array. */
  keyStart = 0
  keyEnd = 0
  columnCount = 0
  /** For each column that the message names: its place in the shape, its kind, and where its content is. */
  readonly columns = new Int32Array(COLUMNS_MAX)
  readonly kinds = new Uint8Array(COLUMNS_MAX)
  readonly first = new Int32Array(COLUMNS_MAX)
  readonly second = new Int32Array(COLUMNS_MAX)
}
