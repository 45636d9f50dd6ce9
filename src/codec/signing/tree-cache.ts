// Trees whose root is known to be signed, and as many of their nodes as messages have shown: each is hashed once.

import { layOutId } from './header.ts'
import { DIGEST_BYTES, type Digest, hashWithSibling, LEAVES_MAX, pathLength } from './merkle.ts'

export interface TreeCache<Value> {
  /**
   * What the tree of this header was added with, when leaf and path lead to its root. Null says nothing: the tree may
   * be unknown, or the leaf or the path wrong.
   */
  find(leaf: Digest, header: Buffer, start: number, end: number): Value | null
  /** Takes a leaf and a header of which all has been verified. */
  add(leaf: Digest, header: Buffer, start: number, end: number, value: Value): void
}

/**
 * A tree is known by all that a header says before the message's index: scheme, key, signature, count. Where one of its
 * nodes is known, so are that one's sibling, its parent and all above: a path is hashed only up to the first known node.
 */
interface Tree<Value> {
  readonly id: Buffer
  readonly count: number
  readonly value: Value
  /**
   * 64 neighbours of one height in a chunk, made when the first of them is known; a node is a byte that says whether it
   * is known, and the digest. The leaves come first, the root last. An odd node at the end of its row stands in each row
   * that it goes up to. Not strings: they would be most of what the garbage collector carries about.
   */
  readonly chunks: (Uint8Array | undefined)[]
  bytes: number
  /** The message found last, and its path: at the end of `path`, so that the upper nodes keep their places. */
  index: number
  readonly path: Buffer
}

/** Of all trees together: some 45 trees of 512 messages. The greatest tree that there is takes 4.3 MB, and stays while it is in use. */
const BYTES_MAX = 2 * 1024 * 1024
/** What a tree takes beside its chunks, about. */
const TREE_BYTES = 1_024
const INDEX_BYTES = 4
const NODE_BYTES = 1 + DIGEST_BYTES
const CHUNK_BITS = 6
const CHUNK_NODES = 1 << CHUNK_BITS
const SLOT_MASK = CHUNK_NODES - 1
const HEIGHT_MAX = Math.log2(LEAVES_MAX)

/** Keeps the trees that were used last. */
export function createTreeCache<Value>(bytesMax: number = BYTES_MAX): TreeCache<Value> {
  /** The one used last stands last. */
  const trees = new Map<string, Tree<Value>>()
  const climb = createClimb()
  let last: Tree<Value> | null = null
  let bytes = 0

  const treeOf = (header: Buffer, start: number, idEnd: number): Tree<Value> | null => {
    if (last !== null && isSame(last.id, header, start, idEnd)) return last
    const id = header.toString('latin1', start, idEnd)
    const tree = trees.get(id)
    if (tree === undefined) return null
    trees.delete(id)
    trees.set(id, tree)
    last = tree
    return tree
  }
  const grow = (by: number): void => {
    bytes += by
    if (bytes <= bytesMax) return
    for (const [id, oldest] of trees) {
      // The tree in use stays, however great it is.
      if (bytes <= bytesMax || oldest === last) return
      trees.delete(id)
      bytes -= oldest.bytes
    }
  }

  return {
    find(leaf, header, start, end) {
      const idEnd = layOutId(header, start, end)
      const tree = idEnd < 0 ? null : treeOf(header, start, idEnd)
      if (tree === null) return null
      const before = tree.bytes
      if (!climb(tree, leaf, header, idEnd, end)) return null
      if (tree.bytes > before) grow(tree.bytes - before)
      return tree.value
    },
    add(leaf, header, start, end, value) {
      const idEnd = layOutId(header, start, end)
      const id = header.toString('latin1', start, idEnd)
      if (trees.has(id)) return
      const tree = createTree(Buffer.from(id, 'latin1'), value)
      climb(tree, leaf, header, idEnd, end)
      trees.set(id, tree)
      last = tree
      grow(tree.bytes)
    },
  }
}

function createTree<Value>(id: Buffer, value: Value): Tree<Value> {
  const count = id.readUInt32BE(id.length - 4)
  let chunks = 1
  for (let width = count; width > 1; width = (width + 1) >> 1) chunks += chunksOf(width)
  return {
    id,
    count,
    value,
    chunks: new Array(chunks),
    bytes: TREE_BYTES + 8 * chunks,
    index: -1,
    path: Buffer.alloc(pathLength(0, count) * DIGEST_BYTES),
  }
}

function chunksOf(width: number): number {
  return (width + CHUNK_NODES - 1) >> CHUNK_BITS
}

type Climb = (tree: Tree<unknown>, leaf: Digest, header: Buffer, indexAt: number, end: number) => boolean

/**
 * True when leaf and path lead to the tree's root; then the tree knows their nodes too. A tree that knows nothing yet
 * takes what it is given.
 */
function createClimb(): Climb {
  /** Of the nodes above the message, by height, as far as they were not known. */
  const digests: Digest[] = new Array(HEIGHT_MAX + 1).fill('')
  let fresh = 0
  // Where the climb stands: the node's place in its row, the row's width, its first chunk, the next node of the path.
  let i = 0
  let width = 0
  let row = 0
  let at = 0

  const begin = (index: number, count: number, pathAt: number): void => {
    i = index
    width = count
    row = 0
    at = pathAt
  }
  const hasSibling = (): boolean => (i & 1) === 1 || i + 1 < width
  const step = (): void => {
    if (hasSibling()) at += DIGEST_BYTES
    row += chunksOf(width)
    i >>= 1
    width = (width + 1) >> 1
  }
  /** Hashes up to the first known node and says whether it is the same; or up to the top of an empty tree. */
  const ascend = ({ chunks }: Tree<unknown>, leaf: Digest, header: Buffer): boolean => {
    let digest = leaf
    for (fresh = 0; ; step()) {
      const chunk = chunks[row + (i >> CHUNK_BITS)]
      if (chunk !== undefined && isKnown(chunk, i)) return isDigest(digest, chunk, i)
      digests[fresh++] = digest
      if (width === 1) return true
      if (hasSibling()) digest = hashWithSibling(digest, (i & 1) === 1, header, at)
    }
  }
  /**
   * Whether the rest of the path is what is known: node by node up to where this message and the one before are under
   * siblings; from there on both have the same path.
   */
  const isRestKnown = (tree: Tree<unknown>, index: number, header: Buffer, end: number) => {
    const { chunks, path } = tree
    // The height from which on the two are under the same node.
    const join = 32 - Math.clz32(index ^ tree.index)
    for (let height = fresh; height < join; height++, step()) {
      if (!hasSibling()) continue
      if (!isNode(chunks[row + (i >> CHUNK_BITS)]!, i ^ 1, header, at)) return false
    }
    return path.compare(header, at, end, path.length - (end - at)) === 0
  }
  const learn = (tree: Tree<unknown>, header: Buffer): void => {
    const { chunks } = tree
    for (let height = 0; height < fresh; height++, step()) {
      const place = row + (i >> CHUNK_BITS)
      let chunk = chunks[place]
      if (chunk === undefined) {
        chunk = new Uint8Array(Math.min(width, CHUNK_NODES) * NODE_BYTES)
        chunks[place] = chunk
        tree.bytes += chunk.length
      }
      putDigest(chunk, i, digests[height]!)
      if (hasSibling()) putNode(chunk, i ^ 1, header, at)
    }
  }

  return (tree, leaf, header, indexAt, end) => {
    const { count, path } = tree
    const index = header.readUInt32BE(indexAt)
    const pathAt = indexAt + INDEX_BYTES
    if (index >= count || pathAt + pathLength(index, count) * DIGEST_BYTES !== end) return false
    begin(index, count, pathAt)
    if (!ascend(tree, leaf, header)) return false
    if (tree.index >= 0 && !isRestKnown(tree, index, header, end)) return false
    header.copy(path, path.length - (end - pathAt), pathAt, at)
    tree.index = index
    begin(index, count, pathAt)
    learn(tree, header)
    return true
  }
}

function isKnown(chunk: Uint8Array, i: number): boolean {
  return chunk[(i & SLOT_MASK) * NODE_BYTES] === 1
}

function isDigest(digest: Digest, chunk: Uint8Array, i: number): boolean {
  const from = (i & SLOT_MASK) * NODE_BYTES + 1
  for (let k = 0; k < DIGEST_BYTES; k++) if (chunk[from + k] !== digest.charCodeAt(k)) return false
  return true
}

function isNode(chunk: Uint8Array, i: number, bytes: Buffer, at: number): boolean {
  const from = (i & SLOT_MASK) * NODE_BYTES + 1
  for (let k = 0; k < DIGEST_BYTES; k++) if (chunk[from + k] !== bytes[at + k]) return false
  return true
}

function putDigest(chunk: Uint8Array, i: number, digest: Digest): void {
  const from = (i & SLOT_MASK) * NODE_BYTES
  chunk[from] = 1
  for (let k = 0; k < DIGEST_BYTES; k++) chunk[from + 1 + k] = digest.charCodeAt(k)
}

function putNode(chunk: Uint8Array, i: number, bytes: Buffer, at: number): void {
  const from = (i & SLOT_MASK) * NODE_BYTES
  chunk[from] = 1
  for (let k = 0; k < DIGEST_BYTES; k++) chunk[from + 1 + k] = bytes[at + k]!
}

function isSame(id: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== id.length) return false
  for (let k = 0; k < id.length; k++) if (id[k] !== bytes[start + k]) return false
  return true
}
