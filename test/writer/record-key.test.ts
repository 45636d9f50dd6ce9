// A record's key is what JSON.stringify makes of dataset and key, whatever they hold.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { boundRecordKey, writeRecordKey } from '../../src/writer/record-key.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/writer/record-key.test.ts')

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 4 })
    .map((units) => String.fromCharCode(...units)),
  fc.constantFrom('', '"', '\\', '\u007f', '\u0000', 'é', '\ud800', 'plain'),
)

it('is the JSON array of both', () => {
  fc.assert(
    fc.property(text, fc.array(text, { maxLength: 4 }), fc.nat({ max: 9 }), (dataset, key, start) => {
      const expected = Buffer.from(JSON.stringify([dataset, ...key]))
      const bound = boundRecordKey(dataset, key)
      expect(expected.length).toBeLessThanOrEqual(bound)
      const sink = { bytes: Buffer.alloc(start + bound), at: start }
      writeRecordKey(sink, dataset, key)
      expect(sink.bytes.subarray(start, sink.at)).toEqual(expected)
      expect(sink.bytes.subarray(0, start)).toEqual(Buffer.alloc(start))
    }),
    seeded(seed, 3_000),
  )
})
