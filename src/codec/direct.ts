// The short way from a record's bytes to a fold: what is plainly right needs no object; all else is left to the judge.

import { isUtf8 } from 'node:buffer'
import { BOOLEAN, DELETE, DOUBLE, LONG, NULL, PackedMessage, TEXT, UPDATE } from '../crdt/packed/message.ts'
import type { Shape } from '../crdt/packed/shape.ts'
import { STAMP_TIME_END } from '../crdt/stamp.ts'
import type { Catalogue, KeyColumn } from './catalogue.ts'
import { findAvro } from './framing.ts'
import { COLUMNS_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX } from './limits.ts'
import { createPlanner, type Plan } from './plan.ts'
import { createColumnRights } from './policy/column-rights.ts'
import type { Right } from './policy/rights.ts'
import type { RecordCursor } from './record.ts'
import { refuseKeyText, refuseValue } from './values.ts'

const STAMP_BYTES = 16
const NS_PER_MS = 1_000_000n
/** Of SEQ_MAX: the numbers above have a greater high word. */
const SEQ_HIGH_MAX = 0x1fffff
// Above this many bytes the looks of native code, with the view that they need, beat a loop.
const SHORT_BYTES = 64

/**
 * Reads plain records, and signed ones, into a message. It takes only what the judge (verdict.ts) merges, and by no means all of it: a
 * record that it does not take (null) goes to the judge, whatever it is. So it need not know why a message is wrong,
 * and one way of writing what has several is enough. A class, against the habit of the house: see crdt/packed/arena.ts.
 */
export class DirectReader {
  /** What `read` took last. */
  readonly message = new PackedMessage()
  /** The number that the writer gave it, as two words; `seqHigh` is -1 when it has none. */
  seqHigh = -1
  seqLow = 0
  readonly catalogue: Catalogue
  private readonly maxClockAheadMs: bigint
  private readonly covers = createColumnRights()
  private readonly planOf: (dataset: string) => Plan | null
  private plan: Plan | null = null
  private bytes: Buffer = Buffer.alloc(0)
  private at = 0
  private end = 0
  private messages = 0
  private limitOfMs = -1n
  /** The greatest time that a stamp may have, in two words. */
  private limitHigh = 0
  private limitLow = 0
  private high = 0
  private low = 0

  /** `maxClockAheadMs` is the log's own, from its genesis. */
  constructor(catalogue: Catalogue, maxClockAheadMs: bigint) {
    this.catalogue = catalogue
    this.planOf = createPlanner(catalogue)
    this.maxClockAheadMs = maxClockAheadMs
  }

  /** The shape of a dataset of the catalogue: the same one as in the plans. */
  shapeOf(dataset: string): Shape {
    const plan = this.planOf(dataset)
    if (plan === null) throw new Error(`"${dataset}" is not defined`)
    return plan.shape
  }

  /** Whether a right covers what `read` took last, which was of this plan. */
  isCovered(right: Right, plan: Plan): boolean {
    return this.covers(right, plan, this.message)
  }

  /**
   * Takes the record at the cursor, which must be plain, or signed, and of a data partition; null: it is for the judge.
   * Who wrote it is not looked at.
   */
  read(cursor: RecordCursor): Plan | null {
    const { bytes, start, end } = cursor
    if (end - start > VALUE_BYTES_MAX || end === start) return null
    this.bytes = bytes
    this.message.bytes = bytes
    this.end = end
    this.at = start
    if (!this.skipFrame()) return null
    if (cursor.appendMs !== this.limitOfMs) this.setLimit(cursor.appendMs)
    if (!this.readStamp() || !this.readSeq()) return null
    const operation = bytes[this.at++]!
    if (operation > 4 || (operation & 1) !== 0) return null
    this.message.operation = operation >>> 1
    const plan = this.readDataset()
    if (plan === null || !this.readKey(plan) || !this.readColumns(plan)) return null
    if (this.at !== end) return null
    const { columnCount } = this.message
    if (operation === 2 * UPDATE && columnCount === 0) return null
    if (operation === 2 * DELETE && columnCount > 0) return null
    return plan
  }

  private skipFrame(): boolean {
    const start = findAvro(this.bytes, this.at, this.end)
    if (typeof start === 'string') return false
    this.at = start
    return true
  }

  private setLimit(appendMs: bigint): void {
    const ns = (appendMs + this.maxClockAheadMs) * NS_PER_MS
    const limit = ns < STAMP_TIME_END ? ns : STAMP_TIME_END - 1n
    this.limitOfMs = appendMs
    // Below 0 there is no time.
    this.limitHigh = limit < 0n ? -1 : Number(limit >> 32n)
    this.limitLow = Number(limit & 0xffffffffn)
  }

  private readStamp(): boolean {
    const { bytes, at } = this
    const { stamp } = this.message
    if (this.end - at < STAMP_BYTES) return false
    for (let i = 0; i < 4; i++) {
      const from = at + 4 * i
      stamp[i] = (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!
    }
    const high = stamp[0]!
    const low = stamp[1]!
    // The limit's top bit is clear: a stamp with that bit set is beyond it.
    if (high > this.limitHigh || (high === this.limitHigh && low > this.limitLow)) return false
    this.at = at + STAMP_BYTES
    return (high | low | stamp[2]! | stamp[3]!) !== 0
  }

  private readSeq(): boolean {
    const branch = this.bytes[this.at++]
    if (branch === 0) {
      this.seqHigh = -1
      return true
    }
    if (branch !== 2 || !this.readLong()) return false
    this.seqHigh = this.high
    this.seqLow = this.low
    return this.high >= 0 && this.high <= SEQ_HIGH_MAX
  }

  /** A varint of 64 bits, canonical, into `high` and `low`. */
  private readLong(): boolean {
    const { bytes } = this
    let at = this.at
    let byte = bytes[at++]!
    let low = byte & 0x7f
    let high = 0
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = bytes[at++]!
      const bits = byte & 0x7f
      if (byte === 0 || shift > 63 || (shift === 63 && byte > 1)) return false
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high = bits >>> 4
      } else high |= bits << (shift - 32)
    }
    if (at > this.end) return false
    const sign = -(low & 1)
    this.low = ((low >>> 1) | (high << 31)) ^ sign
    this.high = (high >>> 1) ^ sign
    this.at = at
    return true
  }

  /** A length of at most three bytes, canonical, of what is there whole; -1 for any other. */
  private readLength(): number {
    const { bytes } = this
    let at = this.at
    const first = bytes[at++]!
    let zigzag = first & 0x7f
    if (first >= 0x80) {
      const second = bytes[at++]!
      zigzag |= (second & 0x7f) << 7
      if (second === 0) return -1
      if (second >= 0x80) {
        const third = bytes[at++]!
        if (third === 0 || third >= 0x80) return -1
        zigzag |= third << 14
      }
    }
    this.at = at
    const length = zigzag >>> 1
    return (zigzag & 1) === 0 && at + length <= this.end ? length : -1
  }

  private readDataset(): Plan | null {
    const length = this.readLength()
    if (length <= 0) return null
    const { plan } = this
    if (plan !== null && this.isHere(plan.name, length)) {
      this.at += length
      return plan
    }
    const found = this.planOf(this.bytes.toString('latin1', this.at, this.at + length))
    if (found === null) return null
    this.plan = found
    this.at += length
    return found
  }

  private isHere(name: Uint8Array, length: number): boolean {
    if (name.length !== length) return false
    const { bytes, at } = this
    for (let i = 0; i < length; i++) if (bytes[at + i] !== name[i]) return false
    return true
  }

  private readKey({ keyForms }: Plan): boolean {
    const { bytes, message } = this
    if (bytes[this.at++] !== 2 * keyForms.length) return false
    message.keyStart = this.at
    let size = 0
    for (let i = 0; i < keyForms.length; i++) {
      const length = this.readLength()
      if (length < 0 || !this.isText(length)) return false
      size += length
      const form = keyForms[i]!
      if (form !== null && refuseKeyText(form, this.textHere(length)) !== null) return false
      this.at += length
    }
    message.keyEnd = this.at
    return size <= KEY_BYTES_MAX && bytes[this.at++] === 0
  }

  private readColumns(plan: Plan): boolean {
    const { bytes, message } = this
    message.columnCount = 0
    const zigzag = bytes[this.at]!
    if (zigzag === 0) {
      this.at++
      return true
    }
    // A count, in the form of a length: what it counts takes more bytes than that.
    const count = this.readLength()
    if (count <= 0 || count > COLUMNS_MAX) return false
    const number = ++this.messages
    for (let i = 0; i < count; i++) {
      const place = this.readName(plan, i)
      if (place < 0 || plan.namedBy[place] === number) return false
      plan.namedBy[place] = number
      message.columns[i] = place
      if (!this.readValue(plan.kinds[place]!, plan.forms[place]!, i)) return false
    }
    message.columnCount = count
    return bytes[this.at++] === 0
  }

  /** The place of the column that is named here; -1 when there is none of the name. */
  private readName(plan: Plan, i: number): number {
    const length = this.readLength()
    if (length <= 0) return -1
    const guess = i < plan.guesses.length ? plan.guesses[i]! : -1
    if (guess >= 0 && this.isHere(plan.columnNames[guess]!, length)) {
      this.at += length
      return guess
    }
    const place = plan.places.get(this.bytes.toString('latin1', this.at, this.at + length))
    if (place === undefined) return -1
    if (i < plan.guesses.length) plan.guesses[i] = place
    this.at += length
    return place
  }

  private readValue(kind: number, form: KeyColumn | null, i: number): boolean {
    const { bytes, message } = this
    // An index of a branch is one byte, its zigzag form twice the index: the kinds are the indices.
    const branch = bytes[this.at++]! >>> 1
    if ((bytes[this.at - 1]! & 1) !== 0 || (branch !== kind && branch !== NULL)) return false
    message.kinds[i] = branch
    switch (branch) {
      case NULL:
        return true
      case BOOLEAN: {
        const byte = bytes[this.at++]!
        message.first[i] = byte
        return byte <= 1
      }
      case LONG:
        if (!this.readLong()) return false
        message.first[i] = this.high
        message.second[i] = this.low
        return true
      case DOUBLE:
        message.first[i] = this.at
        return this.skipDouble()
      default: {
        const length = this.readLength()
        if (length < 0) return false
        message.first[i] = this.at
        message.second[i] = length
        if (branch === TEXT) {
          if (!this.isText(length)) return false
          if (form !== null && refuseValue(form, this.textHere(length)) !== null) return false
        }
        this.at += length
        return true
      }
    }
  }

  /** A double that is finite and not -0. */
  private skipDouble(): boolean {
    const { bytes, at } = this
    if (this.end - at < 8) return false
    const top = bytes[at + 7]!
    const next = bytes[at + 6]!
    if ((top & 0x7f) === 0x7f && (next & 0xf0) === 0xf0) return false
    this.at = at + 8
    if (top !== 0x80 || next !== 0) return true
    for (let i = at; i < at + 6; i++) if (bytes[i] !== 0) return true
    return false
  }

  /** UTF-8 without NUL, from here on. */
  private isText(length: number): boolean {
    const { bytes, at } = this
    const end = at + length
    if (length <= SHORT_BYTES) {
      let i = at
      while (i < end && bytes[i]! > 0 && bytes[i]! < 0x80) i++
      if (i === end) return true
    }
    const content = bytes.subarray(at, end)
    return isUtf8(content) && !content.includes(0)
  }

  private textHere(length: number): string {
    return this.bytes.toString('utf8', this.at, this.at + length)
  }
}
