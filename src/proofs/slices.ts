// The signed records of a chunk, divided among threads: their bytes copied once, and where in the copy each one stands.

import type { LogRecord, RecordCursor, Records } from '../codec/record.ts'
import { SIGNATURE_BYTES, SIGNATURE_HEADER } from '../codec/signing/header.ts'
import { KEY_BYTES } from '../codec/signing/signer-key.ts'
import { createProofs, type ProofsInMaking } from './proofs.ts'

const NO_BYTES = Buffer.alloc(0)

/** Per record: where its value begins and ends, and where its signature does. */
export const PLACES = 4

/**
 * What one thread is given, in one piece of memory that it has until it answers: the places of `count` records as words of 32
 * bits, counted from the beginning, then their bytes. When it comes back, the codes stand where the places began.
 */
export interface Slice {
  readonly buffer: SharedArrayBuffer
  readonly count: number
}

export interface CutSlice extends Slice {
  readonly thread: number
  /** By record of the slice, its number in the chunk. */
  readonly records: Int32Array
}

export interface Cut {
  /** Of the records that need no thread to look at them. */
  readonly proofs: ProofsInMaking
  /** At most one for each thread. */
  readonly slices: readonly CutSlice[]
  /** What the records hold of memory, keys and all, about: what a former chunk was a part of is not counted again. */
  readonly bytes: number
}

export interface Slicer {
  /** Messages that were signed together are given to the first `treeThreads` threads alone. */
  cut(records: Records, treeThreads: number): Cut
  /** Takes back the buffer of a slice whose codes have been read. */
  giveBack(buffer: SharedArrayBuffer): void
}

/**
 * Messages that were signed together go to one thread, whose prover knows their tree after the first; those signed
 * alone, each of which costs a verification, go round. `turn` says where the last one went.
 */
export function createSlicer(threads: number): Slicer {
  const buffers = createBuffers()
  const builders = Array.from({ length: threads }, (_, thread) => createSliceBuilder(thread, buffers.take))
  let turn = -1
  /** The bytes in which the last record before stood; whoever else had them may let go. */
  let former = new WeakRef<Buffer>(NO_BYTES)
  let treeThreads = threads
  const builderOf = (bytes: Buffer, start: number, end: number): SliceBuilder => {
    const tree = threads === 1 ? 0 : treeOf(bytes, start, end)
    if (tree >= 0) return builders[tree % treeThreads]!
    turn = (turn + 1) % threads
    return builders[turn]!
  }

  return {
    cut(records, among) {
      treeThreads = among
      const proofs = createProofs(records.length)
      let bytes = 0
      const before = former.deref()
      let latest = before
      const cursor = records.cursor()
      for (let i = 0; cursor.next(); i++) {
        if (cursor.bytes !== latest) {
          latest = cursor.bytes
          bytes += latest.length
        }
        if (cursor.isPlain) continue
        if (cursor.isSigned) {
          const { signatureBytes, signatureStart, signatureEnd } = cursor
          if (signatureBytes !== latest) bytes += signatureBytes.length
          const builder = builderOf(signatureBytes, signatureStart, signatureEnd)
          builder.add(i, cursor.bytes, cursor.start, cursor.end)
          builder.sign(signatureBytes, signatureStart, signatureEnd)
        } else addOther(i, cursor, proofs, builderOf)
      }
      if (latest !== undefined && latest !== before) former = new WeakRef(latest)
      return { proofs, bytes, slices: builders.flatMap((builder) => builder.cut() ?? []) }
    },
    giveBack: buffers.give,
  }
}

/** A record with other headers too, or one that is wrong anyhow: the first signature counts, as everywhere. */
function addOther(
  record: number,
  cursor: RecordCursor,
  proofs: ProofsInMaking,
  builderOf: (bytes: Buffer, start: number, end: number) => SliceBuilder,
): void {
  const { value, headers }: LogRecord = cursor.record()
  const header = headers.find(({ name }) => name === SIGNATURE_HEADER)
  if (header === undefined) return
  if (value === null) {
    proofs.bad(record, 'there is no value')
    return
  }
  const signature = Buffer.from(header.value.buffer, header.value.byteOffset, header.value.length)
  const builder = builderOf(signature, 0, signature.length)
  builder.add(record, value, 0, value.length)
  builder.sign(signature, 0, signature.length)
}

/** By the number of a scheme, where in a header the signature stands and where the count does; 0: there is no such. */
const SIGNATURE_AT = [0, 1 + KEY_BYTES.ed25519, 1 + KEY_BYTES.eip191]
const COUNT_AT = [0, SIGNATURE_AT[1]! + SIGNATURE_BYTES.ed25519, SIGNATURE_AT[2]! + SIGNATURE_BYTES.eip191]

/** A number that messages share which were signed together; -1 for one that was signed alone, or is malformed. */
function treeOf(bytes: Buffer, start: number, end: number): number {
  const scheme = start < end ? bytes[start]! : 0
  if (scheme === 0 || scheme >= COUNT_AT.length) return -1
  const countAt = start + COUNT_AT[scheme]!
  if (countAt + 4 > end) return -1
  if (bytes[countAt + 3]! <= 1 && (bytes[countAt + 2]! | bytes[countAt + 1]! | bytes[countAt]!) === 0)
    return -1
  // A signature begins with a point of a curve: all its bits are as good as random.
  const at = start + SIGNATURE_AT[scheme]!
  return bytes[at]! | (bytes[at + 1]! << 8)
}

/** A part of somebody's bytes, and where it goes. */
interface Run {
  readonly source: Buffer
  readonly start: number
  end: number
  readonly at: number
}

interface SliceBuilder {
  /** The value of a record; `sign` its signature, right behind. */
  add(record: number, bytes: Buffer, start: number, end: number): void
  sign(bytes: Buffer, start: number, end: number): void
  /** What was added since the last time; null for nothing. */
  cut(): CutSlice | null
}

/** What lies between two parts of a run is copied along: a key, a header's name. One copy is made of a run. */
const GAP_MAX = 256
const INITIAL_RECORDS = 2_048
const WORD = 4

function createSliceBuilder(thread: number, take: (size: number) => SharedArrayBuffer): SliceBuilder {
  let records = new Int32Array(INITIAL_RECORDS)
  let places = new Int32Array(INITIAL_RECORDS * PLACES)
  let runs: Run[] = []
  let run: Run | null = null
  let size = 0
  let count = 0

  /** Where in the copy bytes[start, end) will begin. */
  const place = (source: Buffer, start: number, end: number): number => {
    if (run === null || run.source !== source || start < run.end || start > run.end + GAP_MAX) {
      run = { source, start, end: start, at: size }
      runs.push(run)
    }
    size += end - run.end
    run.end = end
    return run.at + start - run.start
  }

  return {
    add(record, bytes, start, end) {
      if (count === records.length) {
        records = doubled(records)
        places = doubled(places)
      }
      const at = count * PLACES
      const valueAt = place(bytes, start, end)
      places[at] = valueAt
      places[at + 1] = valueAt + end - start
      records[count++] = record
    },
    sign(bytes, start, end) {
      const at = (count - 1) * PLACES
      const signatureAt = place(bytes, start, end)
      places[at + 2] = signatureAt
      places[at + 3] = signatureAt + end - start
    },
    cut() {
      if (count === 0) return null
      const words = count * PLACES
      const buffer = take(words * WORD + size)
      const head = new Int32Array(buffer, 0, words)
      for (let i = 0; i < words; i++) head[i] = places[i]! + words * WORD
      const body = new Uint8Array(buffer)
      for (const { source, start, end, at } of runs) source.copy(body, words * WORD + at, start, end)
      const slice = { thread, buffer, count, records: records.slice(0, count) }
      runs = []
      run = null
      size = 0
      count = 0
      return slice
    },
  }
}

function doubled(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * array.length)
  larger.set(array)
  return larger
}

/**
 * Buffers are used again: a new one costs four times as much as copying into one that has been used. Shared ones, of
 * which this thread and the other never have the same at one time: handed over, each would count as new memory on both
 * sides, and a garbage collection is begun for every 64 MiB of that.
 */
const IDLE_BYTES_MAX = 2 * 1024 * 1024
const BUFFER_BYTES_MIN = 16 * 1024

function createBuffers() {
  let idle: SharedArrayBuffer[] = []
  let idleBytes = 0
  return {
    take(size: number): SharedArrayBuffer {
      const i = idle.findIndex(({ byteLength }) => byteLength >= size)
      if (i < 0) return new SharedArrayBuffer(2 ** Math.ceil(Math.log2(Math.max(size, BUFFER_BYTES_MIN))))
      const [found] = idle.splice(i, 1)
      idleBytes -= found!.byteLength
      return found!
    },
    give(buffer: SharedArrayBuffer): void {
      if (idleBytes + buffer.byteLength > IDLE_BYTES_MAX) {
        // Too small for what comes now, or too many.
        idle = []
        idleBytes = 0
      }
      if (buffer.byteLength > IDLE_BYTES_MAX) return
      idle.push(buffer)
      idleBytes += buffer.byteLength
    },
  }
}
