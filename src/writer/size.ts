// Whether a change fits into a message, before it is stamped.

import { boundMutation, encodeMutation } from '../codec/avro-encode.ts'
import { SEQ_MAX, VALUE_BYTES_MAX } from '../codec/limits.ts'
import type { TypedChange } from '../codec/line.ts'
import { createStamp, ZERO_ORIGIN } from '../crdt/stamp.ts'

/** The longer of the two framings. */
const FRAMING_BYTES = 10

/** Half a sentence on a change that is too large for any framing, or null. Exact; encodes only what may be too large. */
export function refuseSize(change: TypedChange): string | null {
  if (boundMutation(change) + FRAMING_BYTES <= VALUE_BYTES_MAX) return null
  const { operation, dataset, key, columns } = change
  const stamp = createStamp(1n, ZERO_ORIGIN)
  const bytes =
    encodeMutation({ stamp, seq: SEQ_MAX, operation, dataset, key, columns }).length + FRAMING_BYTES
  return bytes <= VALUE_BYTES_MAX
    ? null
    : `the message has ${bytes} bytes; at most ${VALUE_BYTES_MAX} can be replicated: spread its columns over several updates, or keep large content elsewhere`
}
