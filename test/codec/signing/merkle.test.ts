// The Merkle tree: RFC 9162's own recursive definitions and the vectors of Certificate Transparency, sizes 1 to 70 and greater ones.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createMerkleTree,
  type Digest,
  hashLeaf,
  hashNode,
  LEAVES_MAX,
  pathLength,
  pathToRoot,
} from '../../../src/codec/signing/merkle.ts'
import { announceSeed, seeded } from '../../support/seed.ts'

const seed = announceSeed('test/codec/signing/merkle.test.ts')

const sha256 = (...parts: readonly Buffer[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** The largest power of two below n. */
function split(n: number): number {
  let k = 1
  while (2 * k < n) k *= 2
  return k
}

/** MTH(D[n]) of RFC 9162, section 2.1.1; each slice of the entries is hashed once. */
function createTreeHash() {
  const known = new Map<string, Buffer>()
  return function treeHash(entries: readonly Buffer[]): Buffer {
    if (entries.length === 1) return sha256(Buffer.of(0), entries[0]!)
    const name = `${entries[0]} to ${entries.at(-1)}`
    const k = split(entries.length)
    const hash =
      known.get(name) ?? sha256(Buffer.of(1), treeHash(entries.slice(0, k)), treeHash(entries.slice(k)))
    known.set(name, hash)
    return hash
  }
}
const treeHash = createTreeHash()

/** PATH(m, D[n]) of RFC 9162, section 2.1.3.1. */
function inclusionProof(m: number, entries: readonly Buffer[]): readonly Buffer[] {
  if (entries.length === 1) return []
  const k = split(entries.length)
  return m < k
    ? [...inclusionProof(m, entries.slice(0, k)), treeHash(entries.slice(k))]
    : [...inclusionProof(m - k, entries.slice(k)), treeHash(entries.slice(0, k))]
}

/** The verification of RFC 9162, section 2.1.3.2, step by step. */
function verifyInclusion(leaf: Buffer, index: number, size: number, path: readonly Buffer[]): Buffer | null {
  if (index >= size) return null
  let fn = index
  let sn = size - 1
  let r = leaf
  for (const p of path) {
    if (sn === 0) return null
    if (fn % 2 === 1 || fn === sn) {
      r = sha256(Buffer.of(1), p, r)
      if (fn % 2 === 0) {
        do {
          fn >>= 1
          sn >>= 1
        } while (fn % 2 === 0 && fn !== 0)
      }
    } else r = sha256(Buffer.of(1), r, p)
    fn >>= 1
    sn >>= 1
  }
  return sn === 0 ? r : null
}

const latin1 = (digest: Digest): Buffer => Buffer.from(digest, 'latin1')
const entriesOf = (size: number) => Array.from({ length: size }, (_, i) => Buffer.from(`entry ${i}`))
const treeOf = (entries: readonly Buffer[]) => createMerkleTree(entries.map((entry) => hashLeaf(entry)))

/** Leaves and roots of the trees of the first 1, 2, … leaves: the test vectors of the Certificate Transparency log. */
const CT_LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const CT_ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

describe('the tree', () => {
  it('has the roots of Certificate Transparency', () => {
    const entries = CT_LEAVES.map((hex) => Buffer.from(hex, 'hex'))
    for (const [i, root] of CT_ROOTS.entries()) {
      expect(latin1(treeOf(entries.slice(0, i + 1)).root).toString('hex')).toBe(root)
    }
  })

  it('is that of RFC 9162 for 1 to 70 leaves, and so is each path', () => {
    for (let size = 1; size <= 70; size++) {
      const entries = entriesOf(size)
      const tree = treeOf(entries)
      const root = treeHash(entries)
      const wrong: number[] = []
      for (let index = 0; index < size; index++) {
        const path = inclusionProof(index, entries)
        const leaf = hashLeaf(entries[index]!)
        const isRight =
          tree.path(index).equals(Buffer.concat(path)) &&
          pathLength(index, size) === path.length &&
          pathToRoot(leaf, index, size, Buffer.concat(path)) === tree.root &&
          verifyInclusion(latin1(leaf), index, size, path)?.equals(root) === true
        if (!isRight) wrong.push(index)
      }
      expect([size, latin1(tree.root), wrong]).toEqual([size, root, []])
    }
  })

  it('leads any leaf by any path where RFC 9162 leads it, in trees of any size', () => {
    const sizeArb = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: LEAVES_MAX }))
    fc.assert(
      fc.property(sizeArb, fc.nat(), fc.infiniteStream(fc.nat()), (size, place, numbers) => {
        const index = place % size
        const path = Array.from({ length: pathLength(index, size) }, () =>
          sha256(Buffer.from(String(numbers.next().value))),
        )
        const leaf = hashLeaf(Buffer.from('leaf'))
        // In the midst of other bytes.
        const bytes = Buffer.concat([Buffer.alloc(5, 0xff), ...path, Buffer.alloc(5, 0xff)])
        const root = pathToRoot(leaf, index, size, bytes, 5)
        expect(verifyInclusion(latin1(leaf), index, size, path)).toEqual(latin1(root))
        // A path of another length leads nowhere: the header's form allows none.
        expect(verifyInclusion(latin1(leaf), index, size, [...path, latin1(leaf)])).toBeNull()
        if (path.length > 0) expect(verifyInclusion(latin1(leaf), index, size, path.slice(1))).toBeNull()
      }),
      seeded(seed, 300),
    )
  })

  it('hashes leaves of any length, wherever they stand', () => {
    for (const length of [0, 1, 31, 32, 64, 1_021, 1_022, 1_023, 1_024, 4_095, 4_096, 70_000, 900_000, 5]) {
      const value = Buffer.alloc(length, length % 251)
      const bytes = Buffer.concat([Buffer.alloc(9, 1), value, Buffer.alloc(9, 2)])
      const expected = sha256(Buffer.of(0), value)
      expect(latin1(hashLeaf(value))).toEqual(expected)
      expect(latin1(hashLeaf(bytes, 9, 9 + length))).toEqual(expected)
    }
    const [left, right] = [hashLeaf(Buffer.of(1)), hashLeaf(Buffer.of(2))]
    expect(latin1(hashNode(left, right))).toEqual(sha256(Buffer.of(1), latin1(left), latin1(right)))
  })

  it('has 1 to 65,536 leaves', () => {
    const leaf = hashLeaf(Buffer.from('leaf'))
    expect(() => createMerkleTree([])).toThrow(RangeError)
    expect(() => createMerkleTree(new Array(LEAVES_MAX + 1).fill(leaf))).toThrow(RangeError)
    const tree = createMerkleTree(new Array(LEAVES_MAX).fill(leaf))
    expect(tree.path(LEAVES_MAX - 1).length).toBe(16 * 32)
    expect(pathToRoot(leaf, 77, LEAVES_MAX, tree.path(77))).toBe(tree.root)
  })
})
