// The signature header: read, laid out and proved without a throw; what is in due form has one form.

import assert from 'node:assert/strict'
import { createBatchSigner } from '../../../src/codec/signing/batch-signer.ts'
import {
  claimedSigner,
  decodeSignature,
  encodeSignature,
  layOut,
  layOutId,
  SIGNATURE_HEADER,
} from '../../../src/codec/signing/header.ts'
import { readPrivateKey } from '../../../src/codec/signing/private-key.ts'
import { createRecordProver } from '../../../src/codec/signing/proof.ts'
import { isSignerKey } from '../../../src/codec/signing/signer-key.ts'
import { one } from '../../sim/world.ts'
import { LOG_ID, recordOf, VALUES } from '../corpus.ts'
import { mutateBytes } from '../mutate.ts'
import { checkEqual, checkWords } from '../rules.ts'
import type { Target } from '../target.ts'

/** Keys that everybody knows: an input is made again from its number alone. */
const KEYS = [
  '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----',
  '4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318',
]

const SIGNED = KEYS.flatMap((text) => {
  const read = readPrivateKey(text)
  if (read.type === 'refused') throw new Error(read.what)
  const { key } = read
  return [1, 2, 5, 13].flatMap((count) => {
    const values = VALUES.slice(0, count)
    return createBatchSigner(key, LOG_ID)
      .sign(values)
      .map((header, i) => ({ header, value: values[i]!, signer: key.signer }))
  })
})
const HEADERS = SIGNED.map(({ header }) => header)
const signedByHeader = new Map(SIGNED.map((signed) => [signed.header.toString('latin1'), signed]))
const prove = createRecordProver(LOG_ID)

export const signature: Target = {
  name: 'signature',
  make(random) {
    return random() < 0.1 ? one(random, HEADERS) : mutateBytes(random, one(random, HEADERS), HEADERS)
  },
  check(input) {
    const bytes = input as Buffer
    const signed = signedByHeader.get(bytes.toString('latin1'))
    const decoded = decodeSignature(bytes)
    const layout = layOut(bytes, 0, bytes.length)
    assert.equal(typeof decoded, typeof layout, 'decoded as it is laid out')
    if (typeof decoded === 'string') {
      checkWords(decoded)
      assert.equal(layout, decoded)
      assert.equal(claimedSigner(bytes), null)
    } else {
      assert.ok(encodeSignature(decoded).equals(bytes), 'a header has one form')
      assert.ok(isSignerKey(decoded.signer))
      assert.equal(claimedSigner(bytes), decoded.signer)
      const { pathAt } = layout as Exclude<typeof layout, string>
      assert.equal(layOutId(bytes, 0, bytes.length), pathAt - 4, 'the index stands behind the id')
    }
    // A verification takes a hundred times what all of the above takes: one input of sixteen is enough.
    if (bytes.length > 0 && bytes.at(-1)! % 16 !== 0) return
    const value = signed?.value ?? SIGNED[0]!.value
    const record = recordOf(value, { headers: [{ name: SIGNATURE_HEADER, value: bytes }] })
    const proof = prove(record)
    if (proof.type === 'bad') checkWords(proof.detail)
    assert.equal(proof.type === 'signed', signed !== undefined, 'only what was signed is')
    if (signed !== undefined) checkEqual(proof, { type: 'signed', signer: signed.signer }, 'and by whom')
    checkEqual(createRecordProver(LOG_ID)(record), proof, 'as one proves it that has seen nothing')
  },
}
