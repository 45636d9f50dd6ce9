// What a caller wants written, before it has a stamp.

import type { Operation } from '../crdt/mutation.ts'
import type { Value } from '../crdt/value.ts'

/** A valid change under its definition: values canonical, one key text per key column. */
export interface Change {
  /** Nanoseconds since 1970 where the caller brings the timestamp, null where the session's clock gives it. */
  readonly timeNs: bigint | null
  readonly operation: Operation
  readonly dataset: string
  readonly key: readonly string[]
  readonly columns: ReadonlyMap<string, Value>
}
