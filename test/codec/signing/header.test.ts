// The signature header: round trips, exact lengths, and words for each form that is wrong.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  claimedSigner,
  decodeSignature,
  encodeSignature,
  layOut,
  layOutId,
  SIGNATURE_BYTES,
} from '../../../src/codec/signing/header.ts'
import { pathLength } from '../../../src/codec/signing/merkle.ts'
import { signedText } from '../../../src/codec/signing/signed-text.ts'
import { bytesToSignerKey, isSignerKey, KEY_BYTES, schemeOf } from '../../../src/codec/signing/signer-key.ts'
import { announceSeed, seeded } from '../../support/seed.ts'

const seed = announceSeed('test/codec/signing/header.test.ts')

const bytesArb = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes))
const countArb = fc.oneof(fc.constantFrom(1, 2, 3, 512, 65_535, 65_536), fc.integer({ min: 1, max: 65_536 }))

const headerArb = fc
  .record({
    scheme: fc.constantFrom('ed25519' as const, 'eip191' as const),
    count: countArb,
    place: fc.nat(),
  })
  .chain(({ scheme, count, place }) =>
    fc.record({
      signer: bytesArb(KEY_BYTES[scheme]).map((bytes) => bytesToSignerKey(scheme, bytes)),
      signature: bytesArb(SIGNATURE_BYTES[scheme]),
      count: fc.constant(count),
      index: fc.constant(place % count),
      path: bytesArb(pathLength(place % count, count) * 32),
    }),
  )

describe('the signature header', () => {
  it('reads back as it was written, and has no other length', () => {
    fc.assert(
      fc.property(headerArb, fc.nat(), (header, cut) => {
        const bytes = encodeSignature(header)
        expect(decodeSignature(bytes)).toEqual(header)
        expect(claimedSigner(bytes)).toBe(header.signer)
        expect(isSignerKey(header.signer)).toBe(true)
        const scheme = schemeOf(header.signer)
        const idEnd = 1 + KEY_BYTES[scheme] + SIGNATURE_BYTES[scheme] + 4
        const inside = Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(3)])
        expect(layOut(inside, 3, 3 + bytes.length)).toEqual({
          scheme,
          signatureAt: 4 + KEY_BYTES[scheme],
          count: header.count,
          index: header.index,
          pathAt: 3 + idEnd + 4,
        })
        expect(layOutId(inside, 3, 3 + bytes.length)).toBe(3 + idEnd)
        for (const wrong of [bytes.subarray(0, cut % bytes.length), Buffer.concat([bytes, Buffer.of(0)])]) {
          expect(typeof layOut(wrong, 0, wrong.length)).toBe('string')
          expect(claimedSigner(wrong)).toBeNull()
        }
        expect(layOutId(bytes, 0, cut % (idEnd + 4))).toBe(-1)
      }),
      seeded(seed, 300),
    )
  })

  it('says what is wrong with it', () => {
    const header = (count: number, index: number, nodes: number, scheme = 1) => {
      const bytes = Buffer.alloc(1 + 32 + 64 + 8 + 32 * nodes, 7)
      bytes[0] = scheme
      bytes.writeUInt32BE(count, 97)
      bytes.writeUInt32BE(index, 101)
      return bytes
    }
    const cases: readonly (readonly [Buffer, string])[] = [
      [Buffer.alloc(0), 'it is empty'],
      [header(1, 0, 0, 0), 'there is no scheme 0'],
      [header(1, 0, 0, 3), 'there is no scheme 3'],
      [header(1, 0, 0, 255), 'there is no scheme 255'],
      [header(1, 0, 0).subarray(0, 104), 'it has 104 bytes'],
      [header(0, 0, 0), 'it is of 0 messages; 1 to 65536 are signed together'],
      [header(65_537, 0, 17), 'it is of 65537 messages; 1 to 65536 are signed together'],
      [header(0xffffffff, 0, 32), 'it is of 4294967295 messages; 1 to 65536 are signed together'],
      [header(5, 5, 3), 'it is of message 5 of 5'],
      [header(5, 0x80000000, 3), 'it is of message 2147483648 of 5'],
      [header(5, 4, 3), 'the path of message 4 of 5 has 32 bytes, not 96'],
      [header(5, 3, 1), 'the path of message 3 of 5 has 96 bytes, not 32'],
      [header(1, 0, 1), 'the path of message 0 of 1 has 0 bytes, not 32'],
    ]
    for (const [bytes, what] of cases) expect(decodeSignature(bytes)).toBe(what)
    expect(typeof decodeSignature(header(5, 4, 1))).toBe('object')
  })

  it('is over a text that a wallet can show', () => {
    const text = signedText('00112233-4455-6677-8899-aabbccddeeff', 512, '\x00\x7f\x80\xff'.repeat(8))
    expect(text.toString('latin1')).toBe(
      [
        'spindexer signature 1',
        'log 00112233-4455-6677-8899-aabbccddeeff',
        'messages 512',
        `root ${'007f80ff'.repeat(8)}`,
      ].join('\n'),
    )
  })
})
