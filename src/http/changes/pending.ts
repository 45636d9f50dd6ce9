// Records that were read from the log and that the node has yet to apply, and what of them may be told.

import type { Catalogue } from '../../codec/catalogue.ts'
import { EMPTY_CATALOGUE } from '../../codec/catalogue.ts'
import { DEFINITIONS, type LogRecord } from '../../codec/record.ts'
import { claimedSigner, SIGNATURE_HEADER } from '../../codec/signing/header.ts'
import type { Signer } from '../../codec/signing/signer-key.ts'
import type { OpenJudge } from '../../codec/verdict.ts'
import type { LogEvent } from '../../log/log.ts'
import type { Applied } from '../applied.ts'
import { type ChangeEvent, changeEvent, definitionEvent } from './events.ts'
import type { Vector } from './vector.ts'

/** The events of [from, next) of one partition, in order. */
export interface ChangeChunk {
  readonly partition: number
  readonly from: bigint
  readonly next: bigint
  readonly events: readonly ChangeEvent[]
  /** Characters of the events. */
  readonly size: number
}

export interface Pending {
  add(chunk: Extract<LogEvent, { type: 'chunk' }>): void
  /** The next chunk that may be told, or null. */
  take(): ChangeChunk | null
  /** Forgets what is not told yet of the data partitions; answers where to read on. */
  rewind(): Vector
  /** Of what may be told once it is known what of it the node has quarantined; null: nothing. */
  unknown(): OffsetRange | null
  /** What the node has quarantined of such a range. */
  exclude(range: OffsetRange, offsets: readonly bigint[]): void
  /** Where to read the definitions on. */
  definitionsFrom(): bigint
  /** Of what waits, about. */
  bytes(): number
}

/** Of one partition, or DEFINITIONS. */
export interface OffsetRange {
  readonly partition: number
  readonly from: bigint
  readonly next: bigint
}

export interface PendingOptions {
  readonly applied: Pick<Applied, 'position' | 'settled'>
  readonly judge: OpenJudge
  readonly logId: string
  /** In a guarded log the bytes of a record do not say whether it was allowed; the node, who knows, is asked. */
  readonly isGuarded: boolean
  readonly start: Vector
}

interface Queue {
  /** Below this everything was told. */
  told: bigint
  /** Below this everything was read. */
  read: bigint
  /** Below this it is known what the node has quarantined. */
  known: bigint
  readonly excluded: Set<bigint>
  records: LogRecord[]
}

const CHUNK_RECORDS_MAX = 200
const CHUNK_CHARS_MAX = 64 * 1024
const RECORD_BYTES = 300

export function createPending({ applied, judge, logId, isGuarded, start }: PendingOptions): Pending {
  const queues = new Map<number, Queue>()
  const definitionsStart = start.get(DEFINITIONS) ?? 0n
  let catalogue: Catalogue = EMPTY_CATALOGUE
  let bytes = 0
  let turn = 0

  function queueOf(partition: number): Queue {
    const known = queues.get(partition)
    if (known !== undefined) return known
    // The definitions are folded from their start, whoever has seen them.
    const from = partition === DEFINITIONS ? 0n : (start.get(partition) ?? 0n)
    const queue: Queue = { told: from, read: from, known: from, excluded: new Set(), records: [] }
    queues.set(partition, queue)
    return queue
  }

  function tell(record: LogRecord, { excluded }: Queue): ChangeEvent | null {
    if (excluded.delete(record.offset)) return null
    // The node has verified the signature of whatever it did not quarantine.
    const signer = isGuarded ? signerIn(record) : null
    if (record.partition !== DEFINITIONS)
      return changeEvent(record, judge(record, catalogue), catalogue, signer)
    const folded = definitionEvent(record, catalogue, logId, signer)
    catalogue = folded.catalogue
    return record.offset < definitionsStart ? null : folded.event
  }

  /** What of a partition lies below `limit`; null when nothing does. */
  function takeFrom(partition: number, limit: bigint): ChangeChunk | null {
    const queue = queueOf(partition)
    const end = leastOf(limit, queue.read, isGuarded ? queue.known : limit)
    if (end <= queue.told) return null
    const from = queue.told
    const events: ChangeEvent[] = []
    let size = 0
    let count = 0
    while (count < queue.records.length && count < CHUNK_RECORDS_MAX && size < CHUNK_CHARS_MAX) {
      const record = queue.records[count]!
      if (record.offset >= end) break
      const event = tell(record, queue)
      if (event !== null) events.push(event)
      size += event?.text.length ?? 0
      bytes -= weightOf(record)
      count++
    }
    const following = queue.records[count]
    queue.records.splice(0, count)
    queue.told = following === undefined || following.offset > end ? end : following.offset
    if (partition === DEFINITIONS) catalogue = { ...catalogue, offset: queue.told }
    return { partition, from, next: queue.told, events, size }
  }

  return {
    add({ partition, from, next, records }) {
      const queue = queueOf(partition)
      // What comes after a rewinding was asked for before it.
      if (from !== queue.read) return
      for (const record of records) {
        queue.records.push(record)
        bytes += weightOf(record)
      }
      queue.read = next
    },
    take() {
      const settled = applied.settled()
      const definitions = takeFrom(DEFINITIONS, settled)
      if (definitions !== null) return definitions
      // By older definitions than the node has judged by, a change would be told wrongly.
      if (queueOf(DEFINITIONS).told < settled) return null
      const partitions = [...queues.keys()].filter((partition) => partition !== DEFINITIONS)
      for (let i = 0; i < partitions.length; i++) {
        const partition = partitions[(turn + i) % partitions.length]!
        const chunk = takeFrom(partition, applied.position(partition))
        if (chunk === null) continue
        turn = (turn + i + 1) % partitions.length
        return chunk
      }
      return null
    },
    unknown() {
      if (!isGuarded) return null
      queueOf(DEFINITIONS)
      for (const [partition, { known, read }] of queues) {
        const limit = partition === DEFINITIONS ? applied.settled() : applied.position(partition)
        const next = leastOf(limit, read)
        if (next > known) return { partition, from: known, next }
      }
      return null
    },
    exclude({ partition, from, next }, offsets) {
      const queue = queueOf(partition)
      if (from !== queue.known) return
      queue.known = next
      for (const offset of offsets) queue.excluded.add(offset)
    },
    rewind() {
      const told = new Map<number, bigint>(start)
      for (const [partition, queue] of queues) {
        if (partition === DEFINITIONS) continue
        for (const record of queue.records) bytes -= weightOf(record)
        queue.records = []
        queue.read = queue.told
        told.set(partition, queue.told)
      }
      return told
    },
    definitionsFrom: () => queueOf(DEFINITIONS).read,
    bytes: () => bytes,
  }
}

function leastOf(first: bigint, ...others: bigint[]): bigint {
  let least = first
  for (const other of others) if (other < least) least = other
  return least
}

function signerIn({ headers }: LogRecord): Signer {
  const header = headers.find(({ name }) => name === SIGNATURE_HEADER)?.value
  return header === undefined
    ? null
    : claimedSigner(Buffer.from(header.buffer, header.byteOffset, header.length))
}

function weightOf({ value, key }: LogRecord): number {
  return RECORD_BYTES + (value?.length ?? 0) + (key?.length ?? 0)
}
