// What cursors say of records without making objects of them, against the objects: which are plain, which signed, and where.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SIGNATURE_HEADER } from '../../src/codec/signing/header.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { ADAPTERS, deliver } from '../support/records.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/log/cursor.test.ts')

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))
const name = fc.oneof(
  { weight: 3, arbitrary: fc.constant(SIGNATURE_HEADER) },
  fc.constantFrom(
    '',
    `${SIGNATURE_HEADER}s`,
    SIGNATURE_HEADER.slice(0, -1),
    'spindexer-quarantined',
    'trace',
  ),
)
const record: fc.Arbitrary<NewRecord> = fc.record({
  partition: fc.constant(0),
  key: fc.option(bytes),
  value: bytes,
  headers: fc.array(fc.record({ name, value: bytes }), { maxLength: 3 }),
})

test.each(ADAPTERS)('%s: plain records have no header, signed ones a signature alone', (adapter) => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 8 }), (records) => {
      const delivered = deliver(adapter, records, 5n, 1_234n)
      const cursor = delivered.cursor()
      let signed = 0
      for (const { value, headers = [] } of records) {
        expect(cursor.next()).toBe(true)
        expect(cursor.bytes.subarray(cursor.start, cursor.end)).toEqual(value)
        expect(cursor.isPlain).toBe(headers.length === 0)
        expect(cursor.isSigned).toBe(headers.length === 1 && headers[0]!.name === SIGNATURE_HEADER)
        if (cursor.isSigned) {
          const { signatureBytes, signatureStart, signatureEnd } = cursor
          expect(signatureBytes.subarray(signatureStart, signatureEnd)).toEqual(headers[0]!.value)
          signed++
        }
        const made = cursor.record()
        expect(made.headers.map(({ name }) => name)).toEqual(headers.map(({ name }) => name))
      }
      expect(cursor.next()).toBe(false)
      expect(signed).toBe([...delivered].filter((_, i) => isSigned(records[i]!)).length)
    }),
    seeded(seed, 300),
  )
})

function isSigned({ headers = [] }: NewRecord): boolean {
  return headers.length === 1 && headers[0]!.name === SIGNATURE_HEADER
}
