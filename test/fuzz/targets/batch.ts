// Kafka's record batches, as a broker hands on what any producer sent.

import assert from 'node:assert/strict'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import type { LogRecord } from '../../../src/codec/record.ts'
import { checkBatch, readBatches } from '../../../src/log/kafka/batch.ts'
import { writeBatch } from '../../../src/log/kafka/batch-write.ts'
import { BATCH_BYTES_MAX, decompressRecords } from '../../../src/log/kafka/compression.ts'
import { crc32c } from '../../../src/log/kafka/crc32c.ts'
import { RecordIndex } from '../../../src/log/kafka/record-index.ts'
import { createRecordReader } from '../../../src/log/kafka/record-reader.ts'
import type { NewRecord } from '../../../src/log/log.ts'
import { below, createRandom, one, type Random } from '../../sim/world.ts'
import { VALUES } from '../corpus.ts'
import { mutateBytes, randomBytes } from '../mutate.ts'
import { checkEqual, checkError } from '../rules.ts'
import type { Target } from '../target.ts'

const IDENTITY = { producerId: -1n, producerEpoch: -1, sequence: -1 }
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const RECORDS_AT = 61

/** Without looking for repeats: what is fuzzed is the opening. */
function packSnappy(bytes: Buffer): Buffer {
  const size = Buffer.from([
    (bytes.length & 0x7f) | 0x80,
    ((bytes.length >> 7) & 0x7f) | 0x80,
    bytes.length >> 14,
  ])
  const literals = []
  for (let at = 0; at < bytes.length; at += 60) {
    const part = bytes.subarray(at, at + 60)
    literals.push(Buffer.from([(part.length - 1) << 2]), part)
  }
  const block = Buffer.concat([size, ...literals])
  if (bytes.length % 2 === 0) return block
  const header = Buffer.from('82534e4150505900000000010000000100000000', 'hex')
  header.writeUInt32BE(block.length, 16)
  return Buffer.concat([header, block])
}

function packLz4(bytes: Buffer): Buffer {
  const isStored = bytes.length % 2 === 0
  const literals = bytes.length - 15
  const lengths = Buffer.from([...Array(Math.floor(literals / 255)).fill(255), literals % 255])
  const block = isStored ? bytes : Buffer.concat([Buffer.from([0xf0]), lengths, bytes])
  const head = Buffer.from('04224d18604082', 'hex')
  const size = Buffer.alloc(4)
  size.writeUInt32LE((block.length | (isStored ? 0x80000000 : 0)) >>> 0)
  return Buffer.concat([head, size, block, Buffer.alloc(4)])
}

/** By the codec's number. */
const PACKERS: readonly ((bytes: Buffer) => Buffer)[] = [
  (bytes) => bytes,
  gzipSync,
  packSnappy,
  packLz4,
  zstdCompressSync,
]

function makeRecords(random: Random): NewRecord[] {
  return Array.from({ length: 1 + below(random, 4) }, () => ({
    partition: 0,
    key: random() < 0.3 ? null : randomBytes(random, below(random, 9)),
    value: one(random, VALUES),
    headers: Array.from({ length: below(random, 3) }, (_, i) => ({
      name: `h${i}`,
      value: randomBytes(random, below(random, 4)),
    })),
  }))
}

/** Signs a batch again, so that what was changed in it is looked at. */
function sign(batch: Buffer): Buffer {
  if (batch.length > ATTRIBUTES_AT) batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT)
  return batch
}

/** A batch as a broker keeps it, compressed with one of the codecs or said to be. */
function makeBatch(records: readonly NewRecord[], codec: number): Buffer {
  const plain = writeBatch(records, IDENTITY, 5n)
  const packed = Buffer.concat([plain.subarray(0, RECORDS_AT), PACKERS[codec]!(plain.subarray(RECORDS_AT))])
  packed.writeInt32BE(packed.length - 12, 8)
  packed.writeInt16BE(codec, ATTRIBUTES_AT)
  return sign(packed)
}

/** Records, and the batch that they are in. */
const WRITTEN = Array.from({ length: 60 }, (_, i) => {
  const records = makeRecords(createRandom(i))
  return { records, bytes: makeBatch(records, i % PACKERS.length) }
})
const SOME = WRITTEN.map(({ bytes }) => bytes)

/** Enough of a batch that says that it has more records than its bytes hold: each of them is one to be quarantined. */
const RECORDS_READ_MAX = 5_000

async function readAll(bytes: Buffer): Promise<LogRecord[]> {
  const all = new RecordIndex(0)
  for (const batch of readBatches(bytes, 'topic-0')) {
    checkBatch(batch, 'topic-0')
    const name = () => `the record batch at ${batch.baseOffset}`
    const opened = await decompressRecords(batch.codec, batch.records, name)
    assert.ok(opened === null || opened.length <= BATCH_BYTES_MAX)
    const reader = createRecordReader(batch, opened, 0n)
    while (all.length < RECORDS_READ_MAX && reader.readInto(all, all.length + 100));
  }
  return [...all]
}

export const batch: Target = {
  name: 'batch',
  make: (random) => sign(mutateBytes(random, one(random, SOME), SOME)),
  async check(input) {
    try {
      await readAll(input as Buffer)
    } catch (error) {
      checkError(error, /batch/)
    }
  },
}

/** What is written is read back, alone or one behind the other, and a cut one at the end is left out. */
export const batchesRead: Target = {
  name: 'batches-read',
  make: (random) =>
    Buffer.from([below(random, WRITTEN.length), below(random, WRITTEN.length), below(random, 256)]),
  async check(input) {
    const [first, second, share] = input as Buffer
    const [some, others] = [WRITTEN[first!]!, WRITTEN[second!]!]
    const whole = Buffer.concat([some.bytes, others.bytes])
    const cut = whole.subarray(0, some.bytes.length + Math.floor((others.bytes.length * share!) / 256))
    if (share! < 128)
      checkEqual(plain(await readAll(whole)), plain([...some.records, ...others.records]), 'what was written')
    else checkEqual(plain(await readAll(cut)), plain(some.records), 'what was written whole')
  },
}

function plain(records: readonly (NewRecord | LogRecord)[]) {
  return records.map(({ key, value, headers }) => [
    key,
    value,
    headers?.map(({ name, value }) => [name, Buffer.from(value)]),
  ])
}
