// The answer to a fetch, as chunks of a bounded number of records, decompressed only when somebody takes them.

import type { LogEvent } from '../log.ts'
import { type Batch, checkBatch, readBatches } from './batch.ts'
import { BATCH_BYTES_MAX, decompressRecords } from './compression.ts'
import { RecordIndex } from './record-index.ts'
import { createRecordReader } from './record-reader.ts'

/** What a broker answered for one partition to a fetch at `from`. */
export interface Answer {
  readonly partition: number
  readonly from: bigint
  /** The end of the partition, as the broker said with the answer. */
  readonly end: bigint
  readonly bytes: Buffer
  /** For messages. */
  readonly place: string
}

export type Chunk = Extract<LogEvent, { type: 'chunk' }>

/** Few enough that their objects die young, and that other work gets its turn between two chunks. */
const CHUNK_RECORDS_MAX = 2_000
const CHUNK_BYTES_MAX = 16 * 1024 * 1024

/** The offset behind the last whole batch of the answer; `from` when there is none. */
export function answerNext({ from, bytes, place }: Omit<Answer, 'end' | 'partition'>): bigint {
  const last = readBatches(bytes, place).at(-1)
  return last === undefined || last.next < from ? from : last.next
}

/**
 * The chunks of an answer, in order; together they lead from `from` to the end of its last whole batch. Control
 * batches and gaps are stepped over here, since this is the answer to a read at the position itself. An answer
 * without a batch is one empty chunk.
 */
export async function* answerToChunks(answer: Answer): AsyncGenerator<Chunk> {
  const { partition, end, place } = answer
  let from = answer.from
  let next = from
  let records = new RecordIndex(partition)
  let bytes = 0
  const cut = (): Chunk => {
    const chunk: Chunk = { type: 'chunk', partition, from, next, end, records }
    from = next
    records = new RecordIndex(partition)
    bytes = 0
    return chunk
  }
  const batches = readBatches(answer.bytes, place)
  let ahead: Promise<Buffer | null> | null = null
  for (const [i, batch] of batches.entries()) {
    const opened: Buffer | null = (await ahead) ?? (await openBatch(batch, place, BATCH_BYTES_MAX))
    ahead = openAhead(batches[i + 1], place)
    if (!batch.isControl) {
      const reader = createRecordReader(batch, opened, answer.from)
      bytes += opened?.length ?? 0
      while (reader.readInto(records, CHUNK_RECORDS_MAX)) {
        next = records.last()!.offset + 1n
        yield cut()
      }
    }
    if (batch.next > next) next = batch.next
    if (bytes >= CHUNK_BYTES_MAX || records.length >= CHUNK_RECORDS_MAX) yield cut()
  }
  if (next > from || answer.from === next) yield cut()
}

/** The records of a batch; null when they do not open within `sizeMax` bytes. Throws for one that is damaged. */
async function openBatch(batch: Batch, place: string, sizeMax: number): Promise<Buffer | null> {
  checkBatch(batch, place)
  if (batch.isControl) return null
  const name = () => `the record batch at offset ${batch.baseOffset} of ${place}`
  return decompressRecords(batch.codec, batch.records, name, sizeMax)
}

/** Of a batch that is opened while the one before is being read: two of the greatest would be too much memory. */
const AHEAD_BYTES_MAX = 4 * 1024 * 1024

/** Opens a batch off this thread before its turn; null, or a promise of it, when it has to be opened then. */
function openAhead(batch: Batch | undefined, place: string): Promise<Buffer | null> | null {
  if (batch === undefined || batch.isControl || batch.codec === NOT_COMPRESSED) return null
  const opened = openBatch(batch, place, AHEAD_BYTES_MAX)
  // What is wrong with it is said when its turn comes, if it does.
  opened.catch(() => {})
  return opened
}

const NOT_COMPRESSED = 0
