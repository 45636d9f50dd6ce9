// Contract of stores: rows become what crdt/ says, whatever the batches.

import { describe, expect, it } from 'vitest'
import type { ColumnType } from '../../src/codec/catalogue.ts'
import { createFold, foldMutation } from '../../src/crdt/fold.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import type { Value } from '../../src/crdt/value.ts'
import type { StoreSubject } from './store.ts'
import { ALL_TYPES, batchOf, datasetOf, mutationOf, prepare } from './store-fixture.ts'

const TRACKS = datasetOf('tracks', { columns: { title: 'string', plays: 'long' }, required: ['title'] })

/** Two values of each type, the greater one last; as SQL orders them it would often be the other way round. */
const PAIRS: Readonly<Record<ColumnType, readonly [Value, Value]>> = {
  boolean: [false, true],
  long: [5n, -1n],
  double: [2, -3],
  string: ['\uffff', '\u{10000}'],
  bytes: [Uint8Array.of(0x7f), Uint8Array.of(0x80)],
  uuid: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  decimal: ['10', '9'],
  date: ['0001-01-01', '9999-12-31'],
  timestamp: ['0001-01-01T00:00:00.000000Z', '9999-12-31T23:59:59.999999Z'],
  json: ['[1,2]', '{"a":0}'],
}

export function mergeContract(subject: StoreSubject): void {
  describe('merge', () => {
    /** Commits each group as one batch and expects what a fold of all gives. */
    const expectFold = async (...groups: readonly (readonly Mutation[])[]): Promise<void> => {
      const store = subject.store()
      await prepare(store, TRACKS)
      let from = 0n
      for (const group of groups) {
        expect(await store.commit(batchOf(group, { from }))).toEqual({ type: 'committed' })
        from += BigInt(group.length)
      }
      const model = createFold()
      for (const mutation of groups.flat()) foldMutation(model, mutation)
      const expected = [...(model.get('tracks')?.values() ?? [])]
      expect(await subject.rows('tracks')).toEqual(expected)
    }

    it('a cell takes the greatest stamp, and an absent column is left alone', () =>
      expectFold(
        [mutationOf('upsert', 'tracks', 'a', 2, { title: 'two', plays: 2n })],
        [mutationOf('update', 'tracks', 'a', 1, { title: 'one' })],
        [mutationOf('update', 'tracks', 'a', 3, { plays: 3n })],
      ))

    it('null is a value', () =>
      expectFold(
        [mutationOf('upsert', 'tracks', 'a', 1, { title: 'one', plays: null })],
        [mutationOf('update', 'tracks', 'a', 2, { title: null })],
        [mutationOf('upsert', 'tracks', 'b', 3, {})],
      ))

    it('a stamp rises also where the value is the same', () =>
      expectFold(
        [mutationOf('upsert', 'tracks', 'a', 1, { plays: 1n })],
        [mutationOf('update', 'tracks', 'a', 2, { plays: 1n })],
      ))

    it('an update before the upsert is cells of a row that does not exist', () =>
      expectFold(
        [mutationOf('update', 'tracks', 'a', 2, { title: 'two' })],
        [mutationOf('upsert', 'tracks', 'a', 1, { plays: 1n })],
      ))

    it('a delete clears every column that it is newer than, named in the batch or not', () =>
      expectFold(
        [
          mutationOf('upsert', 'tracks', 'a', 1, { title: 'one', plays: 1n }),
          mutationOf('upsert', 'tracks', 'b', 1, { title: 'one', plays: 1n }),
        ],
        [mutationOf('update', 'tracks', 'a', 5, { plays: 5n })],
        [mutationOf('delete', 'tracks', 'a', 4), mutationOf('update', 'tracks', 'b', 2, { title: 'two' })],
        [mutationOf('update', 'tracks', 'a', 3, { title: 'late' })],
      ))

    it('a row is resurrected without its old cells', () =>
      expectFold(
        [mutationOf('delete', 'tracks', 'a', 5)],
        [mutationOf('upsert', 'tracks', 'a', 4, { title: 'old', plays: 4n })],
        [mutationOf('upsert', 'tracks', 'a', 6, { plays: 6n })],
      ))

    it('equal stamps of an upsert and a delete: the row does not exist', async () => {
      await expectFold(
        [mutationOf('upsert', 'tracks', 'a', 5, { title: 'five' })],
        [mutationOf('delete', 'tracks', 'a', 5)],
      )
      expect((await subject.status()).rows).toEqual([
        { dataset: 'tracks', visible: 0n, incomplete: 0n, absent: 1n },
      ])
    })

    it('counts rows that are visible, incomplete and absent', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      const batch = batchOf([
        mutationOf('upsert', 'tracks', 'complete', 1, { title: 'x' }),
        mutationOf('upsert', 'tracks', 'null', 1, { title: null }),
        mutationOf('upsert', 'tracks', 'bare', 1),
        mutationOf('update', 'tracks', 'cells', 1, { title: 'x' }),
        mutationOf('delete', 'tracks', 'dead', 1),
      ])
      await store.commit(batch)
      expect((await subject.status()).rows).toEqual([
        { dataset: 'tracks', visible: 1n, incomplete: 2n, absent: 2n },
      ])
    })

    it('equal stamps: the greater value wins, of every type, in either order, also over null', async () => {
      const store = subject.store()
      const columns = Object.fromEntries(ALL_TYPES.map((type) => [`a_${type}`, type]))
      await prepare(store, datasetOf('ties', { key: { n: 'long', id: 'uuid' }, columns }))
      const idOf = (n: number): string => `00000000-0000-0000-0000-00000000000${n}`
      const write = async (n: number, from: bigint, pick: (pair: readonly [Value, Value]) => Value) => {
        const cells = Object.fromEntries(ALL_TYPES.map((type) => [`a_${type}`, pick(PAIRS[type])]))
        const mutation = mutationOf('upsert', 'ties', [String(n), idOf(n)], 9, cells)
        expect(await store.commit(batchOf([mutation], { partition: n, from }))).toEqual({ type: 'committed' })
      }
      await write(1, 0n, ([lesser]) => lesser)
      await write(1, 1n, ([, greater]) => greater)
      await write(2, 0n, ([, greater]) => greater)
      await write(2, 1n, ([lesser]) => lesser)
      await write(3, 0n, () => null)
      await write(3, 1n, ([, greater]) => greater)
      await write(4, 0n, ([, greater]) => greater)
      await write(4, 1n, () => null)
      await write(4, 2n, ([, greater]) => greater)
      const rows = await subject.rows('ties')
      expect(rows.map(({ key }) => key)).toEqual([1, 2, 3, 4].map((n) => [String(n), idOf(n)]))
      for (const row of rows) {
        expect(new Map([...row.cells].map(([name, { value }]) => [name, value]))).toEqual(
          new Map(ALL_TYPES.map((type) => [`a_${type}`, PAIRS[type][1]])),
        )
      }
    })
  })
}
