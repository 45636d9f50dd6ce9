// Numbers as they stand in record batches: zigzag varints of 32 bits, read from bytes that may hold anything.

/** Where reading stands. */
export interface ByteCursor {
  readonly bytes: Buffer
  at: number
}

/** What `readVarint` gives for a number that is not there or too long. No length, count or offset is as small. */
export const NO_NUMBER = Number.NEGATIVE_INFINITY

/** A zigzag varint of 32 bits, as lengths and offsets within a batch are; NO_NUMBER when it is none. */
export function readVarint(cursor: ByteCursor): number {
  const { bytes } = cursor
  let at = cursor.at
  let byte = bytes[at++]!
  if (byte < 0x80) {
    cursor.at = at
    return (byte >>> 1) ^ -(byte & 1)
  }
  let value = byte & 0x7f
  for (let shift = 7; byte >= 0x80; shift += 7) {
    if (shift > 28 || at >= bytes.length) return NO_NUMBER
    byte = bytes[at++]!
    value |= (byte & 0x7f) << shift
  }
  cursor.at = at
  return (value >>> 1) ^ -(value & 1)
}
