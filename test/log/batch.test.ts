// Record batches: what is written is read, whole, from any offset on, in slices of any size.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LogRecord } from '../../src/codec/record.ts'
import { readBatches } from '../../src/log/kafka/batch.ts'
import { recordSizeMax, writeBatch } from '../../src/log/kafka/batch-write.ts'
import { answerNext, answerToChunks } from '../../src/log/kafka/chunks.ts'
import { crc32c } from '../../src/log/kafka/crc32c.ts'
import { RecordIndex } from '../../src/log/kafka/record-index.ts'
import { createRecordReader } from '../../src/log/kafka/record-reader.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/log/batch.test.ts')

const identity = { producerId: 7n, producerEpoch: 1, sequence: 3 }
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const record: fc.Arbitrary<NewRecord> = fc.record({
  partition: fc.constant(0),
  key: fc.option(bytes),
  value: bytes,
  headers: fc.array(fc.record({ name: fc.string(), value: bytes }), { maxLength: 3 }),
})

/** A batch as a log keeps it: at an offset, with its time. */
function stored(records: readonly NewRecord[], offset: bigint, attributes = 0x08): Buffer {
  const batch = writeBatch(records, identity, 1_234n)
  batch.writeBigInt64BE(offset, 0)
  batch.writeInt16BE(attributes, 21)
  return sign(batch)
}

function sign(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

async function readAll(answer: Buffer, from: bigint) {
  const records: LogRecord[] = []
  let next = from
  for await (const chunk of answerToChunks({
    partition: 0,
    from,
    end: 1n << 40n,
    bytes: answer,
    place: 'here',
  })) {
    expect(chunk.from).toBe(next)
    next = chunk.next
    records.push(...chunk.records)
  }
  return { records, next }
}

test('any records come back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(record, { minLength: 1, maxLength: 8 }), { maxLength: 4 }),
      async (batches) => {
        let offset = 1n << 33n
        const parts = batches.map((records) => {
          const part = stored(records, offset)
          offset += BigInt(records.length)
          return part
        })
        const { records, next } = await readAll(Buffer.concat(parts), 1n << 33n)
        const place = { partition: 0, appendMs: 1_234n, stampedByLog: true }
        const expected = batches.flat().map(({ key, value, headers }, i) => ({
          ...place,
          offset: (1n << 33n) + BigInt(i),
          key,
          value,
          headers,
        }))
        expect(records).toEqual(expected)
        expect(next).toBe(offset)
      },
    ),
    seeded(seed, 300),
  )
})

test('sizes are never more than was foreseen', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), (records) => {
      const size = writeBatch(records, identity, 0n).length
      expect(size).toBeLessThanOrEqual(61 + records.reduce((sum, one) => sum + recordSizeMax(one), 0))
    }),
    seeded(seed, 300),
  )
})

const simple = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ partition: 0, key: null, value: Buffer.from(String(i)) }))

test('a batch cut off at the end is left for the next fetch', async () => {
  const whole = stored(simple(3), 0n)
  const cut = stored(simple(3), 3n)
  for (const length of [1, 12, 17, 60, cut.length - 1]) {
    const answer = Buffer.concat([whole, cut.subarray(0, length)])
    expect(answerNext({ from: 0n, bytes: answer, place: 'here' })).toBe(3n)
    expect((await readAll(answer, 0n)).records).toHaveLength(3)
  }
})

test('control batches and batches without records are stepped over', async () => {
  const control = stored(simple(1), 3n, 0x38)
  const empty = Buffer.from(stored(simple(1), 4n).subarray(0, 61))
  empty.writeInt32BE(49, 8)
  empty.writeInt32BE(9, 23)
  empty.writeInt32BE(0, 57)
  const { records, next } = await readAll(Buffer.concat([stored(simple(3), 0n), control, sign(empty)]), 1n)
  expect(records.map(({ offset }) => offset)).toEqual([1n, 2n])
  expect(next).toBe(14n)
})

test('a record stands where the broker counted it, whatever it says of its own offset', async () => {
  const batch = stored(simple(3), 7n)
  const deltaAt = (index: number) => 61 + 3 + index * ((batch.length - 61) / 3)
  for (const [first, last] of [
    [0, 0],
    [7, 7],
    [1, 100],
  ]) {
    // Zigzag: 1 is -1.
    batch[deltaAt(0)] = first!
    batch[deltaAt(2)] = last!
    const { records } = await readAll(sign(batch), 7n)
    expect(records.map(({ offset, value }) => `${offset}=${value}`)).toEqual(['7=0', '8=1', '9=2'])
  }
})

test('in a batch from which records were compacted away, each keeps its own offset', async () => {
  const batch = stored(simple(3), 7n)
  batch.writeInt32BE(9, 23)
  batch[61 + 3 + (2 * (batch.length - 61)) / 3] = 2 * 9
  expect((await readAll(sign(batch), 7n)).records.map(({ offset }) => offset)).toEqual([7n, 8n, 16n])
})

test('a batch of 200,000 records comes in chunks', async () => {
  const { records, next } = await readAll(stored(simple(200_000), 0n), 99_999n)
  expect(next).toBe(200_000n)
  expect(records).toHaveLength(100_001)
  expect(records.every(({ offset, value }) => String(offset) === value!.toString())).toBe(true)
}, 60_000)

test('an answer without a batch is one empty chunk', async () => {
  expect(await readAll(Buffer.alloc(0), 5n)).toEqual({ records: [], next: 5n })
})

test('records that the log did not stamp say so', async () => {
  const { records } = await readAll(stored(simple(1), 0n, 0), 0n)
  expect(records[0]).toMatchObject({ stampedByLog: false, appendMs: 1_234n })
})

test('what cannot be read is an error, never skipped', async () => {
  const old = stored(simple(1), 0n)
  old[16] = 1
  expect(() => readBatches(old, 'here')).toThrow(/here: a record batch has format 1/)
  await expect(readAll(stored(simple(1), 0n, 0x08 | 5), 0n)).rejects.toThrow(/codec 5/)
})

const aside = { key: null, value: null, headers: [] }

test('a batch that does not open, or whose records cannot be taken apart, gives records without a value', async () => {
  expect((await readAll(stored(simple(2), 7n, 0x08 | 1), 7n)).records).toMatchObject([
    { offset: 7n, ...aside },
    { offset: 8n, ...aside },
  ])
  const batch = readBatches(stored(simple(2), 0n), 'here')[0]!
  for (const damaged of [
    batch.records.subarray(0, 5),
    Buffer.alloc(batch.records.length, 0xff),
    Buffer.alloc(40),
  ]) {
    const records = new RecordIndex(0)
    expect(createRecordReader(batch, damaged, 0n).readInto(records, 10)).toBe(false)
    expect([...records]).toMatchObject([aside, aside])
  }
})

test('records before the first that cannot be taken apart are what they are; wherever the reading begins', async () => {
  const batch = stored(simple(3), 0n)
  const second = 61 + 1 + batch[61]! / 2
  batch[second]! += 2
  const { records } = await readAll(sign(batch), 0n)
  expect(records).toMatchObject([{ offset: 0n }, { offset: 1n, ...aside }, { offset: 2n, ...aside }])
  expect(records[0]!.value).not.toBe(null)
  expect((await readAll(batch, 2n)).records).toEqual([records[2]])
})

test('a record that says that it has more headers than there are bytes is set aside at once', async () => {
  const batch = stored([{ partition: 0, key: null, value: Buffer.from('v') }], 0n)
  // The header count is the last byte; in its place 2^31 - 1, with the record's length to match.
  const lying = Buffer.concat([batch.subarray(0, -1), Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f])])
  lying.writeInt32BE(lying.length - 12, 8)
  lying[61] = batch[61]! + 8
  expect((await readAll(sign(lying), 0n)).records).toMatchObject([aside])
})

test('more records than offsets are refused', async () => {
  const batch = stored([{ partition: 0, key: null, value: Buffer.from('v') }], 0n)
  batch.writeInt32BE(2_000_000_000, 57)
  await expect(readAll(sign(batch), 0n)).rejects.toThrow('2000000000 records at 1 offsets')
})

test('a bit that fell over is an error, wherever it stands', async () => {
  const batch = stored(simple(3), 5n)
  for (let bit = 17 * 8; bit < batch.length * 8; bit++) {
    const fallen = Buffer.from(batch)
    fallen[bit >> 3]! ^= 1 << (bit & 7)
    await expect(readAll(fallen, 5n)).rejects.toThrow(
      /^the record batch at offset 5 of here does not match its checksum; start again/,
    )
  }
})

test('the checksum is CRC-32C', () => {
  // https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4, and the polynomial's own check.
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
  expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)))).toBe(0x46dd794e)
  expect(crc32c(Buffer.alloc(0))).toBe(0)
})
