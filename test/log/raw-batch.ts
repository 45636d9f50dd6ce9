// Record batches made by hand and sent as they are: compressed from pieces, so that one may be far larger than memory.

import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createGzip, createZstdCompress } from 'node:zlib'
import { createClient } from '../../src/log/kafka/client.ts'
import { crc32c } from '../../src/log/kafka/crc32c.ts'
import { type ProducedPartition, produceBatches } from '../../src/log/kafka/exchange.ts'

const CODECS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const

/** A record's bytes in pieces; `size` is their sum. */
export interface RawRecord {
  readonly size: number
  readonly pieces: () => Iterable<Buffer>
}

/** A record without a key: its offset behind the batch's first, the value, headers whose names need not be UTF-8. */
export function rawRecord(
  delta: number,
  value: Buffer | { readonly zeros: number } | null,
  headers: readonly (readonly [Buffer, Buffer | null])[] = [],
): RawRecord {
  const length = value === null ? -1 : 'zeros' in value ? value.zeros : value.length
  const field = (bytes: Buffer | null) => (bytes === null ? [varint(-1)] : [varint(bytes.length), bytes])
  const before = Buffer.concat([Buffer.from([0, 0]), varint(delta), varint(-1), varint(length)])
  const parts = headers.flatMap(([name, content]) => [...field(name), ...field(content)])
  const behind = Buffer.concat([varint(headers.length), ...parts])
  const bodySize = before.length + Math.max(0, length) + behind.length
  const head = Buffer.concat([varint(bodySize), before])
  return {
    size: head.length + bodySize - before.length,
    *pieces() {
      yield head
      if (value !== null) yield* 'zeros' in value ? zeros(value.zeros) : [value]
      yield behind
    },
  }
}

/** The batch of these records. */
export async function rawBatch(
  records: readonly RawRecord[],
  codec: 'none' | 'gzip' | 'zstd',
): Promise<Buffer> {
  const pieces = Readable.from(
    (function* () {
      for (const record of records) yield* record.pieces()
    })(),
  )
  const compress =
    codec === 'gzip' ? createGzip({ level: 1 }) : codec === 'zstd' ? createZstdCompress() : null
  return finishBatch(await buffer(compress === null ? pieces : pieces.pipe(compress)), records.length, codec)
}

/** The batch whose `count` records are in these bytes, compressed already. */
export function finishBatch(body: Buffer, count: number, codec: keyof typeof CODECS): Buffer {
  const header = Buffer.alloc(61)
  header.writeInt32BE(header.length + body.length - 12, 8)
  header.writeInt32BE(-1, 12)
  header.writeInt8(2, 16)
  header.writeInt16BE(CODECS[codec], 21)
  header.writeInt32BE(count - 1, 23)
  header.writeBigInt64BE(-1n, 43)
  header.writeInt16BE(-1, 51)
  header.writeInt32BE(-1, 53)
  header.writeInt32BE(count, 57)
  const batch = Buffer.concat([header, body])
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

/** Appends batches to partitions of a topic, each in a request of its own. Throws where the broker refuses one. */
export async function sendBatches(
  brokers: readonly string[],
  topic: string,
  batches: readonly { readonly partition: number; readonly bytes: Buffer }[],
): Promise<readonly ProducedPartition[]> {
  const client = createClient({ connection: { brokers }, clientId: 'raw', onLog: () => {} })
  try {
    const layout = await client.layout(topic)
    const answers: ProducedPartition[] = []
    for (const batch of batches) {
      const leader = layout!.find(({ partition }) => partition === batch.partition)!.leader
      const broker = await client.broker(leader)
      // By name, as brokers before Kafka 4.1 are asked.
      const [answer] = await produceBatches(broker, { topic, topicId: null, batches: [batch] })
      if (answer!.errorCode !== 0) throw new Error(`the broker refused a batch: error ${answer!.errorCode}`)
      answers.push(answer!)
    }
    return answers
  } finally {
    await client.close()
  }
}

function* zeros(count: number): Iterable<Buffer> {
  const piece = Buffer.alloc(1024 * 1024)
  for (let left = count; left > 0; left -= piece.length)
    yield left < piece.length ? piece.subarray(0, left) : piece
}

/** Zigzag, 32 bits. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.from([...bytes, rest])
}
