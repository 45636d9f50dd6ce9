// Ed25519 as these rules take it: RFC 8032 at its strictest, so that no two implementations can disagree.

import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'

/**
 * Taken is a signature (R, S) by a key A of a text M only when
 * - S is below the group's order, as little-endian (RFC 8032, 5.1.7: else there would be two signatures);
 * - A and R are canonical encodings of points (y below p, no negative zero) that are not of small order;
 * - R is, byte for byte, the encoding of [S]B - [k]A, without a cofactor.
 * The first and the third are what OpenSSL does; the second is checked here: OpenSSL takes every A, and whether it takes
 * an R of small order depends on its version (3.0.19 and 4.0.3 do, 3.5.8 does not). The cases are those of "Taming the
 * many EdDSAs" (Chalkias, Garillot, Nikolaenko 2020).
 */
export function createEd25519Verifier(): (
  key: Uint8Array,
  text: Uint8Array,
  signature: Uint8Array,
) => string | null {
  const keys = new Map<string, KeyObject | null>()

  const keyOf = (bytes: Uint8Array): KeyObject | null => {
    const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    const known = keys.get(hex)
    if (known !== undefined) return known
    const made = isSoundPoint(bytes) ? toKeyObject(bytes) : null
    if (keys.size >= KEYS_MAX) keys.delete(keys.keys().next().value!)
    keys.set(hex, made)
    return made
  }

  return (bytes, text, signature) => {
    const key = keyOf(bytes)
    if (key === null) return 'the Ed25519 key is none that can sign (not canonical, or of small order)'
    return isSoundPoint(signature.subarray(0, POINT_BYTES)) && verify(null, text, key, signature)
      ? null
      : 'the Ed25519 signature is not of this message by this key in this log'
  }
}

const POINT_BYTES = 32
/** Importing a key costs a third of a verification; each one kept is memory outside of the heap. */
const KEYS_MAX = 2_000
/** SubjectPublicKeyInfo of a raw key (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

function toKeyObject(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes]), format: 'der', type: 'spki' })
}

const P = 2n ** 255n - 19n
/** The y of the points of order 1, 2, 4 and 8 (RFC 7748's cofactor is 8: eight points, of which some share their y). */
const SMALL_ORDER_YS: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
])

/** A canonical encoding of a point that is not of small order; whether there is such a point at all, OpenSSL sees. */
function isSoundPoint(bytes: Uint8Array): boolean {
  const y = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`) & (2n ** 255n - 1n)
  // A negative zero would be x = 0, which only y = 1 and y = -1 have.
  return y < P && !SMALL_ORDER_YS.has(y)
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
