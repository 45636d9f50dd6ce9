// What a batch signer signs, the prover proves, under both schemes; and nothing else.

import { describe, expect, it } from 'vitest'
import { createBatchSigner } from '../../../src/codec/signing/batch-signer.ts'
import { decodeSignature } from '../../../src/codec/signing/header.ts'
import { createPrivateKeyPem, readPrivateKey } from '../../../src/codec/signing/private-key.ts'
import { createProver } from '../../../src/codec/signing/prover.ts'
import type { Scheme } from '../../../src/codec/signing/signer-key.ts'

const LOG_ID = '00112233-4455-6677-8899-aabbccddeeff'
const OTHER_LOG_ID = '10112233-4455-6677-8899-aabbccddeeff'

function keyOf(scheme: Scheme) {
  const read = readPrivateKey(createPrivateKeyPem(scheme))
  if (read.type === 'refused') throw new Error(read.what)
  return read.key
}

describe.each(['ed25519', 'eip191'] as const)('a batch signed with %s', (scheme) => {
  it.each([1, 2, 3, 7, 8, 100])('of %i messages proves each of them', (count) => {
    const key = keyOf(scheme)
    const values = Array.from({ length: count }, (_, i) => Buffer.from(`message ${i}`))
    const headers = createBatchSigner(key, LOG_ID, 64).sign(values)
    const prover = createProver(LOG_ID)
    const prove = (value: Buffer, header: Buffer) =>
      prover.prove(value, 0, value.length, header, 0, header.length)
    for (const [i, value] of values.entries()) {
      expect(prove(value, headers[i]!)).toEqual({ signer: key.signer, detail: '' })
      const other = createProver(OTHER_LOG_ID).prove(
        value,
        0,
        value.length,
        headers[i]!,
        0,
        headers[i]!.length,
      )
      expect(other.signer).toBeNull()
      expect(prove(Buffer.from('another'), headers[i]!).signer).toBeNull()
      if (count > 1) expect(prove(value, headers[(i + 1) % count]!).signer).toBeNull()
    }
  })

  it.each([0, 1, 5, 64, 65, 131])(
    '%i messages are cut into trees, with headers no longer than is said',
    (count) => {
      const signer = createBatchSigner(keyOf(scheme), LOG_ID, 64)
      const headers = signer.sign(Array.from({ length: count }, (_, i) => Buffer.from(`message ${i}`)))
      const places = headers.map((header) => {
        const decoded = decodeSignature(header)
        if (typeof decoded === 'string') throw new Error(decoded)
        return [decoded.signer, decoded.count, decoded.index]
      })
      const sizeOf = (i: number) => Math.min(64, count - 64 * Math.floor(i / 64))
      expect(places).toEqual(Array.from({ length: count }, (_, i) => [signer.signer, sizeOf(i), i % 64]))
      for (const header of headers) expect(header.length).toBeLessThanOrEqual(signer.headerBytesMax)
    },
  )
})
