// Contract of stores: who has signed what is merged, by origin: a set that only grows, and that readers may ask for.

import { describe, expect, it } from 'vitest'
import type { Signer } from '../../src/codec/signing/signer-key.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Authorship, Store } from '../../src/store/store.ts'
import type { StoreSubject } from './store.ts'
import {
  batchOf,
  catalogueOf,
  datasetOf,
  definitionStep,
  foldOf,
  LOG,
  loadState,
  mutationOf,
  parkedOf,
  prepare,
  rowsOf,
  signerOf,
} from './store-fixture.ts'

const TRACKS = datasetOf('tracks', { columns: { title: 'string', plays: 'long' } })
const ASKED = { signers: true } as const
/** Signed numbers begin in the middle. */
const ORIGINS = ['0000000000000000', '7fffffffffffffff', '8000000000000000', 'ffffffffffffffff'] as Origin[]
const [A, B, C, D] = ORIGINS as [Origin, Origin, Origin, Origin]

const written = (mutation: Mutation, time: number, origin: Origin): Mutation => ({
  ...mutation,
  stamp: createStamp(BigInt(time), origin),
})
const upsert = (key: string, time: number, origin: Origin, columns: Parameters<typeof mutationOf>[4] = {}) =>
  written(mutationOf('upsert', 'tracks', key, 1, columns), time, origin)
const by = (origin: Origin, ...signers: readonly Signer[]): Authorship[] =>
  signers.map((signer) => ({ origin, signer }))

export function signerContract(subject: StoreSubject): void {
  describe('signers', () => {
    /** What is known of the row with this key, by origin. */
    const signersOf = async (key: string): Promise<Readonly<Record<string, readonly Signer[]>>> => {
      const [row] = await subject.rows('tracks', { type: 'keys', keys: [[key]] }, ASKED)
      return Object.fromEntries(row!.signers!)
    }
    /** One row of a stamp of each origin, so that all that is known can be seen. */
    const fill = async (store: Store, authors: readonly Authorship[] = []): Promise<void> => {
      await prepare(store, TRACKS)
      const batch = batchOf(
        [
          upsert('t', 2, A, { title: 'Blue' }),
          written(mutationOf('update', 'tracks', 't', 1, { plays: 1n }), 3, B),
          written(mutationOf('delete', 'tracks', 't', 1), 1, C),
          upsert('u', 1, D),
        ],
        { authors },
      )
      expect(await store.commit(batch)).toEqual({ type: 'committed' })
    }

    it('come beside the stamps of a row, whichever they are of, and only where they are asked for', async () => {
      const authors = [...by(A, signerOf(1)), ...by(B, null), ...by(C, signerOf(1, 'eip191'))]
      await fill(subject.store(), authors)
      const expected = { [A]: [signerOf(1)], [B]: [null], [C]: [signerOf(1, 'eip191')] }
      expect(await signersOf('t')).toEqual(expected)
      expect(await signersOf('u')).toEqual({})
      for (const selection of [undefined, { type: 'page', after: null, limit: 5 }] as const) {
        const rows = await subject.rows('tracks', selection, ASKED)
        expect(rows.map(({ signers }) => Object.fromEntries(signers!))).toEqual([expected, {}])
        const plain = await subject.rows('tracks', selection)
        expect(plain.some((row) => 'signers' in row)).toBe(false)
        expect(rows.map(({ signers: _, ...row }) => row)).toEqual(plain)
      }
    })

    it('in an open log nothing is known', async () => {
      await fill(subject.store())
      const rows = await subject.rows('tracks', undefined, ASKED)
      expect(rows.map(({ signers }) => signers)).toEqual([new Map(), new Map()])
    })

    it('unite, nobody first, and the same again changes nothing', async () => {
      const store = subject.store()
      await fill(store, [...by(A, signerOf(2)), ...by(B, signerOf(2))])
      const more = [...by(A, signerOf(1, 'eip191'), null, signerOf(1)), ...by(B, signerOf(2))]
      const expected = { [A]: [null, signerOf(1), signerOf(2), signerOf(1, 'eip191')], [B]: [signerOf(2)] }
      for (const authors of [more, more, [...more, ...more], more.toReversed(), []]) {
        const { positions } = await loadState(store)
        const batch = batchOf([], { from: positions.get(0)!, step: { next: 99n }, authors })
        expect(await store.commit(batch)).toEqual({ type: 'committed' })
        expect(await signersOf('t')).toEqual(expected)
      }
    })

    it('come with messages that are judged again', async () => {
      const store = subject.store()
      const authors = by(A, signerOf(1))
      await fill(store, authors)
      const pointer = { partition: 0, offset: 9n }
      const parked = [parkedOf(pointer, 'tracks', 'late')]
      await store.commit(batchOf([], { from: 4n, parked }))
      const late = datasetOf('tracks', {
        columns: { title: 'string', plays: 'long', late: 'long' },
        changedAt: 2n,
      })
      await store.define(definitionStep(1n, catalogueOf(2n, late)))
      const rejudgement = {
        identity: LOG,
        catalogueOffset: 2n,
        taken: [pointer],
        rows: foldOf([upsert('v', 1, D, { late: 1n })]),
        parked: [],
        authors: [...by(D, signerOf(7)), ...by(A, null)],
      }
      expect(await store.rejudge(rejudgement)).toEqual({ type: 'committed' })
      expect(await signersOf('v')).toEqual({ [D]: [signerOf(7)] })
      expect((await signersOf('t'))[A]).toEqual([null, signerOf(1)])
      const again = { ...rejudgement, authors: by(D, signerOf(8)) }
      expect(await store.rejudge(again)).toEqual({ type: 'stale', what: 'parked' })
      expect(await signersOf('u')).toEqual({ [D]: [signerOf(7)] })
    })

    it('a batch that is stale, or that is a bug, leaves none', async () => {
      const store = subject.store()
      await fill(store, by(A, signerOf(1)))
      const before = await subject.whole()
      const authors = [...by(A, signerOf(2), null), ...by(D, signerOf(1))]
      expect((await store.commit(batchOf([], { from: 3n, authors }))).type).toBe('stale')
      expect((await store.commit(batchOf([], { from: 4n, at: 0n, authors }))).type).toBe('stale')
      const row = [mutationOf('upsert', 'tracks', 'w', 9)]
      expect((await store.commit(batchOf(row, { from: 3n, authors }))).type).toBe('stale')
      await expect(store.commit(batchOf([], { from: 4n, authors, step: { consumed: 2 } }))).rejects.toThrow()
      const unknown = [mutationOf('upsert', 'nothing', 'a', 1)]
      await expect(store.commit(batchOf(unknown, { from: 4n, authors }))).rejects.toThrow()
      expect(await subject.whole()).toEqual(before)
    })

    it('stay when the state moves to a copy, and are of one set with what the copy brings', async () => {
      const store = subject.store()
      await fill(store, by(A, signerOf(1)))
      const copy = { ...LOG, copyId: '0a1b2c3d-0000-4000-8000-0000000000c2', generation: 2 }
      await store.load(copy)
      expect(await signersOf('t')).toEqual({ [A]: [signerOf(1)] })
      const authors = [...by(A, signerOf(1)), ...by(B, signerOf(2))]
      await store.commit(batchOf([], { identity: copy, at: 0n, authors }))
      expect(await signersOf('t')).toEqual({ [A]: [signerOf(1)], [B]: [signerOf(2)] })
    })

    it('a reader sees those of its moment', async () => {
      const store = subject.store()
      await fill(store, by(A, signerOf(1)))
      const reader = await subject.reader()
      await store.commit(batchOf([], { from: 4n, authors: [...by(A, null), ...by(D, signerOf(3))] }))
      const rows = await rowsOf(reader, 'tracks', undefined, ASKED)
      expect(rows.map(({ signers }) => Object.fromEntries(signers!))).toEqual([{ [A]: [signerOf(1)] }, {}])
      await reader.close()
      expect(await signersOf('u')).toEqual({ [D]: [signerOf(3)] })
    })

    it('an import, whose every message has an origin of its own, and as many signers as origins', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      // More than a statement writes, and than a page reads; about every second origin is negative as a number.
      const numbers = Array.from({ length: 9_000 }, (_, i) => i)
      const originOf = (i: number) =>
        ((i * 0x9e3779b1) % 2 ** 32).toString(16).padStart(8, '0').repeat(2) as Origin
      const keyOf = (i: number) => String(i).padStart(4, '0')
      const mutations = numbers.map((i) => upsert(keyOf(i), 1, originOf(i)))
      const authors = numbers.flatMap((i) => by(originOf(i), signerOf(10_000 - i)))
      const crowd = numbers.flatMap((i) => by(originOf(0), signerOf(i, 'eip191'), null))
      await store.commit(batchOf(mutations, { authors: [...crowd, ...authors] }))
      const rows = await subject.rows('tracks', undefined, ASKED)
      expect(rows.length).toBe(9_000)
      const all = rows.map(({ signers }) => signers!)
      expect([...all[0]!.values()]).toEqual([
        [null, signerOf(10_000), ...numbers.map((i) => signerOf(i, 'eip191'))],
      ])
      const one = numbers.map((i) => [originOf(i), [signerOf(10_000 - i)]] as const)
      expect(all.slice(1).map((signers) => [...signers][0])).toEqual(one.slice(1))
    })

    it('workers that bring the same ones at once, in any order, all write', async () => {
      await prepare(subject.store(), TRACKS)
      const random = (i: number, salt: number) => (i * 7_919 + salt * 104_729) % 1_009
      for (let round = 0; round < 6; round++) {
        const authors = Array.from({ length: 3_000 }, (_, i) => ({
          origin: (BigInt(i % 1_500) * 0x01_0000_0000_0001n + BigInt(round) * 0x1000_0000_0000_0000n)
            .toString(16)
            .padStart(16, '0') as Origin,
          signer: i % 10 === 0 ? null : signerOf(i % 300, i % 2 === 0 ? 'ed25519' : 'eip191'),
        }))
        const batches = [0, 1, 2, 3].map((partition) => {
          const shuffled = authors
            .map((author, i) => ({ author, place: random(i, partition + round) }))
            .sort((a, b) => a.place - b.place)
            .map(({ author }) => author)
          const from = BigInt(round)
          return batchOf([], { partition, from, step: { next: from + 1n }, authors: shuffled })
        })
        const results = await Promise.all(batches.map((batch) => subject.store().commit(batch)))
        expect(results).toEqual(results.map(() => ({ type: 'committed' })))
      }
    })
  })
}
