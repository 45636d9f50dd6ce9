// Signed by a session: every record proves its signer for this log and no other, batches stay within their limits, and trees follow the partitions.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBatchSigner } from '../../src/codec/signing/batch-signer.ts'
import { decodeSignature, SIGNATURE_HEADER } from '../../src/codec/signing/header.ts'
import { createRecordProver } from '../../src/codec/signing/proof.ts'
import type { Log, NewRecord } from '../../src/log/log.ts'
import { keyToPartition } from '../../src/log/placement.ts'
import { signPlaced } from '../../src/log/sign-records.ts'
import { announceSeed, seeded } from '../support/seed.ts'
import { testKey } from '../support/signers.ts'
import { createTestLog, createTestSession, LOG_ID, NOW_MS, recordsOf, upsert } from './support.ts'

const seed = announceSeed('test/writer/signing.test.ts')
const KEYS = [testKey('writer'), testKey('wallet', 'eip191')]
const OTHER_LOG_ID = 'ffffffff-0000-4000-8000-000000000001'

const changesArb = fc.array(
  fc.tuple(fc.string({ maxLength: 40 }), fc.bigInt({ min: 0n, max: 1_000n }), fc.boolean()),
  { minLength: 1, maxLength: 60 },
)

describe('a session that signs', () => {
  it('signs every record, whatever the batches, the trees and the partitions', async () => {
    await fc.assert(
      fc.asyncProperty(
        changesArb,
        fc.constantFrom(...KEYS),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 20 }),
        async (tuples, key, partitions, leavesMax, batchRecordsMax) => {
          const log = await createTestLog(() => NOW_MS, partitions)
          const signer = createBatchSigner(key, LOG_ID, leavesMax)
          const session = createTestSession(log, { batchRecordsMax, signing: { signer, partitions } })
          const changes = tuples.map(([id, plays, isTimed], i) =>
            upsert(`${i} ${id}`, plays, isTimed ? NOW_MS * 1_000_000n : null),
          )
          const outcomes = await session.append(changes)
          expect(outcomes.every(({ type }) => type === 'durable')).toBe(true)
          const records = await recordsOf(log)
          expect(records.length).toBe(changes.length)
          const prove = createRecordProver(LOG_ID)
          const proveElsewhere = createRecordProver(OTHER_LOG_ID)
          for (const record of records) {
            expect(record.headers.map(({ name }) => name)).toEqual([SIGNATURE_HEADER])
            expect(prove(record)).toEqual({ type: 'signed', signer: key.signer })
            expect(proveElsewhere(record).type).toBe('bad')
          }
        },
      ),
      seeded(seed, 40),
    )
  })

  it('counts the signatures into what a batch and what is in flight may have', async () => {
    const log = await createTestLog()
    const sizes: number[] = []
    let inFlight = 0
    let inFlightMax = 0
    const slow: Log = {
      ...log,
      async append(records) {
        const bytes = bytesOf(records)
        sizes.push(bytes)
        inFlight += bytes
        inFlightMax = Math.max(inFlightMax, inFlight)
        await new Promise((resolve) => setTimeout(resolve, 1))
        inFlight -= bytes
        return log.append(records)
      },
    }
    const signer = createBatchSigner(KEYS[0]!, LOG_ID)
    const session = createTestSession(slow, {
      batchBytesMax: 20_000,
      inFlightBytesMax: 50_000,
      signing: { signer, partitions: 2 },
    })
    const changes = Array.from({ length: 600 }, (_, i) => upsert(`t${i}`, BigInt(i)))
    await session.append(changes)
    // The last message may come on top.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(20_000 + 600)
    expect(inFlightMax).toBeLessThanOrEqual(50_000 + 20_000 + 600)
    expect(sizes.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(600 * 150)
  })

  it('leaves records alone where nobody signs', async () => {
    const log = await createTestLog()
    await createTestSession(log, { signing: null }).append([upsert('t', 1n)])
    expect((await recordsOf(log)).map(({ headers }) => headers)).toEqual([[]])
  })
})

describe('records that are signed together', () => {
  it('stand in their trees by partition, and in the batch as they were', () => {
    const records = Array.from({ length: 100 }, (_, i): NewRecord => {
      return { partition: null, key: Buffer.from(`key ${i}`), value: Buffer.from(`value ${i}`) }
    })
    const signed = signPlaced(createBatchSigner(KEYS[0]!, LOG_ID), records, 4)
    expect(signed.map(({ key, value }) => ({ partition: null, key, value }))).toEqual(records)
    const indexes = [0, 1, 2, 3].map((partition) =>
      signed.filter(({ key }) => keyToPartition(key, 4) === partition).map(leafOf),
    )
    expect(indexes.flat()).toEqual(records.map((_, i) => i))
  })
})

function leafOf({ headers }: NewRecord): number {
  const decoded = decodeSignature(Buffer.from(headers![0]!.value))
  return typeof decoded === 'string' ? -1 : decoded.index
}

function bytesOf(records: readonly NewRecord[]): number {
  return records.reduce((sum, { key, value, headers = [] }) => {
    const ofHeaders = headers.reduce((bytes, header) => bytes + header.name.length + header.value.length, 0)
    return sum + key!.length + value.length + ofHeaders
  }, 0)
}
