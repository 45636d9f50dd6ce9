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
/** The beginnings of `short`, by length: making a view takes a sixth of the time that hashing a short value takes. */
const short = Buffer.allocUnsafeSlow(1_024)
const shortViews: Buffer[] = []
const node = Buffer.alloc(1 + 2 * DIGEST_BYTES, NODE_PREFIX)

/** SHA-256 of `00` and the value that stands in bytes[start, end). */
export function hashLeaf(bytes: Buffer, start = 0, end = bytes.length): Digest {
  const view = viewOf(end - start + 1)
  view[0] = LEAF_PREFIX
  bytes.copy(view, 1, start, end)
  return hash('sha256', view, 'binary')
}

function viewOf(length: number): Buffer {
  if (length >= short.length) {
    if (scratch.bytes.length < length) scratch.bytes = Buffer.allocUnsafeSlow(2 * length)
    return scratch.bytes.subarray(0, length)
  }
  const known = shortViews[length]
  if (known !== undefined) return known
  const view = short.subarray(0, length)
  shortViews[length] = view
  return view
}

/** SHA-256 of `01`, the left child and the right one. */
export function hashNode(left: Digest, right: Digest): Digest {
  node.write(left, 1, 'latin1')
  node.write(right, 1 + DIGEST_BYTES, 'latin1')
  return hash('sha256', node, 'binary')
}

/** The parent of a digest and of the sibling that stands in path[at, at + 32). */
export function hashWithSibling(digest: Digest, isRight: boolean, path: Buffer, at: number): Digest {
  const sibling = isRight ? 1 : 1 + DIGEST_BYTES
  for (let i = 0; i < DIGEST_BYTES; i++) node[sibling + i] = path[at + i]!
  node.write(digest, isRight ? 1 + DIGEST_BYTES : 1, 'latin1')
  return hash('sha256', node, 'binary')
}

export interface MerkleTree {
  readonly root: Digest
  /** The inclusion proof of a leaf, from its sibling upwards: 32 bytes a node. */
  path(index: number): Buffer
  /** The same, written into `bytes` from `at` on. */
  writePath(index: number, bytes: Buffer, at: number): void
}

/** At least one leaf, at most LEAVES_MAX. */
export function createMerkleTree(leaves: readonly Digest[]): MerkleTree {
  if (leaves.length === 0 || leaves.length > LEAVES_MAX) {
    throw new RangeError(`a tree has 1 to ${LEAVES_MAX} leaves, not ${leaves.length}`)
  }
  const levels: (readonly Digest[])[] = [leaves]
  for (let level = leaves; level.length > 1; levels.push(level)) level = parentsOf(level)
  const writePath = (index: number, bytes: Buffer, at: number): void => {
    let place = at
    for (let height = 0; height < levels.length; height++) {
      const sibling = levels[height]![(index >> height) ^ 1]
      if (sibling !== undefined) place += bytes.write(sibling, place, 'latin1')
    }
  }
  return {
    root: levels.at(-1)![0]!,
    writePath,
    path(index) {
      const bytes = Buffer.alloc(pathLength(index, leaves.length) * DIGEST_BYTES)
      writePath(index, bytes, 0)
      return bytes
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
    digest = hashWithSibling(digest, isRight, path, place)
    place += DIGEST_BYTES
  }
  return digest
}
