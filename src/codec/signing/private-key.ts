// Private keys as files hold them: PEM (PKCS #8) for both schemes, or the 32 bytes in hex that an Ethereum wallet exports.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { SigningKey } from './batch-signer.ts'
import { hashPersonalMessage, publicKeyToAddress } from './eip191.ts'
import { bytesToSignerKey, type Scheme } from './signer-key.ts'

/** A new random key as PEM. */
export function createPrivateKeyPem(scheme: Scheme): string {
  const { privateKey } =
    scheme === 'ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  return privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
}

export type ReadKey =
  | { readonly type: 'key'; readonly key: SigningKey }
  | { readonly type: 'refused'; readonly what: string }

/** Reads the text of a key file. What is wrong with it is said without a part of it. */
export function readPrivateKey(text: string): ReadKey {
  const trimmed = text.trim()
  if (/^(?:0x)?[0-9a-fA-F]{64}$/.test(trimmed)) return readEthereumKey(Buffer.from(trimmed.slice(-64), 'hex'))
  if (/-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(trimmed)) {
    return refuse('it is encrypted, and no passphrase can be given')
  }
  let key: KeyObject
  try {
    key = createPrivateKey(trimmed)
  } catch {
    return refuse(describeForeign(trimmed))
  }
  if (key.asymmetricKeyType === 'ed25519') return { type: 'key', key: ed25519Key(key) }
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'secp256k1') {
    return readEthereumKey(Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url'))
  }
  const kind = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType
  return refuse(`it is a key of type ${kind}; Ed25519 and secp256k1 can sign here`)
}

/** What people take for a private key. */
function describeForeign(text: string): string {
  if (/-----BEGIN OPENSSH/.test(text))
    return 'it is in the format of OpenSSH; PEM (PKCS #8) is what is read here'
  const isPublic = /-----BEGIN (?:\w+ )?PUBLIC KEY|^ssh-|^(?:ed25519|eip191):/.test(text)
  return isPublic ? 'it is a public key' : 'it is neither a private key in PEM nor 64 hex digits'
}

function refuse(what: string): ReadKey {
  return { type: 'refused', what }
}

function ed25519Key(key: KeyObject): SigningKey {
  const { x } = createPublicKey(key).export({ format: 'jwk' })
  return {
    signer: bytesToSignerKey('ed25519', Buffer.from(x!, 'base64url')),
    sign: (text) => sign(null, text, key),
  }
}

function readEthereumKey(secret: Buffer): ReadKey {
  if (!secp256k1.utils.isValidSecretKey(secret)) return refuse('its number is none that secp256k1 has')
  const address = publicKeyToAddress(secp256k1.getPublicKey(secret, false))
  return {
    type: 'key',
    key: {
      signer: bytesToSignerKey('eip191', address),
      sign(text) {
        // Deterministic (RFC 6979), with a low s.
        const signed = secp256k1.sign(hashPersonalMessage(text), secret, {
          prehash: false,
          format: 'recovered',
        })
        return Buffer.concat([signed.subarray(1), Buffer.of(27 + signed[0]!)])
      },
    },
  }
}
