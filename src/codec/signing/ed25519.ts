// Ed25519 as these rules take it: RFC 8032 at its strictest, so that no two implementations can disagree.

import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'

/**
 * Taken is a signature (R, S) by a key A of a text M only when
 * - S is below the group's order, as little-endian (RFC 8032, 5.1.7: else there would be two signatures);
 * - A and R are canonical encodings of points (y below p, no negative zero) that are not of small order: no honest
 *   signer ever has one. They may have a part of small order beside another;
 * - R is, byte for byte, the encoding of [S]B - [k]A, without a cofactor.
 * The first and the third are what OpenSSL does; the second is checked here: OpenSSL takes every A, and whether it takes
 * points of small order depends on its version (3.0.19 and 4.0.3 do, 3.5.8 does not). The cases are those of "Taming the
 * many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020).
 */
export function createEd25519Verifier(): (
  key: Uint8Array,
  text: Uint8Array,
  signature: Uint8Array,
) => string | null {
  const keys = new Map<string, KeyObject | null>()

  const keyOf = (bytes: Uint8Array): KeyObject | null => {
    const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    const known = keys.get(raw)
    if (known !== undefined) return known
    const made = isSoundPoint(bytes) ? toKeyObject(bytes) : null
    if (keys.size >= KEYS_MAX) keys.delete(keys.keys().next().value!)
    keys.set(raw, made)
    return made
  }

  return (bytes, text, signature) => {
    const key = keyOf(bytes)
    if (key === null) return 'the Ed25519 key is none that can sign (not canonical, or of small order)'
    return isSoundPoint(signature) && verify(null, text, key, signature)
      ? null
      : 'the Ed25519 signature is not of this message by this key in this log'
  }
}

/** Importing a key costs a third of a verification; each one kept is memory outside of the heap. */
const KEYS_MAX = 500
/** SubjectPublicKeyInfo of a raw key (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

function toKeyObject(bytes: Uint8Array): KeyObject | null {
  try {
    return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes]), format: 'der', type: 'spki' })
  } catch {
    // It is not on the curve. Node finds that out when it verifies, but need not leave it at that.
    return null
  }
}

/** The y of the eight points of small order, as they are encoded: some share theirs. x's sign is the top bit. */
const SMALL_ORDER_YS: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
])
const POINT_BYTES = 32
/** 2^255 - 19, big-endian. */
const P = Buffer.from(`7f${'ff'.repeat(30)}ed`, 'hex')

/**
 * True when `bytes` begin with the canonical encoding of a point that is not of small order; whether there is such a
 * point at all, OpenSSL sees. A negative zero would be x = 0, which only y = 1 and y = -1 have.
 */
function isSoundPoint(bytes: Uint8Array): boolean {
  const y = Buffer.from(bytes.subarray(0, POINT_BYTES))
  y[POINT_BYTES - 1]! &= 0x7f
  return Buffer.from(y).reverse().compare(P) < 0 && !SMALL_ORDER_YS.has(y.toString('hex'))
}

/** Why a key of 32 bytes can verify nothing, or null. Slow: for keys that people name, not for messages. */
export function refuseEd25519Key(bytes: Uint8Array): string | null {
  if (!isSoundPoint(bytes)) return 'is no Ed25519 key that can sign (not canonical, or of small order)'
  try {
    ed25519.Point.fromBytes(bytes)
    return null
  } catch {
    return 'is no Ed25519 key: it is not on the curve'
  }
}
