// Contract of stores: parked messages are judged again, each by one worker, and nothing is forgotten between.

import { describe, expect, it } from 'vitest'
import type { Pointer } from '../../src/codec/record.ts'
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
  prepare,
  setAsideOf,
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
      rows: new Map(),
      parked: [],
      ...more,
    })
    /** Three messages parked at D = 1, one of them of a dataset that is still unknown; then D = 2 widens tracks. */
    const parkThree = async (store: Store): Promise<void> => {
      await prepare(store, TRACKS)
      const parked = [
        setAsideOf(at(0n), 'tracks', 'unknown-column'),
        setAsideOf(at(1n), 'albums', 'unknown-dataset'),
        setAsideOf(at(2n), 'tracks', 'unknown-column'),
      ]
      await store.commit(batchOf([], { parked }))
      const more = [setAsideOf(at(0n, 5), 'tracks', 'unknown-column')]
      await store.commit(batchOf([], { partition: 5, parked: more }))
      expect(await store.parkedToJudge(10)).toEqual([])
      await store.define(definitionStep(1n, catalogueOf(2n, WIDER)))
    }

    it('a definition makes those of its dataset pending, in order, and the state is not at D until they are judged', async () => {
      const store = subject.store()
      await parkThree(store)
      expect((await loadState(store)).rejudgedTo).toBe(1n)
      expect(await store.parkedToJudge(2)).toEqual([at(0n), at(2n)])
      expect(await store.parkedToJudge(10)).toEqual([at(0n), at(2n), at(0n, 5)])
      expect((await loadState(store)).rejudgedTo).toBe(1n)
    })

    it('judged again they are merged or parked anew, with the counts', async () => {
      const store = subject.store()
      await parkThree(store)
      const rows = foldOf([mutationOf('upsert', 'tracks', 'a', 1, { plays: 1n })])
      const step = rejudgement([at(0n), at(2n), at(0n, 5)], {
        rows,
        parked: [setAsideOf(at(2n), 'tracks', 'bad-value'), setAsideOf(at(0n, 5), 'tracks', 'bad-value')],
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
      expect(await subject.rows('tracks')).toEqual([...rows.get('tracks')!.values()])
      expect(await store.parkedToJudge(10)).toEqual([])
      expect((await loadState(store)).rejudgedTo).toBe(2n)
    })

    it('a definition that concerns no parked message leaves the state at D', async () => {
      const store = subject.store()
      await parkThree(store)
      await store.rejudge(rejudgement([at(0n), at(2n), at(0n, 5)]))
      await store.parkedToJudge(10)
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
