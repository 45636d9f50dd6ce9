// Whether a change fits into a message, before it is stamped.

import { encodeMutation } from '../codec/avro.ts'
import { SEQ_MAX, VALUE_BYTES_MAX } from '../codec/limits.ts'
import type { TypedChange } from '../codec/line.ts'
import { createStamp, ZERO_ORIGIN } from '../crdt/stamp.ts'
import type { Value } from '../crdt/value.ts'

/** The longer of the two framings. */
const FRAMING_BYTES = 10
/** More than Avro spends on a number, or on saying which branch a value is of and how long. */
const OVERHEAD_BYTES = 16

/** Half a sentence on a change that is too large for any framing, or null. Exact; encodes only what may be too large. */
export function refuseSize(change: TypedChange): string | null {
  if (boundSize(change) <= VALUE_BYTES_MAX) return null
  const { operation, dataset, key, columns } = change
  const stamp = createStamp(1n, ZERO_ORIGIN)
  const bytes =
    encodeMutation({ stamp, seq: SEQ_MAX, operation, dataset, key, columns }).length + FRAMING_BYTES
  return bytes <= VALUE_BYTES_MAX
    ? null
    : `the message has ${bytes} bytes; at most ${VALUE_BYTES_MAX} can be replicated: spread its columns over several updates, or keep large content elsewhere`
}

function boundSize({ dataset, key, columns }: TypedChange): number {
  let bytes = 100 + dataset.length
  for (const text of key) bytes += textBound(text)
  for (const [name, value] of columns) bytes += name.length + OVERHEAD_BYTES + valueBound(value)
  return bytes
}

function valueBound(value: Value): number {
  if (typeof value === 'string') return textBound(value)
  return value instanceof Uint8Array ? value.length + OVERHEAD_BYTES : OVERHEAD_BYTES
}

/** A UTF-16 unit takes at most three bytes of UTF-8. */
function textBound(text: string): number {
  return text.length * 3 + OVERHEAD_BYTES
}
