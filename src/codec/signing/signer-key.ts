// Who signs: the text that names a signer in genesis, policies and dumps, and the bytes that stand for it in a header.

/** `ed25519:` and 64 hex digits (the public key), or `eip191:` and 40 (the Ethereum address); lower case. */
export type SignerKey = string

/** Who wrote a message, as far as its log knows: a key that has signed it, or null for nobody. */
export type Signer = SignerKey | null

export type Scheme = 'ed25519' | 'eip191'

export const KEY_BYTES: Readonly<Record<Scheme, number>> = { ed25519: 32, eip191: 20 }

const FORM = /^(?:ed25519:[0-9a-f]{64}|eip191:[0-9a-f]{40})$/

/** True for a text that names a signer; whether the key can verify anything is another question. */
export function isSignerKey(text: string): text is SignerKey {
  return FORM.test(text)
}

export function schemeOf(key: SignerKey): Scheme {
  return key.startsWith('ed25519:') ? 'ed25519' : 'eip191'
}

export function signerKeyToBytes(key: SignerKey): Buffer {
  return Buffer.from(key.slice(key.indexOf(':') + 1), 'hex')
}

export function bytesToSignerKey(scheme: Scheme, bytes: Uint8Array): SignerKey {
  return `${scheme}:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')}`
}
