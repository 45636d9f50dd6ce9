// Verifying signatures of many messages: each root once, each node of a tree once, in bounded memory.

import { layOut, SIGNATURE_BYTES } from './header.ts'
import { hashLeaf, pathToRoot } from './merkle.ts'
import { signedText } from './signed-text.ts'
import { bytesToSignerKey, type Scheme, type SignerKey } from './signer-key.ts'
import { createTreeCache } from './tree-cache.ts'
import { createVerifier } from './verify.ts'

/** `signer` null: the signature proves nothing, and `detail` says why. */
export type Proved =
  | { readonly signer: SignerKey; readonly detail: '' }
  | { readonly signer: null; readonly detail: string }

export interface Prover {
  /**
   * The value stands in bytes[start, end), the header in headerBytes[headerStart, headerEnd). Messages of one tree get
   * the same object, and mostly those of one signer the same text.
   */
  prove(
    bytes: Buffer,
    start: number,
    end: number,
    headerBytes: Buffer,
    headerStart: number,
    headerEnd: number,
  ): Proved
}

/** Signers whose texts are kept: those of one thread at one time. */
const SIGNERS_MAX = 2_000

/**
 * A prover of one log. What it keeps between two messages (keys, trees that are known to be signed; `bytesMax` as in
 * tree-cache.ts) saves time and decides nothing: it answers alike whatever it was asked before. Nothing is kept of a
 * message that proves nothing; it costs a verification each time it comes.
 */
export function createProver(logId: string, bytesMax?: number): Prover {
  const verify = createVerifier()
  const trees = createTreeCache<Proved>(bytesMax)
  const signers = new Map<string, Proved>()

  const provedBy = (scheme: Scheme, key: Buffer): Proved => {
    const signer = bytesToSignerKey(scheme, key)
    const known = signers.get(signer)
    if (known !== undefined) return known
    const proved: Proved = { signer, detail: '' }
    if (signers.size >= SIGNERS_MAX) signers.delete(signers.keys().next().value!)
    signers.set(signer, proved)
    return proved
  }

  return {
    prove(bytes, start, end, headerBytes, headerStart, headerEnd) {
      const leaf = hashLeaf(bytes, start, end)
      const known = trees.find(leaf, headerBytes, headerStart, headerEnd)
      if (known !== null) return known
      const layout = layOut(headerBytes, headerStart, headerEnd)
      if (typeof layout === 'string') return { signer: null, detail: `the header is malformed: ${layout}` }
      const { scheme, signatureAt, count, index, pathAt } = layout
      const root = pathToRoot(leaf, index, count, headerBytes, pathAt)
      const key = headerBytes.subarray(headerStart + 1, signatureAt)
      const signature = headerBytes.subarray(signatureAt, signatureAt + SIGNATURE_BYTES[scheme])
      const fault = verify(scheme, key, signedText(logId, count, root), signature)
      if (fault !== null) return { signer: null, detail: fault }
      const proved = provedBy(scheme, key)
      // A message signed alone would only push out trees that others are still to come of.
      if (count > 1) trees.add(leaf, headerBytes, headerStart, headerEnd, proved)
      return proved
    },
  }
}
