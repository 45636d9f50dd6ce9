// The prover: whatever it keeps, it answers as one that keeps nothing; and it keeps no more than it may.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBatchSigner } from '../../../src/codec/signing/batch-signer.ts'
import { layOut, SIGNATURE_BYTES } from '../../../src/codec/signing/header.ts'
import { hashLeaf, pathToRoot } from '../../../src/codec/signing/merkle.ts'
import { createPrivateKeyPem, readPrivateKey } from '../../../src/codec/signing/private-key.ts'
import { createProver, type Proved, type Prover } from '../../../src/codec/signing/prover.ts'
import { signedText } from '../../../src/codec/signing/signed-text.ts'
import { bytesToSignerKey, type Scheme } from '../../../src/codec/signing/signer-key.ts'
import { createVerifier } from '../../../src/codec/signing/verify.ts'
import { announceSeed, seeded } from '../../support/seed.ts'

const seed = announceSeed('test/codec/signing/prover.test.ts')
const LOG_ID = '00112233-4455-6677-8899-aabbccddeeff'

function keyOf(scheme: Scheme) {
  const read = readPrivateKey(createPrivateKeyPem(scheme))
  if (read.type === 'refused') throw new Error(read.what)
  return read.key
}

interface Signed {
  readonly value: Buffer
  readonly header: Buffer
}

const verify = createVerifier()

/** The rule itself, with nothing kept. */
function proveAlone({ value, header }: Signed): Proved {
  const layout = layOut(header, 0, header.length)
  if (typeof layout === 'string') return { signer: null, detail: `the header is malformed: ${layout}` }
  const { scheme, signatureAt, count, index, pathAt } = layout
  const root = pathToRoot(hashLeaf(value), index, count, header, pathAt)
  const key = header.subarray(1, signatureAt)
  const signature = header.subarray(signatureAt, signatureAt + SIGNATURE_BYTES[scheme])
  const fault = verify(scheme, key, signedText(LOG_ID, count, root), signature)
  return fault === null
    ? { signer: bytesToSignerKey(scheme, key), detail: '' }
    : { signer: null, detail: fault }
}

/** In the midst of other bytes, as in a batch. */
function prove(prover: Prover, { value, header }: Signed): Proved {
  const bytes = Buffer.concat([Buffer.alloc(3, 0xaa), value, Buffer.alloc(2, 0xbb)])
  const headers = Buffer.concat([Buffer.alloc(7, 0xcc), header, Buffer.alloc(40, 0xdd)])
  return prover.prove(bytes, 3, 3 + value.length, headers, 7, 7 + header.length)
}

function signTree(key: ReturnType<typeof keyOf>, count: number, name = ''): Signed[] {
  const values = Array.from({ length: count }, (_, i) => Buffer.from(`${name} message ${i}`))
  const headers = createBatchSigner(key, LOG_ID).sign(values)
  return values.map((value, i) => ({ value, header: headers[i]! }))
}

const keys = [keyOf('ed25519'), keyOf('ed25519')]
/** Every size of which the shape is peculiar, among them one above and below powers of two; some sizes twice. */
const SIZES = [
  1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 17, 23, 31, 32, 33, 63, 64, 65, 100, 129, 130, 257,
]
const TREES = SIZES.map((size, i) => signTree(keys[i % 2]!, size, `tree ${i}`))
const ID_BYTES = 1 + 32 + 64 + 4

/** So few that their messages meet. */
const fewTreesArb = fc.array(fc.nat({ max: TREES.length - 1 }), { minLength: 1, maxLength: 3 })
const placeArb = fc.record({ tree: fc.nat({ max: TREES.length - 1 }), leaf: fc.nat() })
/** A change to a record that is right: mostly none. */
const changeArb = fc.oneof(
  { weight: 12, arbitrary: fc.constant(null) },
  {
    weight: 8,
    arbitrary: fc.record({
      what: fc.constantFrom(
        'path' as const,
        'header' as const,
        'index' as const,
        'swap' as const,
        'value' as const,
        'longer' as const,
        'shorter' as const,
        'count' as const,
      ),
      at: fc.nat(),
      to: fc.nat({ max: 255 }),
      other: placeArb,
    }),
  },
)
const recordArb = fc.record({ place: placeArb, change: changeArb })
type Place = typeof placeArb extends fc.Arbitrary<infer T> ? T : never
type Change = typeof changeArb extends fc.Arbitrary<infer T> ? T : never

function at({ tree, leaf }: Place): Signed {
  const records = TREES[tree]!
  return records[leaf % records.length]!
}

function apply({ value, header }: Signed, change: Change): Signed {
  if (change === null) return { value, header }
  const changed = Buffer.from(header)
  const other = at(change.other)
  switch (change.what) {
    case 'path': {
      // A whole node of the path put in place of another, or a byte of it changed.
      const nodes = (header.length - ID_BYTES - 4) / 32
      if (nodes === 0) return { value, header }
      const node = ID_BYTES + 4 + (change.at % nodes) * 32
      if (change.to % 2 === 0) changed[node + (change.to % 32)]! ^= 1
      else changed.copy(changed, node, ID_BYTES + 4, ID_BYTES + 36)
      return { value, header: changed }
    }
    case 'header':
      changed[change.at % changed.length] = change.to
      return { value, header: changed }
    case 'index':
      changed.writeUInt32BE(change.at % 300, ID_BYTES)
      return { value, header: changed }
    case 'count':
      changed.writeUInt32BE(change.at % 300, ID_BYTES - 4)
      return { value, header: changed }
    case 'swap':
      return { value: other.value, header }
    case 'value':
      return { value: Buffer.concat([value, Buffer.of(change.to)]), header }
    case 'longer':
      return { value, header: Buffer.concat([header, other.header.subarray(-32)]) }
    case 'shorter':
      return { value, header: header.subarray(0, change.at % header.length) }
  }
}

describe('the prover', () => {
  it.each([
    ['all trees kept', undefined],
    ['a few trees kept', 20_000],
    ['one tree kept', 1],
  ])('answers as one that keeps nothing: %s', (_, bytesMax) => {
    const prover = createProver(LOG_ID, bytesMax)
    fc.assert(
      fc.property(fewTreesArb, fc.array(recordArb, { minLength: 1, maxLength: 30 }), (trees, records) => {
        const fresh = createProver(LOG_ID, bytesMax)
        for (const { place, change } of records) {
          const record = apply(at({ ...place, tree: trees[place.tree % trees.length]! }), change)
          const expected = proveAlone(record)
          expect(prove(fresh, record)).toEqual(expected)
          expect(prove(prover, record)).toEqual(expected)
        }
      }),
      seeded(seed, 150),
    )
  })

  it('proves each leaf of a tree of any size, in any order, twice, and refuses each wrong node of each path', () => {
    fc.assert(
      fc.property(fc.nat({ max: TREES.length - 1 }), fc.infiniteStream(fc.nat()), (tree, numbers) => {
        const records = [...TREES[tree]!].sort(() => (numbers.next().value % 3) - 1)
        const prover = createProver(LOG_ID)
        const { signer } = proveAlone(records[0]!)
        for (const record of [...records, ...records]) {
          expect(prove(prover, record)).toEqual({ signer, detail: '' })
          const nodes = (record.header.length - ID_BYTES - 4) / 32
          if (nodes === 0) continue
          const wrong = Buffer.from(record.header)
          const number = numbers.next().value
          wrong[ID_BYTES + 4 + (number % (32 * nodes))]! ^= 1 << (number % 8)
          expect(prove(prover, { value: record.value, header: wrong }).signer).toBeNull()
        }
      }),
      seeded(seed, 30),
    )
  })

  it('refuses a message that was signed for another log', () => {
    const other = createProver('10112233-4455-6677-8899-aabbccddeeff')
    for (const record of TREES[6]!) expect(prove(other, record).signer).toBeNull()
  })

  it('gives the messages of a tree the same answer, and those of a signer the same text', () => {
    const prover = createProver(LOG_ID)
    const [first, second] = TREES[7]!.map((record) => prove(prover, record))
    expect(second).toBe(first)
    // Of the same key.
    expect(prove(prover, TREES[9]![0]!)).toBe(first)
    expect(prove(prover, TREES[8]![0]!)).not.toBe(first)
  })

  it('proves trees of Ethereum signatures', () => {
    const prover = createProver(LOG_ID)
    const key = keyOf('eip191')
    const records = signTree(key, 5)
    for (const record of [...records, ...records]) {
      expect(prove(prover, record)).toEqual({ signer: key.signer, detail: '' })
    }
    const wrong = Buffer.from(records[3]!.header)
    wrong[wrong.length - 1]! ^= 1
    expect(prove(prover, { value: records[3]!.value, header: wrong }).signer).toBeNull()
  })

  it('takes the greatest tree there is, though it is more than may be kept', () => {
    const values = Array.from({ length: 65_536 }, (_, i) => Buffer.from(`message ${i}`))
    const [key] = keys as [ReturnType<typeof keyOf>]
    const headers = createBatchSigner(key, LOG_ID, 65_536).sign(values)
    const prover = createProver(LOG_ID, 100_000)
    for (const [i, value] of values.entries()) {
      if (i % 1_000 > 40) continue
      expect(prove(prover, { value, header: headers[i]! }).signer).toBe(key.signer)
      if (i % 40 === 0) expect(prove(prover, TREES[4]![i % 3]!).signer).toBe(keys[0]!.signer)
    }
  })
})
