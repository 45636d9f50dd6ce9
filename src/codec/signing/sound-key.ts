// Whether a key that is named as an admin or a signer can be anybody's at all: one that is mistyped would shut people out for ever.

import { refuseEd25519Key } from './ed25519.ts'
import { isSignerKey, type SignerKey, schemeOf, signerKeyToBytes } from './signer-key.ts'

export type ParsedKey =
  | { readonly type: 'key'; readonly key: SignerKey }
  /** `what` is half a sentence, which stands behind the key. */
  | { readonly type: 'refused'; readonly what: string; readonly remedy: string }

const FORM =
  'write ed25519: and 64 hex digits, or eip191: and 40, in lower case and without 0x, as `spindexer keys show FILE` prints it'

/** Reads a key as people give it: its form, and whether somebody can have signed under it. */
export function parseSignerKey(text: string): ParsedKey {
  if (!isSignerKey(text)) {
    const isSecret = /-----BEGIN|^(?:0x)?[0-9a-fA-F]{64}$/.test(text)
    const what = isSecret ? 'is not the name of a signer, and may be a secret' : 'is not the name of a signer'
    return { type: 'refused', what, remedy: FORM }
  }
  const fault = refuseSignerKey(text)
  return fault === null
    ? { type: 'key', key: text }
    : {
        type: 'refused',
        what: fault,
        remedy: 'check that it was copied whole: nobody could ever sign under it',
      }
}

/** Why nobody can sign under a key of due form, or null. Half a sentence. */
export function refuseSignerKey(key: SignerKey): string | null {
  const bytes = signerKeyToBytes(key)
  if (schemeOf(key) === 'ed25519') return refuseEd25519Key(bytes)
  return bytes.every((byte) => byte === 0) ? 'is the address of nobody' : null
}
