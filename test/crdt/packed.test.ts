// The packed fold against the fold of objects: the same rows, whatever the order, the sizes of values and how often its memory was used.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFold, type Fold, foldMutation } from '../../src/crdt/fold.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createPackedFold, unpackFold } from '../../src/crdt/packed/fold.ts'
import type { Branch, Shape } from '../../src/crdt/packed/shape.ts'
import { hashBytes } from '../../src/crdt/packed/siphash.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { textArb } from '../support/arbitrary.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/crdt/packed.test.ts')

// Few stamps that differ in each of their four words, with words above 2^31 among them.
const stamps = [1n, 2n, 1n << 31n, 1n << 32n, (1n << 62n) + 1n].flatMap((time) =>
  ['0000000000000001', '00000000ffffffff', 'ffffffff00000000'].map((origin) =>
    createStamp(time, origin as Origin),
  ),
)
const longs = [0n, 1n, -1n, 1n << 31n, 1n << 32n, -(1n << 32n), (1n << 63n) - 1n, -(1n << 63n)]
const textOfSizes = fc
  .tuple(
    fc.constantFrom('a', 'é', '\u{10000}', '\uffff'),
    fc.constantFrom(0, 1, 7, 8, 9, 63, 64, 65, 97, 200, 3_000),
  )
  .map(([unit, count]) => unit.repeat(count))
const valuesByBranch: Readonly<Record<Branch, fc.Arbitrary<Value>>> = {
  boolean: fc.constantFrom<Value>(null, true, false),
  long: fc.constantFrom<Value>(null, ...longs),
  double: fc.constantFrom<Value>(null, 0, 0.5, -0.5, 1e300, -5e-324),
  text: fc.oneof(fc.constant(null), textOfSizes, textArb),
  bytes: fc.oneof(fc.constant(null), fc.uint8Array({ maxLength: 200 }), fc.constant(Uint8Array.of(0))),
}
const columns = Object.keys(valuesByBranch).map((branch) => ({
  name: `c_${branch}`,
  branch: branch as Branch,
}))
const shapes: ReadonlyMap<string, Shape> = new Map([
  ['one', { dataset: 'one', keyTexts: 1, columns }],
  ['two', { dataset: 'two', keyTexts: 2, columns: columns.toReversed() }],
])

const keyTextArb = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('', 'a', 'b', 'ab', 'é', '\u{10000}') },
  { weight: 1, arbitrary: fc.nat({ max: 2_000 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(63), 'x'.repeat(64), 'y'.repeat(500)) },
)
const columnsArb = fc
  .record(
    {
      c_boolean: valuesByBranch.boolean,
      c_long: valuesByBranch.long,
      c_double: valuesByBranch.double,
      c_text: valuesByBranch.text,
      c_bytes: valuesByBranch.bytes,
    },
    { requiredKeys: [] },
  )
  .map((named) => new Map<string, Value>(Object.entries(named)))
const mutationArb: fc.Arbitrary<Mutation> = fc
  .record({
    stamp: fc.constantFrom(...stamps),
    seq: fc.constant(null),
    operation: fc.constantFrom('upsert' as const, 'update' as const, 'delete' as const),
    dataset: fc.constantFrom('one', 'two'),
    key: fc.tuple(keyTextArb, keyTextArb),
    columns: columnsArb,
  })
  .map((m) => ({
    ...m,
    key: m.key.slice(0, shapes.get(m.dataset)!.keyTexts),
    columns: m.operation === 'delete' ? new Map() : m.columns,
  }))

/** A form in which equal folds are equal: no order, bytes as text. */
function plain(fold: Fold): unknown {
  const rows = [...fold].flatMap(([dataset, rowsByKey]) =>
    [...rowsByKey].map(([text, row]) => ({
      id: `${dataset}/${text}`,
      key: row.key,
      alive: row.alive,
      dead: row.dead,
      cells: [...row.cells]
        .map(([name, { stamp, value }]) => [
          name,
          stamp,
          value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
        ])
        .sort(([a], [b]) => (a! < b! ? -1 : 1)),
    })),
  )
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1))
}

function referenceOf(mutations: readonly Mutation[]): Fold {
  const fold = createFold()
  for (const mutation of mutations) foldMutation(fold, mutation)
  return fold
}

describe('the packed fold', () => {
  it('M10: is the fold of objects, time and again in the same memory', () => {
    const fold = createPackedFold({ first: seed, second: ~seed })
    fc.assert(
      fc.property(fc.array(mutationArb, { maxLength: 120 }), (mutations) => {
        fold.reset(Number.POSITIVE_INFINITY)
        const reference = createFold()
        for (const mutation of mutations) {
          expect(fold.add(shapes.get(mutation.dataset)!, mutation)).toBe(foldMutation(reference, mutation))
        }
        expect(plain(unpackFold(fold))).toEqual(plain(reference))
      }),
      seeded(seed, 1_500),
    )
  })

  it('holds many rows: its memory grows, and is given back', () => {
    const fold = createPackedFold({ first: 1, second: 2 })
    const stamp = stamps[0]!
    const mutations = Array.from(
      { length: 30_000 },
      (_, i): Mutation => ({
        stamp,
        seq: null,
        operation: 'upsert',
        dataset: 'one',
        key: [`row ${i % 20_000}`],
        columns: new Map([['c_long', BigInt(i)]]),
      }),
    )
    for (const mutation of mutations) fold.add(shapes.get('one')!, mutation)
    expect(fold.tables.get('one')!.size).toBe(20_000)
    expect(plain(unpackFold(fold))).toEqual(plain(referenceOf(mutations)))
    const held = fold.size()
    expect(held).toBeGreaterThan(20_000 * 100)
    fold.reset(1 << 20)
    expect(fold.arena.capacity).toBeLessThan(held)
    expect(unpackFold(fold).size).toBe(0)
  })

  it('a row that is written again and again stays where it is', () => {
    const fold = createPackedFold({ first: 1, second: 2 })
    const write = (i: bigint) =>
      fold.add(shapes.get('one')!, {
        stamp: createStamp(i + 1n, 'a'.repeat(16) as Origin),
        seq: null,
        operation: 'upsert',
        dataset: 'one',
        key: ['k'],
        columns: new Map<string, Value>([
          ['c_long', i],
          ['c_text', 'x'.repeat(Number(i % 40n))],
        ]),
      })
    for (let i = 0n; i < 100n; i++) write(i)
    const held = fold.size()
    for (let i = 100n; i < 10_000n; i++) write(i)
    expect(fold.size()).toBe(held)
  })

  it('hashes keys by its seed, and every byte counts', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.nat({ max: 7 }),
        (bytes, at, bit) => {
          const seeds = [
            { first: 1, second: 2 },
            { first: 1, second: 3 },
          ]
          const [one, other] = seeds.map((s) => hashBytes(bytes, 0, bytes.length, s))
          expect(hashBytes(bytes, 0, bytes.length, seeds[0]!)).toBe(one)
          const changed = Uint8Array.from(bytes)
          changed[at % bytes.length]! ^= 1 << bit
          // One pair in 2^32 may be equal: not both.
          expect([other, hashBytes(changed, 0, bytes.length, seeds[0]!)]).not.toEqual([one, one])
        },
      ),
      seeded(seed, 500),
    )
  })
})
