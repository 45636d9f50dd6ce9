// EIP-191: published signatures, the forms that are refused, and noble's curve held against OpenSSL's.

import {
  createPublicKey,
  generateKeyPairSync,
  sign as signWithOpenssl,
  verify as verifyWithOpenssl,
} from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashPersonalMessage, publicKeyToAddress, verifyEip191 } from '../../../src/codec/signing/eip191.ts'
import { readPrivateKey } from '../../../src/codec/signing/private-key.ts'
import { announceSeed, seeded } from '../../support/seed.ts'

const seed = announceSeed('test/codec/signing/eip191.test.ts')
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const NOT_OF_THIS = 'the Ethereum signature is not of this message by this address in this log'

/** From the documentation of eth-account and web3.js; the last one from that of ExWeb3EcRecover, which gives no key. */
const PUBLISHED = [
  {
    message: 'I♥SF',
    key: 'b25c7db31feed9122727bf0939dc769a96564b2de4c4726d035b36ecf1e5b364',
    address: '5ce9454909639d2d17a3f753ce7d93fa0b9ab12e',
    signature:
      'e6ca9bba58c88611fad66a6ce8f996908195593807c4b38bd528d2cff09d4eb33e5bfbbf4d3e39b1a2fd816a7680c19ebebaf3a141b239934ad43cb33fcec8ce1c',
  },
  {
    message: 'Some data',
    key: '4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318',
    address: '2c7536e3605d9c16a7a3d7b1898e529396a65c23',
    signature:
      'b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c',
  },
  {
    message: 'hello world',
    key: null,
    address: 'b117a8bc3ecf2c3f006b89da6826e49b4193977a',
    signature:
      '1dd3657c91d95f350ab25f17ee7cbcdbccd3f5bc52976bfd4dd03bd6bc29d2ac23e656bee509ca33b921e0e6b53eb64082be1bb3c69c3a4adccd993b1d667f8d1b',
  },
]

const hex = (text: string) => Buffer.from(text, 'hex')
const toBytes = (number: bigint) => hex(number.toString(16).padStart(64, '0'))
const toNumber = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)

function keyOf(secret: string) {
  const read = readPrivateKey(secret)
  if (read.type === 'refused') throw new Error(read.what)
  return read.key
}

const secretArb = fc.bigInt({ min: 1n, max: N - 1n }).map((number) => toBytes(number).toString('hex'))

describe('EIP-191', () => {
  it.each(PUBLISHED)('takes what is published: $message', ({ message, key, address, signature }) => {
    const text = Buffer.from(message)
    expect(verifyEip191(hex(address), text, hex(signature))).toBeNull()
    if (key === null) return
    // Nonces are those of RFC 6979, so other programs sign with the same bytes.
    expect(keyOf(key).signer).toBe(`eip191:${address}`)
    expect(keyOf(`0x${key.toUpperCase()}`).signer).toBe(`eip191:${address}`)
    expect(keyOf(key).sign(text).toString('hex')).toBe(signature)
  })

  it('hashes as wallets do', () => {
    // From the documentation of eth-account.
    expect(Buffer.from(hashPersonalMessage(Buffer.from('I♥SF'))).toString('hex')).toBe(
      '1476abb745d423bf09273f1afd887d951181d25adc66c4834a70491911b7f750',
    )
  })

  it('takes each signature in one form alone', () => {
    fc.assert(
      fc.property(secretArb, fc.uint8Array({ maxLength: 40 }), (secret, bytes) => {
        const key = keyOf(secret)
        const text = Buffer.from(bytes)
        const address = hex(key.signer.slice('eip191:'.length))
        const signature = key.sign(text)
        expect(verifyEip191(address, text, signature)).toBeNull()
        const [r, s, v] = [signature.subarray(0, 32), toNumber(signature.subarray(32, 64)), signature[64]!]
        expect(s <= N / 2n).toBe(true)
        const twin = Buffer.concat([r, toBytes(N - s), Buffer.of(v === 27 ? 28 : 27)])
        expect(verifyEip191(address, text, twin)).toContain('upper half')
        for (const other of [0, 1, 2, 26, 29, 30, 31, 35, 37, 255, v ^ 7]) {
          const wrong = Buffer.from(signature)
          wrong[64] = other
          expect(verifyEip191(address, text, wrong)).not.toBeNull()
        }
        // s + n is the same number to the curve, where it fits in.
        if (s + N < 2n ** 256n) {
          const above = Buffer.concat([r, toBytes(s + N), Buffer.of(v)])
          expect(verifyEip191(address, text, above)).not.toBeNull()
        }
      }),
      seeded(seed, 60),
    )
  })

  it('refuses r and s out of range, and an r that no point has', () => {
    const { address, message, signature } = PUBLISHED[0]!
    const [r, s] = [hex(signature).subarray(0, 32), hex(signature).subarray(32, 64)]
    const text = Buffer.from(message)
    const out = [0n, N, N + 1n, 2n ** 256n - 1n].map(toBytes)
    // x³ + 7 is no square for x = 5.
    const pairs = [...out.map((bytes) => [bytes, s]), ...out.map((bytes) => [r, bytes]), [toBytes(5n), s]]
    for (const pair of pairs) {
      for (const v of [27, 28]) {
        const wrong = Buffer.concat([...(pair as Buffer[]), Buffer.of(v)])
        expect(verifyEip191(hex(address), text, wrong)).toMatch(/not of this message|upper half/)
      }
    }
  })

  it('refuses what another address has signed, another text, and each changed bit', () => {
    const { address, message, signature } = PUBLISHED[0]!
    const other = hex(PUBLISHED[1]!.address)
    expect(verifyEip191(other, Buffer.from(message), hex(signature))).toBe(NOT_OF_THIS)
    expect(verifyEip191(hex(address), Buffer.from(`${message} `), hex(signature))).toBe(NOT_OF_THIS)
    for (let i = 0; i < 65; i++) {
      const wrong = hex(signature)
      wrong[i]! ^= 1 << (i % 8)
      expect(verifyEip191(hex(address), Buffer.from(message), wrong)).not.toBeNull()
    }
  })

  it('has the curve that OpenSSL has, in both directions', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (text) => {
        const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
        const key = keyOf(privateKey.export({ format: 'pem', type: 'pkcs8' }) as string)
        const { d, x, y } = privateKey.export({ format: 'jwk' })
        const point = Buffer.concat([Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')])
        expect(key.signer).toBe(`eip191:${Buffer.from(publicKeyToAddress(point)).toString('hex')}`)
        // OpenSSL has no Keccak here: the curve is held against it under SHA-256.
        const digest = sha256(text)
        const made = secp256k1.sign(digest, Buffer.from(d!, 'base64url'), { prehash: false })
        const options = {
          key: createPublicKey(publicKey.export({ format: 'pem', type: 'spki' })),
          dsaEncoding: 'ieee-p1363',
        }
        expect(verifyWithOpenssl('sha256', text, options as never, made)).toBe(true)
        const theirs = signWithOpenssl('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' })
        const uncompressed = Buffer.concat([Buffer.of(4), point])
        expect(secp256k1.verify(theirs, digest, uncompressed, { prehash: false, lowS: false })).toBe(true)
        const recovered = [0, 1].map((bit) =>
          secp256k1.Signature.fromBytes(theirs, 'compact')
            .addRecoveryBit(bit)
            .recoverPublicKey(digest)
            .toHex(false),
        )
        expect(recovered).toContain(uncompressed.toString('hex'))
      }),
      seeded(seed, 30),
    )
  })
})
