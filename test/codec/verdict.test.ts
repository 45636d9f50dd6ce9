// The judge: pure and stateless for all that it keeps, definitions only ever cure, and the limit of a value's size.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { block, branch, rawMutation, text } from '../../scripts/golden/raw-avro.ts'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { foldDefinition } from '../../src/codec/definitions.ts'
import { frameConfluent, frameSingleObject } from '../../src/codec/framing.ts'
import { explainReason } from '../../src/codec/reasons.ts'
import type { LogRecord } from '../../src/codec/record.ts'
import { createOpenJudge } from '../../src/codec/verdict.ts'
import { isTooFarAhead } from '../../src/crdt/clock.ts'
import { stampToTime } from '../../src/crdt/stamp.ts'
import { catalogueArb, mutationArb, mutationInArb, schemaArb, stampArb } from '../support/arbitrary.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/codec/verdict.test.ts')
const options = { logId: '00112233-4455-6677-8899-aabbccddeeff', maxClockAheadMs: 60_000n }
const LATE_MS = (1n << 63n) / 1_000_000n

function recordOf(value: Buffer, rest: Partial<LogRecord> = {}): LogRecord {
  const record = { partition: 0, offset: 1n, appendMs: LATE_MS, stampedByLog: true, key: null, headers: [] }
  return { ...record, value, ...rest }
}

const inCatalogueArb = catalogueArb.chain((catalogue) =>
  fc.record({ catalogue: fc.constant(catalogue), mutation: mutationInArb(catalogue) }),
)

describe('the judge', () => {
  it('merges what a definition allows, in either framing', () => {
    const judge = createOpenJudge(options)
    fc.assert(
      fc.property(inCatalogueArb, fc.nat(), ({ catalogue, mutation }, schemaId) => {
        const avro = encodeMutation(mutation)
        for (const value of [frameSingleObject(avro), frameConfluent(schemaId, avro)]) {
          const verdict = judge(recordOf(value), catalogue)
          expect(verdict.type).toBe('merge')
          if (verdict.type === 'merge') expect(encodeMutation(verdict.mutation)).toEqual(avro)
        }
      }),
      seeded(seed, 1_000),
    )
  })

  it('remembers nothing that decides: it answers as a new one does', () => {
    const judge = createOpenJudge(options)
    const recordArb = fc.record({
      mutation: fc.oneof(
        mutationArb,
        inCatalogueArb.map(({ mutation }) => mutation),
      ),
      appendMs: fc.oneof(fc.bigInt({ min: 0n, max: LATE_MS }), fc.constantFrom(0n, -1n, LATE_MS)),
      place: fc.nat(),
      byte: fc.option(fc.nat({ max: 255 })),
    })
    fc.assert(
      fc.property(recordArb, catalogueArb, ({ mutation, appendMs, place, byte }, catalogue) => {
        const value = frameSingleObject(encodeMutation(mutation))
        if (byte !== null) value[place % value.length] = byte
        const verdict = judge(recordOf(value, { appendMs }), catalogue)
        expect(createOpenJudge(options)(recordOf(value, { appendMs }), catalogue)).toEqual(verdict)
        if ('reason' in verdict) expect(explainReason(verdict.reason)).not.toBe(null)
      }),
      seeded(seed, 3_000),
    )
  })

  it('quarantines alike under any definitions', () => {
    const judge = createOpenJudge(options)
    fc.assert(
      fc.property(
        mutationArb,
        fc.nat(),
        fc.nat({ max: 255 }),
        catalogueArb,
        (mutation, place, byte, catalogue) => {
          const value = frameSingleObject(encodeMutation(mutation))
          value[place % value.length] = byte
          const [without, with_] = [
            judge(recordOf(value), EMPTY_CATALOGUE),
            judge(recordOf(value), catalogue),
          ]
          expect(with_.type === 'quarantined').toBe(without.type === 'quarantined')
          if (without.type === 'quarantined') expect(with_).toEqual(without)
        },
      ),
      seeded(seed, 3_000),
    )
  })

  it('takes no verdict back: what a definition allows, a later one allows too', () => {
    const judge = createOpenJudge(options)
    fc.assert(
      fc.property(inCatalogueArb, schemaArb, ({ catalogue, mutation }, schema) => {
        const folded = foldDefinition(catalogue, schema, 100n)
        const later = folded.type === 'taken' ? folded.catalogue : catalogue
        expect(judge(recordOf(frameSingleObject(encodeMutation(mutation))), later).type).toBe('merge')
      }),
      seeded(seed, 1_000),
    )
  })

  it('keeps the clock rule as the clock states it', () => {
    fc.assert(
      fc.property(mutationArb, stampArb, fc.bigInt({ min: -3n, max: 3n }), (mutation, stamp, offMs) => {
        const timeNs = stampToTime(stamp)
        const appendMs = timeNs / 1_000_000n - options.maxClockAheadMs + offMs
        const value = frameSingleObject(encodeMutation({ ...mutation, stamp }))
        const verdict = createOpenJudge(options)(recordOf(value, { appendMs }), EMPTY_CATALOGUE)
        const isAhead = isTooFarAhead(timeNs, appendMs, options.maxClockAheadMs)
        expect(verdict).toMatchObject({ reason: isAhead ? 'clock-ahead' : 'unknown-dataset' })
      }),
      seeded(seed, 2_000),
    )
  })

  it('takes a value of 900,000 bytes, framing included, and not one more', () => {
    const judge = createOpenJudge(options)
    const ofSize = (size: number) => {
      const build = (length: number) => {
        const title = Buffer.concat([text('title'), branch.string('x'.repeat(length))])
        return frameSingleObject(rawMutation({ dataset: text('albums'), columns: block([title]) }))
      }
      const value = build(size - (build(800_000).length - 800_000))
      expect(value.length).toBe(size)
      return value
    }
    const dataset = (length: number) =>
      Buffer.from(`{"kind":"dataset","schema":{"doc":"${'x'.repeat(length - 38)}"}}`)
    expect(judge(recordOf(ofSize(900_000)), EMPTY_CATALOGUE)).toMatchObject({ reason: 'unknown-dataset' })
    expect(judge(recordOf(ofSize(900_001)), EMPTY_CATALOGUE)).toMatchObject({ reason: 'too-large' })
    expect(dataset(900_000).length).toBe(900_000)
    expect(judge(recordOf(dataset(900_000)), EMPTY_CATALOGUE)).toMatchObject({ reason: 'dataset-in-data' })
    expect(judge(recordOf(dataset(900_001)), EMPTY_CATALOGUE)).toMatchObject({ reason: 'too-large' })
  })

  it('gives details that any database can hold: short, well formed, without NUL', () => {
    const judge = createOpenJudge(options)
    const names = ['spindexer-\0', `spindexer-${'x'.repeat(1_000)}`, 'spindexer-\ud800']
    for (const name of names) {
      const headers = [{ name, value: new Uint8Array() }]
      const verdict = judge(recordOf(Buffer.from('x'), { headers }), EMPTY_CATALOGUE)
      expect(verdict.type).toBe('quarantined')
      if (verdict.type !== 'quarantined') continue
      expect(verdict.detail.length).toBeLessThanOrEqual(200)
      expect(verdict.detail.isWellFormed() && !verdict.detail.includes('\0')).toBe(true)
    }
  })
})
