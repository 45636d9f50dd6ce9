// Bytes on their way to Postgres: one buffer that grows, written from front to back.

/** Whoever writes reserves room first: growing replaces `bytes`. What lies at and above `at` is not written yet. */
export interface Out {
  bytes: Buffer
  at: number
}

export function createOut(capacity: number): Out {
  return { bytes: Buffer.allocUnsafeSlow(Math.max(capacity, 64)), at: 0 }
}

/** Makes room for `size` more bytes. */
export function reserve(out: Out, size: number): void {
  const least = out.at + size
  if (least <= out.bytes.length) return
  const bytes = Buffer.allocUnsafeSlow(Math.max(2 * out.bytes.length, least, 64))
  out.bytes.copy(bytes, 0, 0, out.at)
  out.bytes = bytes
}

/** Big-endian, as Postgres wants all its numbers. Signed and unsigned alike. */
export function putWord(to: Uint8Array, at: number, word: number): void {
  to[at] = word >>> 24
  to[at + 1] = word >>> 16
  to[at + 2] = word >>> 8
  to[at + 3] = word
}

export function putHalf(to: Uint8Array, at: number, half: number): void {
  to[at] = half >>> 8
  to[at + 1] = half
}

// Above this many bytes a native copy, with the view that it needs, beats a loop.
const SHORT_BYTES = 64

export function putBytes(to: Uint8Array, at: number, from: Uint8Array, start: number, length: number): void {
  if (length > SHORT_BYTES) to.set(from.subarray(start, start + length), at)
  else for (let i = 0; i < length; i++) to[at + i] = from[start + i]!
}
