// Ed25519 at its strictest: the vectors of RFC 8032, and each of the cases in which implementations are known to differ.

import { createHash, createPrivateKey, createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ed25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEd25519Verifier, refuseEd25519Key } from '../../../src/codec/signing/ed25519.ts'
import { readPrivateKey } from '../../../src/codec/signing/private-key.ts'
import { announceSeed, seeded } from '../../support/seed.ts'

const seed = announceSeed('test/codec/signing/ed25519.test.ts')
const verify = createEd25519Verifier()

const { Point } = ed25519
type Point = InstanceType<typeof Point>
const P = 2n ** 255n - 19n
const L = 2n ** 252n + 27742317777372353535851937790883648493n

/** A point of order 8: those of small order are its multiples. */
const EIGHTH = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
const SMALL: readonly Point[] = Array.from({ length: 8 }, (_, i) => multiple(EIGHTH, BigInt(i)))

function multiple(point: Point, times: bigint): Point {
  return times === 0n ? Point.ZERO : point.multiplyUnsafe(times)
}

function toBytes(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse()
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

/** k of RFC 8032, 5.1.7. */
function challenge(r: Uint8Array, a: Uint8Array, text: Uint8Array): bigint {
  return toNumber(createHash('sha512').update(r).update(a).update(text).digest()) % L
}

interface Secret {
  /** The discrete logarithm of what is not of small order in it. */
  readonly scalar: bigint
  /** Which point of small order is added to it. */
  readonly torsion: number
}

function pointOf({ scalar, torsion }: Secret): Point {
  return multiple(Point.BASE, scalar).add(SMALL[torsion]!)
}

/** A signature such as a signer makes who does not keep to the rules: he chooses R and A as he likes. */
function sign(secret: Secret, nonce: Secret, text: Buffer) {
  const key = pointOf(secret).toBytes()
  const r = pointOf(nonce).toBytes()
  const k = challenge(r, key, text)
  const s = (nonce.scalar + k * secret.scalar) % L
  /** Of [S]B = R + [k]A without a cofactor, what is left of the points of small order. */
  const rest = (BigInt(nonce.torsion) + k * BigInt(secret.torsion)) % 8n
  return { key, r, s, signature: Buffer.concat([r, toBytes(s)]), isEquation: rest === 0n }
}

describe('Ed25519', () => {
  it.each([
    [
      'TEST 1',
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      'TEST 2',
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'TEST 3',
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
    [
      'TEST SHA(abc)',
      '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
      'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
      createHash('sha512').update('abc').digest('hex'),
      'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
    ],
  ])('%s of RFC 8032, section 7.1', (_, secret, key, message, signature) => {
    const pem = createPrivateKey({
      key: Buffer.concat([
        Buffer.from('302e020100300506032b657004220420', 'hex'),
        Buffer.from(secret, 'hex'),
      ]),
      format: 'der',
      type: 'pkcs8',
    })
    const read = readPrivateKey(pem.export({ format: 'pem', type: 'pkcs8' }) as string)
    if (read.type === 'refused') throw new Error(read.what)
    const text = Buffer.from(message, 'hex')
    const keyBytes = Buffer.from(read.key.signer.slice('ed25519:'.length), 'hex')
    expect(read.key.signer).toBe(`ed25519:${key}`)
    expect(read.key.sign(text).toString('hex')).toBe(signature)
    expect(verify(keyBytes, text, Buffer.from(signature, 'hex'))).toBeNull()
    expect(createPublicKey(pem).export({ format: 'jwk' }).x).toBe(keyBytes.toString('base64url'))
    for (const [i, byte] of Buffer.from(signature, 'hex').entries()) {
      const wrong = Buffer.from(signature, 'hex')
      wrong[i] = byte ^ (1 << (i % 8))
      expect(verify(keyBytes, text, wrong)).not.toBeNull()
    }
  })

  it('takes the equation without a cofactor, and neither a key nor an R of small order', () => {
    const secretArb = fc.record({
      scalar: fc.oneof(
        { weight: 1, arbitrary: fc.constant(0n) },
        { weight: 5, arbitrary: fc.bigInt({ min: 1n, max: L - 1n }) },
      ),
      torsion: fc.nat({ max: 7 }),
    })
    const seen = { taken: 0, cofactor: 0, smallKey: 0, smallR: 0 }
    fc.assert(
      fc.property(secretArb, secretArb, fc.uint8Array({ maxLength: 4 }), (secret, nonce, message) => {
        // Which of eight k it is depends on the text: so the equation is met sooner or later.
        for (let i = 0; i < 16; i++) {
          const text = Buffer.from([...message, i])
          const { key, signature, isEquation } = sign(secret, nonce, text)
          const isTaken = isEquation && secret.scalar !== 0n && nonce.scalar !== 0n
          expect(verify(key, text, signature) === null).toBe(isTaken)
          if (isTaken) seen.taken++
          else if (!isEquation) seen.cofactor++
          else if (secret.scalar === 0n) seen.smallKey++
          else seen.smallR++
        }
      }),
      seeded(seed, 120),
    )
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0)
  })

  it('takes no S from the group order on', () => {
    const secret: Secret = { scalar: 7n ** 80n % L, torsion: 0 }
    for (let i = 0; i < 20; i++) {
      const text = Buffer.from(`message ${i}`)
      const { key, r, s, signature } = sign(secret, { scalar: BigInt(i) + 3n, torsion: 0 }, text)
      expect(verify(key, text, signature)).toBeNull()
      for (let above = s + L; above < 2n ** 256n; above += L) {
        expect(verify(key, text, Buffer.concat([r, toBytes(above)]))).not.toBeNull()
      }
    }
  })

  it('takes no encoding of a point but the canonical one', () => {
    const text = Buffer.from('a message')
    const secret: Secret = { scalar: 11n ** 60n % L, torsion: 0 }
    // R of order 1, 2 and 4 written as y + p or with a negative zero, each hashed as it is written and in canonical form.
    for (const [y, sign] of [
      [0n, 0n],
      [0n, 1n],
      [1n, 0n],
      [1n, 1n],
      [P - 1n, 1n],
      [P, 0n],
      [P, 1n],
      [P + 1n, 0n],
      [P + 1n, 1n],
    ] as const) {
      const written = toBytes(y + (sign << 255n))
      const key = pointOf(secret).toBytes()
      for (const hashed of [written, toBytes(y % P)]) {
        const s = (challenge(hashed, key, text) * secret.scalar) % L
        expect(verify(key, text, Buffer.concat([written, toBytes(s)]))).not.toBeNull()
      }
    }
  })

  it('has no use for a key that is not canonical, of small order, or not on the curve', () => {
    const none = 'the Ed25519 key is none that can sign (not canonical, or of small order)'
    const text = Buffer.from('a message')
    const signature = Buffer.alloc(64)
    signature[0] = 1
    const unsound = [
      ...SMALL.map((point) => Buffer.from(point.toBytes())),
      // Every y that can be written twice, with either sign.
      ...Array.from({ length: 19 }, (_, y) => [
        toBytes(P + BigInt(y)),
        toBytes(P + BigInt(y) + 2n ** 255n),
      ]).flat(),
      toBytes(1n + 2n ** 255n),
      toBytes(P - 1n + 2n ** 255n),
    ]
    for (const key of unsound) {
      expect(verify(key, text, signature)).toBe(none)
      expect(refuseEd25519Key(key)).toContain('not canonical, or of small order')
    }
    let offCurve = 0
    for (let y = 2n; y < 60n; y++) {
      const key = toBytes(y)
      const isOnCurve = refuseEd25519Key(key) === null
      if (!isOnCurve) offCurve++
      expect(verify(key, text, signature)).not.toBeNull()
      expect(isOnCurve || refuseEd25519Key(key)!.includes('not on the curve')).toBe(true)
    }
    expect(offCurve).toBeGreaterThan(10)
    // The greatest y that is canonical and on the curve, or at least below p, is not called unsound.
    expect(verify(toBytes(P - 2n), text, signature)).not.toBe(none)
  })

  it('leaves out the points that the written format names', () => {
    const format = readFileSync(new URL('../../../schemas/README.md', import.meta.url), 'utf8')
    // The others have y = 0, 1 and p - 1, which stand there in words.
    for (const point of SMALL.filter((_, i) => i % 2 === 1)) {
      expect(format).toContain(`\`${point.toAffine().y.toString(16).padStart(64, '0')}\``)
    }
  })

  it('answers alike however many keys it has met', () => {
    const text = Buffer.from('a message')
    const { key, signature } = sign({ scalar: 5n, torsion: 0 }, { scalar: 9n, torsion: 0 }, text)
    const some = createEd25519Verifier()
    for (let i = 0; i < 4_100; i++) {
      const other = createHash('sha256').update(String(i)).digest()
      expect(some(other, text, signature)).not.toBeNull()
      if (i % 500 === 0) expect(some(key, text, signature)).toBeNull()
    }
    expect(some(key, text, signature)).toBeNull()
  })
})
