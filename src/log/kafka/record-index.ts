// Where the records of some batches are: numbers in one array, from which records are made only when somebody asks.

import type { Header, LogRecord, RecordCursor, Records } from '../../codec/record.ts'
import { SIGNATURE_HEADER } from '../../codec/signing/header.ts'
import type { Batch } from './batch.ts'
import { type ByteCursor, readVarint } from './varint.ts'

/** Per record: where its key is and how long (-1: none), the same of its value, its headers, its offset in the batch. */
const WIDTH = 6
const KEY_AT = 0
const KEY_LENGTH = 1
const VALUE_AT = 2
const VALUE_LENGTH = 3
/** Where the headers begin, behind their count; 0 when there are none. */
const HEADERS_AT = 4
const DELTA = 5

const NO_BYTES = Buffer.alloc(0)
const NO_HEADERS: readonly Header[] = []
const INITIAL_RECORDS = 64

/** How the headers of a record begin that has a signature and no other: one of them, the name's length, the name. */
const SIGNED = Buffer.concat([Buffer.of(2, 2 * SIGNATURE_HEADER.length), Buffer.from(SIGNATURE_HEADER)])

/** Records of one batch in the index, up to number `end`. */
interface Segment {
  readonly batch: Batch
  readonly bytes: Buffer
  end: number
}

/** The index while it is being filled and ever after. A class, against the habit of the house: see crdt/packed/arena.ts. */
export class RecordIndex implements Records, RecordCursor {
  length = 0
  isPlain = false
  isSigned = false
  signatureBytes: Buffer = NO_BYTES
  signatureStart = 0
  signatureEnd = 0
  bytes: Buffer = NO_BYTES
  start = 0
  end = 0
  appendMs = 0n
  private readonly partition: number
  private readonly segments: Segment[] = []
  private places = new Int32Array(INITIAL_RECORDS * WIDTH)
  private at = -1
  private segment = 0

  constructor(partition: number) {
    this.partition = partition
  }

  /** What `add` adds from now on is of this batch, opened; null when it cannot be opened. */
  open(batch: Batch, opened: Buffer | null): void {
    this.segments.push({ batch, bytes: opened ?? NO_BYTES, end: this.length })
  }

  /** `delta` is the record's offset in its batch; a length of -1 says that there is none. */
  add(
    keyAt: number,
    keyLength: number,
    valueAt: number,
    valueLength: number,
    headersAt: number,
    delta: number,
  ): void {
    const at = this.length * WIDTH
    if (at === this.places.length) {
      const places = new Int32Array(2 * at)
      places.set(this.places)
      this.places = places
    }
    const { places } = this
    places[at + KEY_AT] = keyAt
    places[at + KEY_LENGTH] = keyLength
    places[at + VALUE_AT] = valueAt
    places[at + VALUE_LENGTH] = valueLength
    places[at + HEADERS_AT] = headersAt
    places[at + DELTA] = delta
    this.length++
    this.segments.at(-1)!.end = this.length
  }

  cursor(): RecordCursor {
    this.at = -1
    this.segment = -1
    return this
  }

  next(): boolean {
    const index = ++this.at
    if (index >= this.length) return false
    if (this.segment < 0 || index >= this.segments[this.segment]!.end) this.enterSegment(index)
    const { places } = this
    const at = index * WIDTH
    this.start = places[at + VALUE_AT]!
    this.end = this.start + places[at + VALUE_LENGTH]!
    const isSound = this.isStamped && places[at + VALUE_LENGTH]! >= 0
    const headersAt = places[at + HEADERS_AT]!
    this.isPlain = isSound && headersAt === 0
    this.isSigned = isSound && headersAt !== 0 && this.findSignature(headersAt)
    return true
  }

  record(): LogRecord {
    return this.recordAt(this.at, this.segments[this.segment]!)
  }

  last(): LogRecord | undefined {
    const segment = this.segments.findLast((one, i) => one.end > (this.segments[i - 1]?.end ?? 0))
    return segment === undefined ? undefined : this.recordAt(this.length - 1, segment)
  }

  newestAppendMs(): bigint | null {
    let newest: bigint | null = null
    let from = 0
    for (const { batch, end } of this.segments) {
      const isOlder = newest !== null && batch.timeMs <= newest
      if (end > from && batch.stampedByLog && !isOlder) newest = batch.timeMs
      from = end
    }
    return newest
  }

  *[Symbol.iterator](): Generator<LogRecord> {
    let index = 0
    for (const segment of this.segments) {
      for (; index < segment.end; index++) yield this.recordAt(index, segment)
    }
  }

  private isStamped = false
  private cursorAt: ByteCursor = { bytes: NO_BYTES, at: 0 }

  /** False also where the one header is written in an unusual way: such a record is read as an object. */
  private findSignature(at: number): boolean {
    const { bytes, cursorAt } = this
    for (let i = 0; i < SIGNED.length; i++) if (bytes[at + i] !== SIGNED[i]) return false
    cursorAt.at = at + SIGNED.length
    const length = readVarint(cursorAt)
    this.signatureStart = cursorAt.at
    this.signatureEnd = cursorAt.at + Math.max(0, length)
    return true
  }

  private enterSegment(index: number): void {
    do this.segment++
    while (index >= this.segments[this.segment]!.end)
    const { batch, bytes } = this.segments[this.segment]!
    this.bytes = bytes
    this.signatureBytes = bytes
    this.cursorAt = { bytes, at: 0 }
    this.appendMs = batch.timeMs
    this.isStamped = batch.stampedByLog
  }

  private recordAt(index: number, { batch, bytes }: Segment): LogRecord {
    const { places, partition } = this
    const at = index * WIDTH
    const part = (start: number, length: number): Buffer | null =>
      length < 0 ? null : bytes.subarray(start, start + length)
    const headersAt = places[at + HEADERS_AT]!
    return {
      partition,
      offset: batch.baseOffset + BigInt(places[at + DELTA]!),
      appendMs: batch.timeMs,
      stampedByLog: batch.stampedByLog,
      key: part(places[at + KEY_AT]!, places[at + KEY_LENGTH]!),
      value: part(places[at + VALUE_AT]!, places[at + VALUE_LENGTH]!),
      headers: headersAt === 0 ? NO_HEADERS : readHeaders(bytes, headersAt),
    }
  }
}

/** Headers that have been found to be whole; their count stands before them. */
function readHeaders(bytes: Buffer, start: number): readonly Header[] {
  const cursor = { bytes, at: start }
  const headers: Header[] = []
  for (let count = readVarint(cursor); count > 0; count--) {
    const name = readPart(cursor)
    headers.push({ name: name.toString('utf8'), value: readPart(cursor) })
  }
  return headers
}

function readPart(cursor: ByteCursor): Buffer {
  const length = Math.max(0, readVarint(cursor))
  const part = cursor.bytes.subarray(cursor.at, cursor.at + length)
  cursor.at += length
  return part
}
