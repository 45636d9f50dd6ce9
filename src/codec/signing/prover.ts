// Verifying signatures of many messages: each root once, each node of a tree once, in bounded memory.

import { type HeaderLayout, layOut, SIGNATURE_BYTES } from './header.ts'
import { hashLeaf, pathToRoot } from './merkle.ts'
import { signedText } from './signed-text.ts'
import { bytesToSignerKey, type SignerKey } from './signer-key.ts'
import { createVerifier } from './verify.ts'

/** `signer` null: the signature proves nothing, and `detail` says why. */
export type Proved =
  | { readonly signer: SignerKey; readonly detail: '' }
  | { readonly signer: null; readonly detail: string }

export interface Prover {
  /** The value stands in bytes[start, end), the header in headerBytes[headerStart, headerEnd). */
  prove(
    bytes: Buffer,
    start: number,
    end: number,
    headerBytes: Buffer,
    headerStart: number,
    headerEnd: number,
  ): Proved
}

/**
 * A prover of one log. What it keeps between two messages (keys, trees that are known to be signed) saves time and
 * decides nothing: it answers alike whatever it was asked before.
 */
export function createProver(logId: string): Prover {
  const verify = createVerifier()
  return {
    prove(bytes, start, end, headerBytes, headerStart, headerEnd) {
      const layout = layOut(headerBytes, headerStart, headerEnd)
      if (typeof layout === 'string') return { signer: null, detail: `the header is malformed: ${layout}` }
      const { scheme, signatureAt, count, index, pathAt }: HeaderLayout = layout
      const root = pathToRoot(hashLeaf(bytes, start, end), index, count, headerBytes, pathAt)
      const key = headerBytes.subarray(headerStart + 1, signatureAt)
      const signature = headerBytes.subarray(signatureAt, signatureAt + SIGNATURE_BYTES[scheme])
      const fault = verify(scheme, key, signedText(logId, count, root), signature)
      return fault === null
        ? { signer: bytesToSignerKey(scheme, key), detail: '' }
        : { signer: null, detail: fault }
    },
  }
}
