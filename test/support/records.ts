// The same records as each adapter delivers them: objects in a list, an index into Kafka's batch, rows of Postgres's COPY.

import type { LogRecord, Records } from '../../src/codec/record.ts'
import { readBatches } from '../../src/log/kafka/batch.ts'
import { writeBatch } from '../../src/log/kafka/batch-write.ts'
import { RecordIndex } from '../../src/log/kafka/record-index.ts'
import { createRecordReader } from '../../src/log/kafka/record-reader.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { encodeHeaders } from '../../src/log/postgres/headers.ts'
import { readRows } from '../../src/log/postgres/rows.ts'
import { listRecords } from '../../src/log/records.ts'

export type Adapter = 'memory' | 'kafka' | 'postgres'
export const ADAPTERS: readonly Adapter[] = ['memory', 'kafka', 'postgres']

/** Consecutive records of partition 0, as if the log had just delivered them. */
export function deliver(
  adapter: Adapter,
  records: readonly NewRecord[],
  first: bigint,
  appendMs: bigint,
): Records {
  if (adapter === 'kafka') return kafkaRecords(records, first, appendMs)
  const asRecords = records.map(({ key, value, headers = [] }, i): LogRecord => {
    const offset = first + BigInt(i)
    return { partition: 0, offset, appendMs, stampedByLog: true, key, value, headers }
  })
  return adapter === 'memory' ? listRecords(asRecords) : readRows(postgresRows(asRecords), 0, first).records
}

function kafkaRecords(records: readonly NewRecord[], first: bigint, appendMs: bigint): Records {
  const index = new RecordIndex(0)
  if (records.length === 0) return index
  const bytes = writeBatch(records, { producerId: 7n, producerEpoch: 1, sequence: 3 }, appendMs)
  bytes.writeBigInt64BE(first, 0)
  bytes.writeInt16BE(0x08, 21)
  const [batch] = readBatches(bytes, 'here')
  createRecordReader(batch!, batch!.records, first).readInto(index, Number.POSITIVE_INFINITY)
  return index
}

function postgresRows(records: readonly LogRecord[]): Buffer {
  const parts: Buffer[] = []
  const word = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(value)
    parts.push(bytes)
  }
  const long = (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64BE(value)
    word(8)
    parts.push(bytes)
  }
  const field = (bytes: Uint8Array | null) => {
    word(bytes === null ? -1 : bytes.length)
    if (bytes !== null) parts.push(Buffer.from(bytes))
  }
  for (const { offset, appendMs, key, value, headers } of records) {
    parts.push(Buffer.of(0, 5))
    long(offset)
    long(appendMs)
    field(key)
    field(value)
    field(encodeHeaders(headers))
  }
  return Buffer.concat([...parts, Buffer.of(0xff, 0xff)])
}
