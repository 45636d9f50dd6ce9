// Headers at the edges of both schemes: signatures that some implementations take and others do not, as these rules take them.

import { createHash } from 'node:crypto'
import { ED25519_TORSION_SUBGROUP, ed25519 } from '@noble/curves/ed25519.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { Scheme } from '../../src/codec/signing/signer-key.ts'
import { demand, hex } from './forms.ts'

/** A key and a signature of the text that they were made for, as a header carries them. */
export interface StrictCase {
  readonly name: string
  readonly scheme: Scheme
  readonly key: Buffer
  readonly signature: Buffer
  readonly isTaken: boolean
  /** True where an implementation that multiplies by the cofactor and takes every encoding would take it. */
  readonly isLax?: boolean
}

const L = ed25519.Point.Fn.ORDER
const P = ed25519.Point.Fp.ORDER
const BASE = ed25519.Point.BASE
const ZERO = ed25519.Point.ZERO
/** Any number: these keys are nobody's. */
const SECRET = 0x1234567890abcdef1234567890abcdefn
type Point = typeof BASE

const little = (number: bigint) => hex(number.toString(16).padStart(64, '0')).reverse()
const bytesOf = (point: Point) => Buffer.from(point.toBytes())
const torsion = (i: number) => ed25519.Point.fromHex(ED25519_TORSION_SUBGROUP[i]!)
const ORDER_8 = torsion(1)

/** k of RFC 8032, 5.1.7. */
function challenge(r: Buffer, key: Buffer, text: Buffer): bigint {
  const hash = createHash('sha512').update(r).update(key).update(text).digest().reverse()
  return BigInt(`0x${hash.toString('hex')}`) % L
}

/** The first of the numbers 1, 2, 3, … of which `find` makes something. */
function first<T>(find: (number: bigint) => T | null): T {
  for (let number = 1n; number < 1000n; number++) {
    const found = find(number)
    if (found !== null) return found
  }
  throw new Error('none of a thousand')
}

/** `sound` is a signature of the text. Throws where a case is none that implementations disagree about. */
export function ed25519Cases(text: Buffer, sound: { key: Buffer; signature: Buffer }): readonly StrictCase[] {
  const cases = collectCases(text, sound)
  for (const { name, key, signature, isTaken, isLax = isTaken } of cases) {
    demand(`${name}, by a lax implementation`, ed25519.verify(signature, text, key, { zip215: true }), isLax)
  }
  return cases
}

function collectCases(text: Buffer, sound: { key: Buffer; signature: Buffer }): readonly StrictCase[] {
  const s = BigInt(`0x${Buffer.from(sound.signature.subarray(32)).reverse().toString('hex')}`)
  const withS = (number: bigint) => Buffer.concat([sound.signature.subarray(0, 32), little(number)])
  const bad = (name: string, key: Buffer, signature: Buffer): StrictCase => ({
    name,
    scheme: 'ed25519',
    key,
    signature,
    isTaken: false,
  })
  return [
    bad('S plus the order', sound.key, withS(s + L)),
    bad('S with its top bit set', sound.key, withS(s + (1n << 255n))),
    bad('S is the order', sound.key, withS(L)),
    bad('S is 0', sound.key, withS(0n)),
    bad('R and S all zero', sound.key, Buffer.alloc(64)),
    bad('the first bit of R', sound.key, flip(sound.signature, 0)),
    bad('the last bit of R, which is the sign', sound.key, flip(sound.signature, 31, 0x80)),
    ...smallOrderKeys(text),
    ...noKeys(),
    ...mixedOrder(text),
    ...smallOrderR(text),
  ]
}

function flip(bytes: Buffer, at: number, bit = 1): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = changed[at]! ^ bit
  return changed
}

/** Everybody can make signatures of any text for a key of small order, in whatever encoding. */
function smallOrderKeys(text: Buffer): readonly StrictCase[] {
  const sign = 1n << 255n
  const canonical = Array.from({ length: 8 }, (_, i): readonly [string, Buffer] => [
    `a key of small order: ${i} times a point of order 8`,
    bytesOf(torsion(i)),
  ])
  const others = (
    [
      ['y = 1 with the sign of a negative x', 1n + sign],
      ['y = -1 with the sign of a negative x', P - 1n + sign],
      ['y = p, which is 0', P],
      ['y = p with a sign', P + sign],
      ['y = p + 1, which is 1', P + 1n],
      ['y = p + 1 with a sign', P + 1n + sign],
    ] as const
  ).map(([name, number]): readonly [string, Buffer] => [`a key in another encoding: ${name}`, little(number)])
  return [...canonical, ...others].map(([name, key]) => ({
    name,
    scheme: 'ed25519',
    key,
    signature: signatureForAll(key, text),
    isTaken: false,
    isLax: true,
  }))
}

function signatureForAll(key: Buffer, text: Buffer): Buffer {
  const point = ed25519.Point.fromBytes(key, true)
  return first((s) => {
    for (let i = 0; i < 8; i++) {
      const r = bytesOf(BASE.multiply(s).add(torsion(i)))
      const right = torsion(i).add(point.multiplyUnsafe(challenge(r, key, text) % 8n))
      if (right.is0()) return Buffer.concat([r, little(s)])
    }
    return null
  })
}

function noKeys(): readonly StrictCase[] {
  const sign = 1n << 255n
  const keys: readonly (readonly [string, bigint])[] = [
    ['y = p + 3, which is 3', P + 3n],
    ['y = 2^255 - 1', sign - 1n],
    ['all bits', 2n * sign - 1n],
    ['y = 2, which no point has', 2n],
  ]
  return keys.map(([name, number]) => ({
    name: `a key that is none: ${name}`,
    scheme: 'ed25519',
    key: little(number),
    signature: Buffer.concat([bytesOf(ZERO), little(0n)]),
    isTaken: false,
  }))
}

/** A key with a part of small order: taken when the equation holds as it stands, not when it does only eight times. */
function mixedOrder(text: Buffer): readonly StrictCase[] {
  const key = bytesOf(BASE.multiply(SECRET).add(ORDER_8))
  const signature = (isDivisible: boolean, partOfR: Point = ZERO) =>
    first((number) => {
      const r = bytesOf(BASE.multiply(number).add(partOfR))
      const k = challenge(r, key, text)
      return (k % 8n === 0n) === isDivisible ? Buffer.concat([r, little((number + k * SECRET) % L)]) : null
    })
  const mixed = (name: string, bytes: Buffer, isTaken: boolean): StrictCase => ({
    name,
    scheme: 'ed25519',
    key,
    signature: bytes,
    isTaken,
    isLax: true,
  })
  return [
    mixed('a key of mixed order, k a multiple of 8', signature(true), true),
    mixed('a key of mixed order, right only with the cofactor', signature(false), false),
    mixed('R of mixed order, right only with the cofactor', signature(true, ORDER_8), false),
  ]
}

/** Only the owner of a key can make these, and OpenSSL takes them or not by its version: they are refused. */
function smallOrderR(text: Buffer): readonly StrictCase[] {
  const r = (name: string, bytes: Buffer, secret = SECRET, partOfKey: Point = ZERO): StrictCase => {
    const key = bytesOf(BASE.multiply(secret).add(partOfKey))
    const s = (challenge(bytes, key, text) * secret) % L
    return {
      name: `R of small order: ${name}`,
      scheme: 'ed25519',
      key,
      signature: Buffer.concat([bytes, little(s)]),
      isTaken: false,
      isLax: true,
    }
  }
  const secret = first((number) => {
    const key = bytesOf(BASE.multiply(SECRET + number).add(ORDER_8))
    const k = challenge(bytesOf(ORDER_8), key, text)
    return ORDER_8.add(ORDER_8.multiplyUnsafe(k % 8n)).is0() ? SECRET + number : null
  })
  return [
    r('the neutral element', bytesOf(ZERO)),
    r('the neutral element, y = p + 1', little(P + 1n)),
    r('the neutral element, with the sign of a negative x', little(1n + (1n << 255n))),
    r('of order 8, right only with the cofactor', bytesOf(ORDER_8)),
    r('of order 8, right as it stands', bytesOf(ORDER_8), secret, ORDER_8),
  ]
}

export function eip191Cases(sound: { key: Buffer; signature: Buffer }): readonly StrictCase[] {
  const n = secp256k1.Point.Fn.ORDER
  const p = secp256k1.Point.Fp.ORDER
  const { key, signature } = sound
  const s = BigInt(`0x${signature.subarray(32, 64).toString('hex')}`)
  const v = signature[64]!
  const big = (number: bigint) => hex(number.toString(16).padStart(64, '0'))
  const rOf = (number: bigint) => Buffer.concat([big(number), signature.subarray(32)])
  const sOf = (number: bigint, ofV = v) =>
    Buffer.concat([signature.subarray(0, 32), big(number), Buffer.of(ofV)])
  const cases: readonly (readonly [string, Buffer])[] = [
    ...[0, 1, 26, 29, 30, 37, 255].map((other) => [`v = ${other}`, sOf(s, other)] as const),
    ['the other v', sOf(s, 55 - v)],
    ['its twin with a high s', sOf(n - s, 55 - v)],
    ['s in the upper half, the same v', sOf(n - s)],
    ['s is 0', sOf(0n)],
    ['s is the order', sOf(n)],
    ['r is 0', rOf(0n)],
    ['r is the order', rOf(n)],
    ['r is 5, which no point has', rOf(5n)],
    ['r is the greatest number', rOf((1n << 256n) - 1n)],
    ['r is the field’s prime', rOf(p)],
    ['r with another bit', flip(signature, 5)],
    ['s with another bit', flip(signature, 40)],
  ]
  return cases.map(([name, bytes]) => ({
    name: `Ethereum: ${name}`,
    scheme: 'eip191',
    key,
    signature: bytes,
    isTaken: false,
  }))
}
