// The folded rows of one dataset, packed: found by key bytes, merged cell by cell, a few words a cell and no object.

import type { Arena } from './arena.ts'
import { BOOLEAN, DELETE, DOUBLE, LONG, NULL, type PackedMessage, UPSERT } from './message.ts'
import type { Shape } from './shape.ts'
import { type HashSeed, hashBytes } from './siphash.ts'

// A row is words of the arena, from its index on: hash, where its key is (byte offset) and how long; the stamps of
// `alive` and `dead`; then its cells. A stamp is four words, most significant first; all zero, which is no stamp, is none.
const HASH = 0
const KEY_AT = 1
const KEY_LENGTH = 2
export const ALIVE = 3
export const DEAD = 7
export const CELLS = 11
// A cell: its stamp, where its value is (byte offset), how long it is (-1: null), and how long it may become there.
const CELL_WORDS = 7
const VALUE_AT = 4
const VALUE_LENGTH = 5
const VALUE_ROOM = 6

/** The length of a value that is null. */
export const NULL_LENGTH = -1

const INITIAL_SLOTS = 256
const INITIAL_ROWS = 128

/**
 * Values are held in the form whose bytes, compared unsigned, are the order between equal stamps: a boolean is a
 * byte, a long and a double are 8 bytes big-endian, text is UTF-8. A class, as the arena.
 */
export class PackedTable {
  readonly shape: Shape
  /** How many rows there are. */
  size = 0
  private readonly arena: Arena
  private readonly seed: HashSeed
  private readonly rowWords: number
  /** Indices of rows in the arena, in the order of their arrival. */
  private rows = new Uint32Array(INITIAL_ROWS)
  /** Open addressing with linear probing: indices of rows, 0 for none. Never more than half full. */
  private slots = new Uint32Array(INITIAL_SLOTS)

  constructor(shape: Shape, arena: Arena, seed: HashSeed) {
    this.shape = shape
    this.arena = arena
    this.seed = seed
    this.rowWords = CELLS + shape.columns.length * CELL_WORDS
  }

  /** The index of the row number `i`, from 0, in order of arrival. */
  rowAt(i: number): number {
    return this.rows[i]!
  }

  /** Bytes that the table holds beside the arena. */
  get overhead(): number {
    return (this.rows.length + this.slots.length) * 4
  }

  /** Forgets all rows. The arena is the owner's to reset. */
  clear(): void {
    if (this.size * 16 < this.slots.length && this.slots.length > 1 << 16) {
      this.slots = new Uint32Array(INITIAL_SLOTS)
      this.rows = new Uint32Array(INITIAL_ROWS)
    } else if (this.size > 0) {
      this.slots.fill(0)
    }
    this.size = 0
  }

  keyAt(row: number): number {
    return this.arena.words[row + KEY_AT]!
  }

  keyLength(row: number): number {
    return this.arena.words[row + KEY_LENGTH]!
  }

  /** The index of the cell of column number `column` of a row: a stamp begins there. */
  cellOf(row: number, column: number): number {
    return row + CELLS + column * CELL_WORDS
  }

  valueAt(cell: number): number {
    return this.arena.words[cell + VALUE_AT]!
  }

  /** NULL_LENGTH for null. */
  valueLength(cell: number): number {
    return this.arena.words[cell + VALUE_LENGTH]! | 0
  }

  /** True when a stamp stands at this index. */
  hasStamp(at: number): boolean {
    const { words } = this.arena
    return (words[at]! | words[at + 1]! | words[at + 2]! | words[at + 3]!) !== 0
  }

  /** Merges a mutation into its row. Returns true when the row is new. The rules are those of merge.ts. */
  merge(message: PackedMessage): boolean {
    const before = this.size
    const row = this.findOrAdd(message)
    const { operation } = message
    if (operation === DELETE) {
      if (this.compareStamp(message, row + DEAD) > 0) this.bury(message, row)
    } else {
      if (operation === UPSERT && this.compareStamp(message, row + ALIVE) > 0) {
        this.setStamp(message, row + ALIVE)
      }
      if (this.compareStamp(message, row + DEAD) > 0) this.mergeCells(message, row)
    }
    return this.size !== before
  }

  private mergeCells(message: PackedMessage, row: number): void {
    const { columns, columnCount } = message
    for (let i = 0; i < columnCount; i++) {
      const cell = row + CELLS + columns[i]! * CELL_WORDS
      const order = this.compareStamp(message, cell)
      if (order > 0) {
        this.setStamp(message, cell)
        this.setValue(message, i, cell)
      } else if (order === 0 && this.isGreater(message, i, cell)) {
        this.setValue(message, i, cell)
      }
    }
  }

  /** A delete: the tombstone, and no cell that is not newer. */
  private bury(message: PackedMessage, row: number): void {
    this.setStamp(message, row + DEAD)
    const { words } = this.arena
    const end = row + this.rowWords
    for (let cell = row + CELLS; cell < end; cell += CELL_WORDS) {
      if (this.compareStamp(message, cell) < 0) continue
      words[cell] = 0
      words[cell + 1] = 0
      words[cell + 2] = 0
      words[cell + 3] = 0
    }
  }

  private compareStamp(message: PackedMessage, at: number): number {
    const { words } = this.arena
    const { stamp } = message
    for (let i = 0; i < 4; i++) {
      const ours = stamp[i]!
      const held = words[at + i]!
      if (ours !== held) return ours > held ? 1 : -1
    }
    return 0
  }

  private setStamp(message: PackedMessage, at: number): void {
    const { words } = this.arena
    const { stamp } = message
    words[at] = stamp[0]!
    words[at + 1] = stamp[1]!
    words[at + 2] = stamp[2]!
    words[at + 3] = stamp[3]!
  }

  /** The bytes of the message's column `i`; -1 for null. */
  private lengthOf(message: PackedMessage, i: number): number {
    switch (message.kinds[i]) {
      case NULL:
        return NULL_LENGTH
      case BOOLEAN:
        return 1
      case LONG:
      case DOUBLE:
        return 8
      default:
        return message.second[i]!
    }
  }

  private setValue(message: PackedMessage, i: number, cell: number): void {
    const length = this.lengthOf(message, i)
    let { words } = this.arena
    words[cell + VALUE_LENGTH] = length
    if (length <= 0) return
    let at = words[cell + VALUE_AT]!
    if (words[cell + VALUE_ROOM]! < length) {
      const room = roomFor(length)
      at = this.arena.allocateBytes(room)
      words = this.arena.words
      words[cell + VALUE_AT] = at
      words[cell + VALUE_ROOM] = room
    }
    writeValue(message, i, this.arena.bytes, at, length)
  }

  /** Between equal stamps the greater value wins: null is least, then by bytes, then by length. */
  private isGreater(message: PackedMessage, i: number, cell: number): boolean {
    const length = this.lengthOf(message, i)
    const held = this.valueLength(cell)
    if (length < 0 || held < 0) return length > held
    // Rare: a redelivery, or a faulty writer.
    const value = new Uint8Array(length)
    writeValue(message, i, value, 0, length)
    const { bytes } = this.arena
    const at = this.valueAt(cell)
    const shared = Math.min(length, held)
    for (let k = 0; k < shared; k++) {
      const difference = value[k]! - bytes[at + k]!
      if (difference !== 0) return difference > 0
    }
    return length > held
  }

  private findOrAdd(message: PackedMessage): number {
    const { bytes, keyStart, keyEnd } = message
    const hash = hashBytes(bytes, keyStart, keyEnd, this.seed) >>> 0
    const { slots } = this
    const mask = slots.length - 1
    let slot = hash & mask
    for (let row = slots[slot]!; row !== 0; row = slots[slot]!) {
      if (this.arena.words[row + HASH] === hash && this.hasKey(row, bytes, keyStart, keyEnd)) return row
      slot = (slot + 1) & mask
    }
    const row = this.add(bytes, keyStart, keyEnd, hash)
    slots[slot] = row
    if (this.size * 2 > slots.length) this.growSlots()
    return row
  }

  private hasKey(row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { words } = this.arena
    const length = end - start
    if (words[row + KEY_LENGTH] !== length) return false
    const held = this.arena.bytes
    const at = words[row + KEY_AT]!
    for (let i = 0; i < length; i++) if (held[at + i] !== bytes[start + i]) return false
    return true
  }

  private add(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const { arena } = this
    const length = end - start
    const row = arena.allocateWords(this.rowWords)
    const keyAt = arena.allocateBytes(length)
    copyBytes(bytes, start, length, arena.bytes, keyAt)
    const { words } = arena
    words[row + HASH] = hash
    words[row + KEY_AT] = keyAt
    words[row + KEY_LENGTH] = length
    words.fill(0, row + ALIVE, row + this.rowWords)
    if (this.size === this.rows.length) {
      const rows = new Uint32Array(2 * this.rows.length)
      rows.set(this.rows)
      this.rows = rows
    }
    this.rows[this.size++] = row
    return row
  }

  private growSlots(): void {
    const slots = new Uint32Array(2 * this.slots.length)
    const mask = slots.length - 1
    const { words } = this.arena
    for (let i = 0; i < this.size; i++) {
      const row = this.rows[i]!
      let slot = words[row + HASH]! & mask
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = row
    }
    this.slots = slots
  }
}

/** Some room to grow in place, so that a row whose texts differ in length does not take more at every message. */
function roomFor(length: number): number {
  if (length <= 8) return length
  if (length <= 64) return (length + 7) & ~7
  return length + (length >>> 3)
}

function writeValue(message: PackedMessage, i: number, to: Uint8Array, at: number, length: number): void {
  const first = message.first[i]!
  switch (message.kinds[i]) {
    case BOOLEAN:
      to[at] = first
      return
    case LONG:
      writeWord(to, at, first)
      writeWord(to, at + 4, message.second[i]!)
      return
    case DOUBLE:
      for (let k = 0; k < 8; k++) to[at + k] = message.bytes[first + 7 - k]!
      return
    default:
      copyBytes(message.bytes, first, length, to, at)
  }
}

function writeWord(to: Uint8Array, at: number, word: number): void {
  to[at] = word >>> 24
  to[at + 1] = word >>> 16
  to[at + 2] = word >>> 8
  to[at + 3] = word
}

// Above this many bytes a native copy, with the view that it needs, beats a loop.
const SHORT_BYTES = 96

function copyBytes(from: Uint8Array, start: number, length: number, to: Uint8Array, at: number): void {
  if (length > SHORT_BYTES) {
    to.set(from.subarray(start, start + length), at)
    return
  }
  for (let i = 0; i < length; i++) to[at + i] = from[start + i]!
}
