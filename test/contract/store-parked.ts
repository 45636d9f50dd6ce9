// Contract of stores: parked messages are judged again, each by one worker, and nothing is forgotten between.

import { describe, expect, it } from 'vitest'
import type { Dataset } from '../../src/codec/catalogue.ts'
import type { Pointer } from '../../src/codec/record.ts'
import { unpackFold } from '../../src/crdt/packed/fold.ts'
import type { Rejudgement, Store } from '../../src/store/store.ts'
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
  pendingOf,
  prepare,
} from './store-fixture.ts'

const TRACKS = datasetOf('tracks', { columns: { title: 'string' } })
const WIDER = datasetOf('tracks', { columns: { title: 'string', plays: 'long' }, changedAt: 2n })

export function parkedContract(subject: StoreSubject): void {
  describe('parked', () => {
    const at = (offset: bigint, partition = 0): Pointer => ({ partition, offset })
    const rejudgement = (taken: readonly Pointer[], more: Partial<Rejudgement> = {}): Rejudgement => ({
      identity: LOG,
      catalogueOffset: 2n,
      taken,
      rows: foldOf([]),
      parked: [],
      authors: [],
      ...more,
    })
    /** Three messages parked at D = 1, one of them of a dataset that is still unknown; then D = 2 widens tracks. */
    const parkThree = async (store: Store): Promise<void> => {
      await prepare(store, TRACKS)
      const parked = [
        parkedOf(at(0n), 'tracks', 'plays'),
        parkedOf(at(1n), 'albums', '', 'unknown-dataset'),
        parkedOf(at(2n), 'tracks', 'plays'),
      ]
      await store.commit(batchOf([], { parked }))
      const more = [parkedOf(at(0n, 5), 'tracks', 'plays')]
      await store.commit(batchOf([], { partition: 5, parked: more }))
      expect(await store.parkedToJudge(null, 10)).toEqual([])
      await store.define(definitionStep(1n, catalogueOf(2n, WIDER)))
    }

    it('a definition makes those of its dataset pending, in order, and the state is not at D until they are judged', async () => {
      const store = subject.store()
      await parkThree(store)
      expect((await loadState(store)).rejudgedTo).toBe(1n)
      const [first, second, third] = [at(0n), at(2n), at(0n, 5)].map((pointer) =>
        pendingOf(pointer, 'tracks', 'plays'),
      )
      expect(await store.parkedToJudge(null, 2)).toEqual([first, second])
      expect(await store.parkedToJudge(null, 10)).toEqual([first, second, third])
      expect(await store.parkedToJudge(first!, 1)).toEqual([second])
      expect(await store.parkedToJudge(second!, 10)).toEqual([third])
      expect(await store.parkedToJudge(third!, 10)).toEqual([])
      // Nothing behind the last is not nothing at all.
      expect((await loadState(store)).rejudgedTo).toBe(1n)
    })

    it('a definition makes pending just those that wait for what it brings', async () => {
      const store = subject.store()
      const symbols = (...names: string[]) => new Set(names)
      const mood = (has: ReadonlySet<string> | null) =>
        new Map([['mood', { name: 'mood', type: 'string', symbols: has, required: false } as const]])
      const narrow = { ...datasetOf('tracks'), columns: mood(symbols('LOW')), fieldNames: ['id', 'mood'] }
      await prepare(store, narrow)
      const parked = [
        parkedOf(at(0n), 'tracks', 'plays'),
        parkedOf(at(1n), 'tracks', 'mood', 'unknown-symbol'),
        parkedOf(at(2n), 'tracks', null, 'wrong-value'),
        parkedOf(at(3n), 'tracks', 'other'),
        parkedOf(at(4n), 'albums', '', 'unknown-dataset'),
        parkedOf(at(5n), 'tracks', ''),
      ]
      await store.commit(batchOf([], { parked }))
      const later = async (from: bigint, ...datasets: Dataset[]) => {
        await store.define(definitionStep(from, catalogueOf(from + 1n, ...datasets)))
        return (await store.parkedToJudge(null, 10)).map(({ offset }) => offset)
      }
      const changed = { ...narrow, changedAt: 2n }
      expect(await later(1n, { ...changed, columns: mood(symbols('LOW', 'MID')) })).toEqual([1n])
      const plain = { ...changed, changedAt: 3n, columns: mood(null) }
      expect(await later(2n, plain, datasetOf('albums', { changedAt: 3n }))).toEqual([4n, 1n])
      const wider = datasetOf('tracks', { columns: { mood: 'string', plays: 'long' }, changedAt: 4n })
      expect(await later(3n, wider, datasetOf('albums', { changedAt: 3n }))).toEqual([4n, 1n, 0n])
      expect((await loadState(store)).rejudgedTo).toBe(1n)
    })

    it('a message judged again waits for the next definition', async () => {
      const store = subject.store()
      await parkThree(store)
      const again = [at(0n), at(2n), at(0n, 5)].map((pointer) => parkedOf(pointer, 'tracks', 'mood'))
      await store.rejudge(rejudgement([at(0n), at(2n), at(0n, 5)], { parked: again }))
      expect(await store.parkedToJudge(null, 10)).toEqual([])
      const columns = { title: 'string', plays: 'long', mood: 'string' } as const
      const widest = datasetOf('tracks', { columns, changedAt: 3n })
      await store.define(definitionStep(2n, catalogueOf(3n, widest)))
      expect(await store.parkedToJudge(null, 1)).toEqual([pendingOf(at(0n), 'tracks', 'mood', 2n)])
    })

    it('judged again they are merged or parked anew, with the counts', async () => {
      const store = subject.store()
      await parkThree(store)
      const rows = foldOf([mutationOf('upsert', 'tracks', 'a', 1, { plays: 1n })])
      const step = rejudgement([at(0n), at(2n), at(0n, 5)], {
        rows,
        parked: [
          parkedOf(at(2n), 'tracks', null, 'bad-value'),
          parkedOf(at(0n, 5), 'tracks', null, 'bad-value'),
        ],
      })
      expect(await store.rejudge(step)).toEqual({ type: 'committed' })
      const { counts, reasons } = await subject.status()
      expect(counts).toMatchObject([
        { partition: 0, consumed: 3n, merged: 1n, parked: 2n, quarantined: 0n },
        { partition: 5, consumed: 1n, merged: 0n, parked: 1n, quarantined: 0n },
      ])
      expect(reasons).toEqual([
        { kind: 'parked', reason: 'bad-value', count: 2n },
        { kind: 'parked', reason: 'unknown-dataset', count: 1n },
      ])
      expect(await subject.rows('tracks')).toEqual([...unpackFold(rows).get('tracks')!.values()])
      expect(await store.parkedToJudge(null, 10)).toEqual([])
      expect((await loadState(store)).rejudgedTo).toBe(2n)
    })

    it('a definition that concerns no parked message leaves the state at D', async () => {
      const store = subject.store()
      await parkThree(store)
      await store.rejudge(rejudgement([at(0n), at(2n), at(0n, 5)]))
      await store.parkedToJudge(null, 10)
      await store.define(definitionStep(2n, catalogueOf(3n, WIDER, datasetOf('other', { changedAt: 3n }))))
      expect((await loadState(store)).rejudgedTo).toBe(3n)
    })

    it('pointers that are not there any more, and other definitions, are stale and write nothing', async () => {
      const store = subject.store()
      await parkThree(store)
      await store.rejudge(rejudgement([at(2n)]))
      const before = await subject.whole()
      const rows = foldOf([mutationOf('upsert', 'tracks', 'a', 1)])
      expect(await store.rejudge(rejudgement([at(0n), at(2n)], { rows }))).toEqual({
        type: 'stale',
        what: 'parked',
      })
      expect(await store.rejudge(rejudgement([at(0n)], { rows, catalogueOffset: 1n }))).toEqual({
        type: 'stale',
        what: 'definitions',
      })
      expect(await subject.whole()).toEqual(before)
    })

    it('of two workers that judge the same messages again, one writes', async () => {
      await parkThree(subject.store())
      const chunks = [
        [at(0n), at(2n), at(0n, 5)],
        [at(0n, 5), at(2n), at(0n)],
      ]
      const results = await Promise.all(chunks.map((taken) => subject.store().rejudge(rejudgement(taken))))
      expect(results.map(({ type }) => type).sort()).toEqual(['committed', 'stale'])
      expect((await subject.status()).counts).toMatchObject([
        { partition: 0, merged: 2n, parked: 1n },
        { partition: 5, merged: 1n, parked: 0n },
      ])
    })

    it('batches and rejudgements of two workers at once lose nothing', async () => {
      const [one, other] = [subject.store(), subject.store()]
      await parkThree(one)
      const results = await Promise.all([
        one.rejudge(rejudgement([at(0n)], { rows: foldOf([mutationOf('upsert', 'tracks', 'a', 1)]) })),
        other.rejudge(rejudgement([at(2n)], { rows: foldOf([mutationOf('upsert', 'tracks', 'a', 2)]) })),
        one.commit(batchOf([mutationOf('upsert', 'tracks', 'a', 3)], { at: 2n, from: 3n })),
        other.commit(batchOf([mutationOf('upsert', 'tracks', 'a', 4)], { at: 2n, from: 1n, partition: 5 })),
      ])
      expect(results).toEqual(results.map(() => ({ type: 'committed' })))
      expect((await subject.status()).counts).toMatchObject([
        { partition: 0, consumed: 4n, merged: 3n, parked: 1n },
        { partition: 5, consumed: 2n, merged: 1n, parked: 1n },
      ])
      expect((await subject.rows('tracks'))[0]?.alive).toBe(mutationOf('upsert', '', '', 4).stamp)
    })
  })
}
