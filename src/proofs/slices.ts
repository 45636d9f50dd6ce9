// The signed records of a chunk, divided among threads: their bytes copied once, and where in the copy each one stands.

import type { LogRecord, RecordCursor, Records } from '../codec/record.ts'
import { SIGNATURE_BYTES, SIGNATURE_HEADER } from '../codec/signing/header.ts'
import { KEY_BYTES } from '../codec/signing/signer-key.ts'
import { createProofs, type ProofsInMaking } from './proofs.ts'

/** Per record: where its value begins and ends, and where its signature does. */
export const PLACES = 4

/** What one thread is given. Everything can be handed over to it: nobody else has these bytes. */
export interface Slice {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly places: Int32Array<ArrayBuffer>
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
  /** Of all values and signatures, about. */
  readonly bytes: number
}

/**
 * Messages that were signed together go to one thread, whose prover knows their tree after the first; those signed
 * alone, each of which costs a verification, go round. `turn` says where the last one went.
 */
export function createSlicer(threads: number): (records: Records) => Cut {
  let turn = -1
  const threadOf = (bytes: Buffer, start: number, end: number): number => {
    const tree = threads === 1 ? 0 : treeOf(bytes, start, end)
    if (tree >= 0) return tree % threads
    turn = (turn + 1) % threads
    return turn
  }

  return (records) => {
    const proofs = createProofs(records.length)
    const builders: (SliceBuilder | undefined)[] = []
    const add = (
      record: number,
      bytes: Buffer,
      start: number,
      end: number,
      signature: Buffer,
      signatureStart: number,
      signatureEnd: number,
    ): void => {
      const thread = threadOf(signature, signatureStart, signatureEnd)
      let builder = builders[thread]
      if (builder === undefined) {
        builder = createSliceBuilder(thread)
        builders[thread] = builder
      }
      builder.add(record, bytes, start, end, signature, signatureStart, signatureEnd)
    }
    let bytes = 0
    const cursor = records.cursor()
    for (let i = 0; cursor.next(); i++) {
      bytes += cursor.end - cursor.start
      if (cursor.isPlain) continue
      if (cursor.isSigned) {
        const { signatureBytes, signatureStart, signatureEnd } = cursor
        bytes += signatureEnd - signatureStart
        add(i, cursor.bytes, cursor.start, cursor.end, signatureBytes, signatureStart, signatureEnd)
      } else bytes += addOther(i, cursor, proofs, add)
    }
    return { proofs, bytes, slices: builders.flatMap((builder) => builder?.cut() ?? []) }
  }
}

/** A record with other headers too, or one that is wrong anyhow: the first signature counts, as everywhere. */
function addOther(
  record: number,
  cursor: RecordCursor,
  proofs: ProofsInMaking,
  add: SliceBuilder['add'],
): number {
  const { value, headers }: LogRecord = cursor.record()
  const header = headers.find(({ name }) => name === SIGNATURE_HEADER)
  const size = headers.reduce((sum, one) => sum + one.value.length, 0)
  if (header === undefined) return size
  if (value === null) {
    proofs.bad(record, 'there is no value')
    return size
  }
  const signature = Buffer.from(header.value.buffer, header.value.byteOffset, header.value.length)
  add(record, value, 0, value.length, signature, 0, signature.length)
  return size
}

const SCHEMES = [undefined, 'ed25519', 'eip191'] as const

/** A number that messages share which were signed together; -1 for one that was signed alone, or is malformed. */
function treeOf(bytes: Buffer, start: number, end: number): number {
  const scheme = start < end ? SCHEMES[bytes[start]!] : undefined
  if (scheme === undefined) return -1
  const signatureAt = start + 1 + KEY_BYTES[scheme]
  const countAt = signatureAt + SIGNATURE_BYTES[scheme]
  if (countAt + 4 > end || bytes.readUInt32BE(countAt) <= 1) return -1
  // A signature begins with a point of a curve: all its bits are as good as random.
  return bytes[signatureAt]! | (bytes[signatureAt + 1]! << 8)
}

/** A part of somebody's bytes, and where it goes. */
interface Run {
  readonly source: Buffer
  readonly start: number
  end: number
  readonly at: number
}

interface SliceBuilder {
  add(
    record: number,
    bytes: Buffer,
    start: number,
    end: number,
    signature: Buffer,
    signatureStart: number,
    signatureEnd: number,
  ): void
  cut(): CutSlice
}

/** What lies between two parts of a run is copied along: a key, a header's name. One copy is made of a run. */
const GAP_MAX = 256
const INITIAL_RECORDS = 64

function createSliceBuilder(thread: number): SliceBuilder {
  const runs: Run[] = []
  let run: Run | null = null
  let size = 0
  let count = 0
  let records = new Int32Array(INITIAL_RECORDS)
  let places = new Int32Array(INITIAL_RECORDS * PLACES)

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
  const grow = (): void => {
    const [largerRecords, largerPlaces] = [new Int32Array(2 * count), new Int32Array(2 * count * PLACES)]
    largerRecords.set(records)
    largerPlaces.set(places)
    records = largerRecords
    places = largerPlaces
  }

  return {
    add(record, bytes, start, end, signature, signatureStart, signatureEnd) {
      if (count === records.length) grow()
      const at = count * PLACES
      const valueAt = place(bytes, start, end)
      places[at] = valueAt
      places[at + 1] = valueAt + end - start
      const signatureAt = place(signature, signatureStart, signatureEnd)
      places[at + 2] = signatureAt
      places[at + 3] = signatureAt + signatureEnd - signatureStart
      records[count++] = record
    },
    cut() {
      const bytes = new Uint8Array(new ArrayBuffer(size))
      for (const { source, start, end, at } of runs) source.copy(bytes, at, start, end)
      return {
        thread,
        bytes,
        places: places.slice(0, count * PLACES),
        records: records.subarray(0, count),
      }
    },
  }
}
