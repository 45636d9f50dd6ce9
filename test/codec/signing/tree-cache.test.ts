// The cache of trees: it forgets the trees used least lately, and what proves nothing makes it forget nothing.

import { describe, expect, it } from 'vitest'
import { createBatchSigner } from '../../../src/codec/signing/batch-signer.ts'
import { hashLeaf } from '../../../src/codec/signing/merkle.ts'
import { createPrivateKeyPem, readPrivateKey } from '../../../src/codec/signing/private-key.ts'
import { createTreeCache } from '../../../src/codec/signing/tree-cache.ts'

const read = readPrivateKey(createPrivateKeyPem('ed25519'))
if (read.type === 'refused') throw new Error(read.what)
const signer = createBatchSigner(read.key, '00112233-4455-6677-8899-aabbccddeeff')

function treeOf(name: string, count: number) {
  const values = Array.from({ length: count }, (_, i) => Buffer.from(`${name} ${i}`))
  const headers = signer.sign(values)
  return values.map((value, i) => ({ leaf: hashLeaf(value), header: headers[i]! }))
}

const LEAVES = 64
const TREES = Array.from({ length: 30 }, (_, i) => treeOf(`tree ${i}`, LEAVES))
/** Of a tree of which all is known: 64 + 32 + … + 1 nodes, some places for chunks, and what else it takes. */
const TREE_BYTES = 127 * 33 + 7 * 8 + 1_024

function createFilled(kept: number) {
  const cache = createTreeCache<number>(kept * TREE_BYTES)
  const find = (tree: number, index = 0) => {
    const { leaf, header } = TREES[tree]![index]!
    return cache.find(leaf, header, 0, header.length)
  }
  const add = (tree: number) => {
    const { leaf, header } = TREES[tree]![0]!
    cache.add(leaf, header, 0, header.length, tree)
  }
  return { cache, find, add }
}

describe('the cache of trees', () => {
  it('keeps as many trees as its bytes allow, those used last', () => {
    const { find, add } = createFilled(10)
    for (let tree = 0; tree < TREES.length; tree++) {
      add(tree)
      for (let index = 0; index < LEAVES; index++) expect(find(tree, index)).toBe(tree)
      // In use all the time.
      expect(find(0)).toBe(0)
    }
    const kept = TREES.map((_, tree) => tree).filter((tree) => find(tree) !== null)
    expect(kept).toEqual([0, 21, 22, 23, 24, 25, 26, 27, 28, 29])
  })

  it('forgets and learns nothing by what does not lead to a root', () => {
    const { cache, find, add } = createFilled(10)
    for (let tree = 0; tree < 10; tree++) add(tree)
    for (let i = 0; i < 2_000; i++) {
      const { header } = TREES[i % TREES.length]![i % LEAVES]!
      const wrong = Buffer.from(header)
      wrong[1 + (i % (header.length - 1))]! ^= 1 + (i % 255)
      for (const some of [header, wrong]) {
        expect(cache.find(hashLeaf(Buffer.from(`foreign ${i}`)), some, 0, some.length)).toBeNull()
      }
    }
    for (let tree = 0; tree < 10; tree++) {
      for (let index = 0; index < LEAVES; index++) expect(find(tree, index)).toBe(tree)
    }
  })

  it('keeps the tree in use, however little it may keep', () => {
    const { find, add } = createFilled(0)
    add(3)
    for (let index = 0; index < LEAVES; index++) expect(find(3, index)).toBe(3)
    add(4)
    expect(find(3)).toBeNull()
    expect(find(4, 63)).toBe(4)
  })

  it('takes a tree once', () => {
    const { cache, find, add } = createFilled(2)
    add(5)
    const { leaf, header } = TREES[5]![9]!
    cache.add(leaf, header, 0, header.length, 77)
    expect(find(5, 9)).toBe(5)
  })
})
