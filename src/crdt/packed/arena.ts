// The memory of a packed fold: one buffer from which rows, keys and values are cut, freed all at once.

/** Bytes of a fresh arena. It doubles when it is full. */
const INITIAL_BYTES = 1 << 20

/**
 * Offsets are bytes in `bytes`, or words (of 4 bytes) in `words`: two views of one buffer. Whoever allocates reads
 * the views again, since growing replaces them. Nothing in it is zeroed. It is a class, against the habit of the
 * house, because its members are read several times a message, and V8 keeps the fields of a class flat.
 */
export class Arena {
  bytes: Uint8Array
  words: Uint32Array
  /** Where the next allocation begins, in bytes: how much is in use. */
  top = 0

  constructor() {
    const buffer = new ArrayBuffer(INITIAL_BYTES)
    this.bytes = new Uint8Array(buffer)
    this.words = new Uint32Array(buffer)
    this.reset()
  }

  /** Frees everything. The first word is never given out, so that 0 can stand for nothing. */
  reset(): void {
    this.top = 8
  }

  /** Bytes that are held, used or not. */
  get capacity(): number {
    return this.bytes.length
  }

  /** Room for `count` words; the index of the first. */
  allocateWords(count: number): number {
    const at = (this.top + 3) >>> 2
    const end = (at + count) * 4
    if (end > this.bytes.length) this.grow(end)
    this.top = end
    return at
  }

  /** Room for `length` bytes; the offset of the first. */
  allocateBytes(length: number): number {
    const at = this.top
    const end = at + length
    if (end > this.bytes.length) this.grow(end)
    this.top = end
    return at
  }

  private grow(least: number): void {
    let capacity = this.bytes.length
    while (capacity < least) capacity *= 2
    const bytes = new Uint8Array(capacity)
    bytes.set(this.bytes)
    this.bytes = bytes
    this.words = new Uint32Array(bytes.buffer)
  }
}
