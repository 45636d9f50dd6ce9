// Vectors of trees: leaves, roots and paths of several sizes, the first eight held against those of Certificate Transparency.

import { createMerkleTree, DIGEST_BYTES, hashLeaf, pathToRoot } from '../../src/codec/signing/merkle.ts'
import { demand, hex } from './forms.ts'

/** The first eight are the inputs of Certificate Transparency's own tests. */
const VALUES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
  'c301',
  '7b7d',
  '01',
  '00'.repeat(64),
  'ff'.repeat(200),
].map(hex)

const SIZES = [1, 2, 3, 5, 8, 13]

/** By size, as published there. */
const ROOTS: Readonly<Record<number, string>> = {
  1: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  2: 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  3: 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  5: '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  8: '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
}

/** Nodes of each leaf's path, counted on paper. */
const PATH_LENGTHS: Readonly<Record<number, readonly number[]>> = {
  1: [0],
  2: [1, 1],
  3: [2, 2, 1],
  5: [3, 3, 3, 3, 1],
  8: [3, 3, 3, 3, 3, 3, 3, 3],
  13: [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 2],
}

const bytesOf = (digest: string) => Buffer.from(digest, 'latin1')

export function treeVectors() {
  return SIZES.map((size) => {
    const values = VALUES.slice(0, size)
    const leaves = values.map((value) => hashLeaf(value))
    const { root, path } = createMerkleTree(leaves)
    const paths = values.map((_, index) => path(index))
    if (size in ROOTS) demand(`the root of ${size}`, bytesOf(root).toString('hex'), ROOTS[size])
    demand(
      `the paths of ${size}`,
      paths.map((bytes) => bytes.length / DIGEST_BYTES),
      PATH_LENGTHS[size],
    )
    for (const [index, bytes] of paths.entries()) {
      demand(`the way up from ${index} of ${size}`, pathToRoot(leaves[index]!, index, size, bytes), root)
    }
    return {
      values: values.map((value) => value.toString('hex')),
      leaves: leaves.map((leaf) => bytesOf(leaf).toString('hex')),
      root: bytesOf(root).toString('hex'),
      paths: paths.map((bytes) => nodesOf(bytes)),
    }
  })
}

export function nodesOf(path: Buffer): readonly string[] {
  return Array.from({ length: path.length / DIGEST_BYTES }, (_, i) =>
    path.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES).toString('hex'),
  )
}
