// The merge and the fold: the invariants M1 to M9 of src/crdt/SPEC.md.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFold, type Fold, foldMutation, mergeFold } from '../../src/crdt/fold.ts'
import { createRow, mergeMutation, rowExists } from '../../src/crdt/merge.ts'
import { keyToText, type Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin, type Stamp } from '../../src/crdt/stamp.ts'
import { compareValues, type Value } from '../../src/crdt/value.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/crdt/merge.test.ts')

// Few stamps, few rows, few columns: equal ones must meet, or the hard cases are never tried.
const stamps = [1n, 2n, 3n, 4n].flatMap((time) =>
  ['a', 'b'].map((o) => createStamp(time, o.repeat(16) as Origin)),
)
const values: readonly Value[] = [null, false, true, 0n, 1n, -1n, 0.5, -0.5, '', 'x', '\ufffd', '\u{10000}']
const bytes = [new Uint8Array(), new Uint8Array([0]), new Uint8Array([255])]
const columnsArb = fc
  .dictionary(fc.constantFrom('p', 'q', 'r'), fc.constantFrom<Value>(...values, ...bytes), { maxKeys: 3 })
  .map((columns) => new Map(Object.entries(columns)))
const mutationArb: fc.Arbitrary<Mutation> = fc
  .record({
    stamp: fc.constantFrom(...stamps),
    seq: fc.constant(null),
    operation: fc.constantFrom('upsert' as const, 'update' as const, 'delete' as const),
    dataset: fc.constantFrom('d', 'e'),
    key: fc.constantFrom(['1'], ['2'], ['1', '2']),
    columns: columnsArb,
  })
  .map((m) => (m.operation === 'delete' ? { ...m, columns: new Map() } : m))
const setArb = fc.array(mutationArb, { maxLength: 30 })

function foldOf(mutations: readonly Mutation[]): Fold {
  const fold = createFold()
  for (const mutation of mutations) foldMutation(fold, mutation)
  return fold
}

/** A form in which equal states are equal: no empty datasets, no order. */
function plain(fold: Fold): unknown {
  const rows = [...fold].flatMap(([dataset, rowsByKey]) =>
    [...rowsByKey].map(([text, row]) => ({
      id: `${dataset}/${text}`,
      key: row.key,
      alive: row.alive,
      dead: row.dead,
      cells: [...row.cells].sort(([a], [b]) => (a < b ? -1 : 1)),
    })),
  )
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1))
}

function shuffled<T>(items: readonly T[], order: readonly number[]): T[] {
  return items
    .map((item, i) => ({ item, rank: order[i % Math.max(order.length, 1)] ?? 0, i }))
    .sort((a, b) => a.rank - b.rank || b.i - a.i)
    .map(({ item }) => item)
}

const check = <T extends unknown[]>(
  runs: number,
  arbs: { [K in keyof T]: fc.Arbitrary<T[K]> },
  test: (...args: T) => void,
) =>
  fc.assert(
    fc.property(...(arbs as [fc.Arbitrary<unknown>]), test as unknown as (x: unknown) => void),
    seeded(seed, runs),
  )

describe('the merge', () => {
  it('M1: is commutative', () => {
    check(3_000, [setArb, fc.array(fc.nat(), { maxLength: 30 })], (set: Mutation[], order: number[]) => {
      expect(plain(foldOf(shuffled(set, order)))).toEqual(plain(foldOf(set)))
    })
  })

  it('M2: is associative under any cut and grouping', () => {
    check(
      3_000,
      [setArb, fc.array(fc.nat({ max: 4 }), { maxLength: 30 })],
      (set: Mutation[], parts: number[]) => {
        const cut = [0, 1, 2, 3, 4].map((part) => set.filter((_, i) => (parts[i] ?? 0) === part))
        const left = createFold()
        for (const part of cut) mergeFold(left, foldOf(part))
        const right = createFold()
        const tail = createFold()
        for (const part of cut.slice(2).reverse()) mergeFold(tail, foldOf(part))
        mergeFold(right, tail)
        mergeFold(right, foldOf([...cut[1]!, ...cut[0]!]))
        expect(plain(left)).toEqual(plain(foldOf(set)))
        expect(plain(right)).toEqual(plain(foldOf(set)))
      },
    )
  })

  it('M3: is idempotent', () => {
    check(2_000, [setArb, fc.nat()], (set: Mutation[], pick: number) => {
      const fold = foldOf(set)
      const before = plain(foldOf(set))
      if (set.length > 0) foldMutation(fold, set[pick % set.length]!)
      expect(plain(fold)).toEqual(before)
      mergeFold(fold, foldOf(set.slice(pick % (set.length + 1))))
      expect(plain(fold)).toEqual(before)
      mergeFold(fold, foldOf(set))
      expect(plain(fold)).toEqual(before)
    })
  })

  it('M9, M4, M5, M6, M7: is what the whole set says at once', () => {
    check(3_000, [setArb], (set: Mutation[]) => {
      expect(plain(foldOf(set))).toEqual(stateOf(set))
    })
  })

  it('M4: equal stamps: the greater value, whichever comes first', () => {
    const one = row(['upsert', 1n, { p: 'a' }], ['upsert', 1n, { p: 'b' }])
    const other = row(['upsert', 1n, { p: 'b' }], ['upsert', 1n, { p: 'a' }])
    expect(one.cells.get('p')?.value).toBe('b')
    expect(other.cells.get('p')?.value).toBe('b')
    expect(row(['upsert', 1n, { p: null }], ['upsert', 1n, { p: false }]).cells.get('p')?.value).toBe(false)
  })

  it('M5: update raises nothing; upsert and delete with one stamp: the row does not exist', () => {
    expect(rowExists(row(['update', 5n, { p: 'a' }]))).toBe(false)
    expect(rowExists(row(['upsert', 5n, {}]))).toBe(true)
    expect(rowExists(row(['upsert', 5n, {}], ['delete', 5n, {}]))).toBe(false)
    expect(rowExists(row(['delete', 4n, {}], ['upsert', 5n, {}]))).toBe(true)
  })

  it('M6: what a delete covered never comes back', () => {
    const revived = row(
      ['upsert', 1n, { p: 'old' }],
      ['delete', 2n, {}],
      ['upsert', 3n, { q: 'new' }],
      ['update', 2n, { p: 'late' }],
    )
    expect([...revived.cells.keys()]).toEqual(['q'])
    expect(rowExists(revived)).toBe(true)
  })

  it('M7: null is a value, absent is not', () => {
    const cells = row(['upsert', 1n, { p: 'a', q: 'a' }], ['update', 2n, { p: null }]).cells
    expect(cells.get('p')?.value).toBe(null)
    expect(cells.get('q')?.value).toBe('a')
    expect(row(['update', 2n, { p: null }], ['upsert', 1n, { p: 'a' }]).cells.get('p')?.value).toBe(null)
  })

  it('M8: an update before its upsert waits as cells', () => {
    const early = row(['update', 2n, { p: 'a' }])
    expect(rowExists(early)).toBe(false)
    const both = row(['update', 2n, { p: 'a' }], ['upsert', 1n, { p: 'b', q: 'c' }])
    expect(rowExists(both)).toBe(true)
    expect(both.cells.get('p')?.value).toBe('a')
    expect(both.cells.get('q')?.value).toBe('c')
  })
})

function row(...steps: [Mutation['operation'], bigint, Record<string, Value>][]) {
  const result = createRow()
  for (const [operation, time, columns] of steps) {
    mergeMutation(result, {
      stamp: createStamp(time, 'a'.repeat(16) as Origin),
      seq: null,
      operation,
      dataset: 'd',
      key: ['1'],
      columns: new Map(Object.entries(columns)),
    })
  }
  return result
}

/** The state by its definition: maxima over the whole set, without fold or merge. */
function stateOf(set: readonly Mutation[]): unknown {
  const ids = [...new Set(set.map((m) => `${m.dataset}/${keyToText(m.key)}`))].sort()
  return ids.map((id) => {
    const mine = set.filter((m) => `${m.dataset}/${keyToText(m.key)}` === id)
    const dead = greatest(mine, 'delete')
    const writes = mine.flatMap((m) =>
      [...m.columns].map(([column, value]) => ({ column, stamp: m.stamp, value })),
    )
    const columns = [...new Set(writes.map((w) => w.column))].sort()
    const cells = columns.flatMap((column) => {
      const live = writes.filter((w) => w.column === column && (dead === null || w.stamp > dead))
      const winner = live
        .sort((a, b) => (a.stamp === b.stamp ? compareValues(a.value, b.value) : a.stamp < b.stamp ? -1 : 1))
        .at(-1)
      return winner === undefined ? [] : [[column, { stamp: winner.stamp, value: winner.value }]]
    })
    return { id, key: mine[0]!.key, alive: greatest(mine, 'upsert'), dead, cells }
  })
}

function greatest(set: readonly Mutation[], operation: Mutation['operation']): Stamp | null {
  return (
    set
      .filter((m) => m.operation === operation)
      .map((m) => m.stamp)
      .sort()
      .at(-1) ?? null
  )
}
