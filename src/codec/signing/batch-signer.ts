// Signing batches: a tree over the messages' values, one signature over its root, and each message's path in its header.

import { encodeSignature } from './header.ts'
import { createMerkleTree, DIGEST_BYTES, hashLeaf, pathLength } from './merkle.ts'
import { signedText } from './signed-text.ts'
import type { SignerKey } from './signer-key.ts'

/** A private key at work. */
export interface SigningKey {
  readonly signer: SignerKey
  /** 64 bytes (Ed25519), or 65 (EIP-191: r, s, v with v 27 or 28). */
  sign(text: Buffer): Buffer
}

export interface BatchSigner {
  readonly signer: SignerKey
  /** The value of each message's signature header, in their order. */
  sign(values: readonly Buffer[]): readonly Buffer[]
  /** Bytes that a header of a message has at most. */
  readonly headerBytesMax: number
}

/**
 * Messages in one tree: a path of 9 nodes is 288 bytes. Fewer would be less for the log to keep and more signatures for
 * every node to verify.
 */
const BATCH_LEAVES = 512

export function createBatchSigner(
  key: SigningKey,
  logId: string,
  leavesMax: number = BATCH_LEAVES,
): BatchSigner {
  const signTree = (values: readonly Buffer[]): Buffer[] => {
    const tree = createMerkleTree(values.map((value) => hashLeaf(value)))
    const signature = key.sign(signedText(logId, values.length, tree.root))
    const { signer } = key
    const count = values.length
    const first = encodeSignature({ signer, signature, count, index: 0, path: Buffer.alloc(0) })
    return values.map((_, index) => {
      const header = Buffer.alloc(first.length + pathLength(index, count) * DIGEST_BYTES)
      first.copy(header)
      header.writeUInt32BE(index, first.length - 4)
      tree.writePath(index, header, first.length)
      return header
    })
  }
  return {
    signer: key.signer,
    headerBytesMax: 1 + 32 + 65 + 8 + pathLength(0, leavesMax) * DIGEST_BYTES,
    sign(values) {
      const headers: Buffer[] = []
      for (let at = 0; at < values.length; at += leavesMax)
        headers.push(...signTree(values.slice(at, at + leavesMax)))
      return headers
    },
  }
}
