// Bare verification under both schemes: a signature of a text by a key, or why it is none.

import { createEd25519Verifier } from './ed25519.ts'
import { verifyEip191 } from './eip191.ts'
import type { Scheme } from './signer-key.ts'

/** Null when the signature is right; else why it is not, for people. */
export type Verify = (
  scheme: Scheme,
  key: Uint8Array,
  text: Uint8Array,
  signature: Uint8Array,
) => string | null

export function createVerifier(): Verify {
  const verifyEd25519 = createEd25519Verifier()
  return (scheme, key, text, signature) =>
    scheme === 'ed25519' ? verifyEd25519(key, text, signature) : verifyEip191(key, text, signature)
}
