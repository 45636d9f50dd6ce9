// The short way against the judge: whatever it takes is merged, and merged alike; what a canonical writer writes, it takes.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { verdictVectors } from '../../scripts/golden/verdicts.ts'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameConfluent, frameSingleObject } from '../../src/codec/framing.ts'
import type { LogRecord } from '../../src/codec/record.ts'
import { stampToTime } from '../../src/crdt/stamp.ts'
import { CATALOGUE } from '../fuzz/corpus.ts'
import { mutateBytes } from '../fuzz/mutate.ts'
import { createRandom } from '../sim/world.ts'
import { catalogueArb, mutationArb, mutationInArb } from '../support/arbitrary.ts'
import { createDirectCheck } from '../support/direct.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/codec/direct.test.ts')
const genesis = { logId: '00112233-4455-6677-8899-aabbccddeeff', maxClockAheadMs: 60_000n }
const LATE_MS = (1n << 63n) / 1_000_000n

function recordOf(value: Buffer, rest: Partial<LogRecord> = {}): LogRecord {
  const record = { partition: 0, offset: 1n, appendMs: LATE_MS, stampedByLog: true, key: null, headers: [] }
  return { ...record, value, ...rest }
}

const inCatalogueArb = catalogueArb.chain((catalogue) =>
  fc.record({ catalogue: fc.constant(catalogue), mutation: mutationInArb(catalogue) }),
)

describe('the short way', () => {
  it('takes what canonical writers write, in either framing, and folds it as the judge has it', () => {
    fc.assert(
      fc.property(inCatalogueArb, fc.nat(), ({ catalogue, mutation }, schemaId) => {
        const check = createDirectCheck({ catalogue, ...genesis })
        const avro = encodeMutation(mutation)
        // Of the short texts here no length takes more than three bytes: nothing is left to the judge.
        for (const value of [frameSingleObject(avro), frameConfluent(schemaId, avro)]) {
          expect(check(recordOf(value))).toBe(true)
          expect(check(recordOf(value))).toBe(true)
        }
      }),
      seeded(seed, 400),
    )
  })

  it('takes nothing that the judge does not merge, whatever is done to the bytes', () => {
    const random = createRandom(seed)
    const corpus: Buffer[] = []
    let taken = 0
    fc.assert(
      fc.property(inCatalogueArb, mutationArb, fc.nat(), ({ catalogue, mutation }, any, choice) => {
        const check = createDirectCheck({ catalogue, ...genesis })
        const value = frameSingleObject(encodeMutation(choice % 4 === 0 ? any : mutation))
        corpus.push(value)
        for (let i = 0; i < 12; i++) if (check(recordOf(mutateBytes(random, value, corpus)))) taken++
      }),
      seeded(seed, 400),
    )
    // Some changes leave a message that is right: these must be among those looked at.
    expect(taken).toBeGreaterThan(50)
  })

  it('judges the golden vectors alike, and takes most of what merges', () => {
    const { genesis: ofVectors, cases } = verdictVectors()
    const check = createDirectCheck({
      catalogue: CATALOGUE,
      logId: ofVectors.logId,
      maxClockAheadMs: BigInt(ofVectors.maxClockAhead),
    })
    const taken = cases.filter((item) =>
      check({
        partition: item.partition,
        offset: BigInt(item.offset),
        appendMs: BigInt(item.appendMs),
        stampedByLog: item.stampedByLog,
        key: null,
        value: item.value === null ? null : Buffer.from(item.value, 'hex'),
        headers: item.headers.map(([name, value]) => ({ name: name!, value: Buffer.from(value!, 'hex') })),
      }),
    )
    const merged = cases.filter(({ verdict }) => verdict === 'merge')
    expect(taken.length).toBeGreaterThan(merged.length / 2)
  })

  it('holds stamps against the append time of each record', () => {
    const world = inCatalogueArb.filter(({ mutation }) => stampToTime(mutation.stamp) > 0n)
    fc.assert(
      fc.property(
        world,
        fc.constantFrom(-1n, 0n, 1n),
        fc.boolean(),
        ({ catalogue, mutation }, off, isFirst) => {
          const check = createDirectCheck({ catalogue, ...genesis })
          const value = frameSingleObject(encodeMutation(mutation))
          if (isFirst) check(recordOf(value))
          const timeMs = stampToTime(mutation.stamp) / 1_000_000n
          const appendMs = timeMs - genesis.maxClockAheadMs + off
          // Within the millisecond of the limit the nanoseconds decide, which the judge is asked for in the check.
          const isTaken = check(recordOf(value, { appendMs }))
          if (off !== 0n) expect(isTaken).toBe(off > 0n)
          expect(check(recordOf(value, { appendMs: -genesis.maxClockAheadMs - 1n }))).toBe(false)
        },
      ),
      seeded(seed, 200),
    )
  })
})
