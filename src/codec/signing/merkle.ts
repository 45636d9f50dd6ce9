// The Merkle tree over a batch of values: RFC 9162 section 2.1, SHA-256, leaves and nodes told apart by a first byte.

import { hash } from 'node:crypto'

/** 32 bytes as a string of 32 Latin-1 characters: three times as fast out of node:crypto as a Buffer, and a key of maps. */
export type Digest = string

export const DIGEST_BYTES = 32
/** Leaves of one tree; its paths have at most 16 nodes. */
export const LEAVES_MAX = 65_536

const LEAF_PREFIX = 0x00
const NODE_PREFIX = 0x01

const scratch = { bytes: Buffer.allocUnsafeSlow(4_096) }
const node = Buffer.alloc(1 + 2 * DIGEST_BYTES, NODE_PREFIX)

/** SHA-256 of `00` and the value that stands in bytes[start, end). */
export function hashLeaf(bytes: Uint8Array, start = 0, end = bytes.length): Digest {
  const length = end - start
  if (scratch.bytes.length <= length) scratch.bytes = Buffer.allocUnsafeSlow(2 * length)
  scratch.bytes[0] = LEAF_PREFIX
  scratch.bytes.set(bytes.subarray(start, end), 1)
  return hash('sha256', scratch.bytes.subarray(0, length + 1), 'binary')
}

/** SHA-256 of `01`, the left child and the right one. */
export function hashNode(left: Digest, right: Digest): Digest {
  node.write(left, 1, 'latin1')
  node.write(right, 1 + DIGEST_BYTES, 'latin1')
  return hash('sha256', node, 'binary')
}

export interface MerkleTree {
  readonly root: Digest
  /** The inclusion proof of a leaf, from its sibling upwards: 32 bytes a node. */
  path(index: number): Buffer
}

/** At least one leaf, at most LEAVES_MAX. */
export function createMerkleTree(leaves: readonly Digest[]): MerkleTree {
  if (leaves.length === 0 || leaves.length > LEAVES_MAX) {
    throw new RangeError(`a tree has 1 to ${LEAVES_MAX} leaves, not ${leaves.length}`)
  }
  const levels: (readonly Digest[])[] = [leaves]
  for (let level = leaves; level.length > 1; levels.push(level)) level = parentsOf(level)
  return {
    root: levels.at(-1)![0]!,
    path(index) {
      const siblings: Digest[] = []
      for (const [height, level] of levels.entries()) {
        const sibling = level[(index >> height) ^ 1]
        if (sibling !== undefined) siblings.push(sibling)
      }
      return Buffer.from(siblings.join(''), 'latin1')
    },
  }
}

/** An odd node at the end goes up as it is: that is the same tree as that of the RFC, which splits from the top. */
function parentsOf(level: readonly Digest[]): readonly Digest[] {
  const parents: Digest[] = []
  for (let i = 0; i + 1 < level.length; i += 2) parents.push(hashNode(level[i]!, level[i + 1]!))
  if (level.length % 2 === 1) parents.push(level.at(-1)!)
  return parents
}

/** Nodes in the path of leaf `index` of a tree of `count` leaves. */
export function pathLength(index: number, count: number): number {
  let nodes = 0
  for (let i = index, width = count; width > 1; i >>= 1, width = (width + 1) >> 1) {
    if ((i & 1) === 1 || i + 1 < width) nodes++
  }
  return nodes
}

/** The root that a leaf and its path lead to. The path, from `at` on, has `pathLength(index, count)` nodes. */
export function pathToRoot(leaf: Digest, index: number, count: number, path: Buffer, at = 0): Digest {
  let digest = leaf
  let place = at
  for (let i = index, width = count; width > 1; i >>= 1, width = (width + 1) >> 1) {
    const isRight = (i & 1) === 1
    if (!isRight && i + 1 >= width) continue
    const sibling = path.toString('latin1', place, place + DIGEST_BYTES)
    digest = isRight ? hashNode(sibling, digest) : hashNode(digest, sibling)
    place += DIGEST_BYTES
  }
  return digest
}
