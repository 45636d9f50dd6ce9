// The two copies that decompressing is made of. Both are for places and lengths that were checked before.

/** Below this, a loop is faster than a call into native code. */
const LOOP_BYTES_MAX = 32

export function copyBytes(source: Buffer, from: number, target: Buffer, at: number, length: number): void {
  if (length > LOOP_BYTES_MAX) {
    source.copy(target, at, from, from + length)
    return
  }
  for (let i = 0; i < length; i++) target[at + i] = source[from + i]!
}

/** Repeats what stands `offset` bytes before `at`: the copy may read what it has just written. */
export function repeatBytes(bytes: Buffer, at: number, offset: number, length: number): void {
  if (length > LOOP_BYTES_MAX && offset >= length) {
    bytes.copyWithin(at, at - offset, at - offset + length)
    return
  }
  if (length > LOOP_BYTES_MAX && offset === 1) {
    bytes.fill(bytes[at - 1]!, at, at + length)
    return
  }
  for (let i = 0; i < length; i++) bytes[at + i] = bytes[at + i - offset]!
}
