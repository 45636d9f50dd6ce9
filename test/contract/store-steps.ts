// Contract of stores: positions, definitions and counts move whole or not at all.

import { describe, expect, it } from 'vitest'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { ORIGINS_MAX } from '../../src/store/limits.ts'
import type { StoreSubject } from './store.ts'
import {
  batchOf,
  catalogueOf,
  datasetOf,
  definitionStep,
  loadState,
  mutationOf,
  parkedOf,
  prepare,
  rowsOf,
  setAsideOf,
  stampOf,
} from './store-fixture.ts'

const TRACKS = datasetOf('tracks', { columns: { title: 'string', plays: 'long' } })
const HASH = 'ab'.repeat(32)

export function stepContract(subject: StoreSubject): void {
  describe('steps', () => {
    it('a batch moves positions, counts, last records and the newest of both clocks', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      const first = batchOf([mutationOf('upsert', 'tracks', 'a', 5, { plays: 1n })], {
        partition: 3,
        parked: [parkedOf({ partition: 3, offset: 1n }, 'tracks', 'late')],
        quarantined: [setAsideOf({ partition: 3, offset: 2n }, null, 'not-avro')],
        step: {
          next: 9_007_199_254_740_993n,
          controls: 2,
          last: { partition: 3, offset: 9_007_199_254_740_992n, hash: HASH },
          newestStamp: stampOf(5),
          newestAppendMs: 70n,
        },
      })
      expect(await store.commit(first)).toEqual({ type: 'committed' })
      const second = batchOf([], {
        partition: 3,
        from: 9_007_199_254_740_993n,
        step: { next: 9_007_199_254_740_999n, newestStamp: stampOf(4), newestAppendMs: 60n },
      })
      expect(await store.commit(second)).toEqual({ type: 'committed' })

      const state = await loadState(store)
      expect(state.positions).toEqual(new Map([[3, 9_007_199_254_740_999n]]))
      expect(state.lastRecords).toEqual([{ partition: 3, offset: 9_007_199_254_740_992n, hash: HASH }])
      expect(state.newestStamp).toBe(stampOf(5))
      expect(state.newestAppendMs).toBe(70n)
      const { counts, reasons, rows } = await subject.status()
      expect(counts).toEqual([
        {
          partition: 3,
          position: 9_007_199_254_740_999n,
          consumed: 3n,
          merged: 1n,
          parked: 1n,
          quarantined: 1n,
          controls: 2n,
        },
      ])
      expect(reasons).toEqual([
        { kind: 'parked', reason: 'unknown-column', count: 1n },
        { kind: 'quarantined', reason: 'not-avro', count: 1n },
      ])
      expect(rows).toEqual([{ dataset: 'tracks', visible: 1n, incomplete: 0n, absent: 0n }])
    })

    it('a batch that read another position, also of one partition among several, writes nothing', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      await store.commit(batchOf([mutationOf('upsert', 'tracks', 'a', 1)], { partition: 1 }))
      const before = await subject.whole()
      const fresh = batchOf([mutationOf('upsert', 'tracks', 'b', 2)], { partition: 0 })
      const stale = { type: 'stale', what: 'positions' }
      for (const from of [0n, 2n]) {
        const behind = batchOf([mutationOf('upsert', 'tracks', 'c', 3)], { partition: 1, from })
        const batch = { ...fresh, steps: [...behind.steps, ...fresh.steps] }
        expect(await store.commit(batch)).toEqual(stale)
      }
      expect(await store.commit(batchOf([], { partition: 7, from: 1n }))).toEqual(stale)
      expect(await subject.whole()).toEqual(before)
    })

    it('a batch that judged by other definitions writes nothing', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      const before = await subject.whole()
      for (const at of [0n, 2n]) {
        const batch = batchOf([mutationOf('upsert', 'tracks', 'a', 1)], { at })
        expect(await store.commit(batch)).toEqual({ type: 'stale', what: 'definitions' })
      }
      expect(await subject.whole()).toEqual(before)
    })

    it('of two workers that read the same position, one writes', async () => {
      await prepare(subject.store(), TRACKS)
      const batches = ['a', 'b'].map((key) => batchOf([mutationOf('upsert', 'tracks', key, 1)]))
      const results = await Promise.all(batches.map((batch) => subject.store().commit(batch)))
      expect(results.map(({ type }) => type).sort()).toEqual(['committed', 'stale'])
      expect(await subject.rows('tracks')).toHaveLength(1)
    })

    it('counts that do not add up, and rows of what is not defined, are bugs and write nothing', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      const before = await subject.whole()
      const mutation = mutationOf('upsert', 'tracks', 'a', 1)
      await expect(store.commit(batchOf([mutation], { step: { consumed: 2 } }))).rejects.toThrow()
      await expect(store.commit(batchOf([mutationOf('upsert', 'nothing', 'a', 1)]))).rejects.toThrow()
      expect(await subject.whole()).toEqual(before)
    })

    it('definitions are taken from where they were read, once', async () => {
      const store = subject.store()
      await loadState(store)
      const step = definitionStep(0n, catalogueOf(4n, { ...TRACKS, changedAt: 2n }), {
        last: { partition: DEFINITIONS, offset: 3n, hash: HASH },
        taken: 2,
        controls: 1,
        refused: [setAsideOf({ partition: DEFINITIONS, offset: 2n }, 'tracks', 'type-changed')],
      })
      const results = await Promise.all([store.define(step), subject.store().define(step)])
      expect(results.map(({ type }) => type).sort()).toEqual(['committed', 'stale'])
      const state = await loadState(store)
      expect(state.catalogue).toEqual(step.catalogue)
      expect(state.rejudgedTo).toBe(4n)
      expect(state.lastRecords).toEqual([step.last])
      const { definitions, counts, reasons } = await subject.status()
      expect(definitions).toEqual({ taken: 2n, refused: 1n, controls: 1n })
      expect(counts).toEqual([])
      expect(reasons).toEqual([{ kind: 'quarantined', reason: 'type-changed', count: 1n }])
      expect(await store.define(definitionStep(4n, catalogueOf(5n, TRACKS), { last: null }))).toEqual({
        type: 'committed',
      })
      expect((await loadState(store)).lastRecords).toEqual([step.last])
    })

    it('a dataset keeps everything that a catalogue says of it', async () => {
      const store = subject.store()
      const dataset = {
        ...datasetOf('Enum', { key: { kind: 'string', n: 'long' }, columns: { b: 'string', a: 'json' } }),
        fieldNames: ['b', 'kind', 'a', 'n'],
      }
      const columns = new Map(dataset.columns)
      columns.set('b', { ...columns.get('b')!, symbols: new Set(['Z', 'A']), required: true })
      await prepare(store, { ...dataset, columns })
      const { catalogue } = await loadState(subject.store())
      expect(catalogue.datasets.get('Enum')).toEqual({ ...dataset, columns })
      expect([...catalogue.datasets.get('Enum')!.columns.keys()]).toEqual(['b', 'a'])
    })

    it('texts about set-aside messages may hold anything', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      const message = {
        ...setAsideOf({ partition: 0, offset: 0n }, 'a\0b "\\{},NULL', 'not-avro'),
        detail: 'NUL \0, lone \ud800, ü',
      }
      expect(await store.commit(batchOf([], { quarantined: [message] }))).toEqual({ type: 'committed' })
      expect((await subject.status()).reasons).toEqual([
        { kind: 'quarantined', reason: 'not-avro', count: 1n },
      ])
    })

    it('a reader sees one moment, whatever is written meanwhile', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      await store.commit(batchOf([mutationOf('upsert', 'tracks', 'a', 1)]))
      const reader = await subject.reader()
      await store.commit(batchOf([mutationOf('upsert', 'tracks', 'b', 2)], { from: 1n }))
      expect(await rowsOf(reader, 'tracks')).toHaveLength(1)
      expect((await reader.status()).counts[0]?.position).toBe(1n)
      await expect(rowsOf(reader, 'nothing')).rejects.toThrow('nothing')
      await reader.close()
      expect(await subject.rows('tracks')).toHaveLength(2)
    })

    it('counts sessions over all partitions, and a bounded number of them', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      const origins = [
        { origin: '00000000000000aa', partition: 0, highestSeq: 4n, count: 3 },
        { origin: '00000000000000bb', partition: 0, highestSeq: 0n, count: 2 },
        { origin: '00000000000000cc', partition: 0, highestSeq: 9_007_199_254_740_991n, count: 1 },
      ]
      await store.commit(batchOf([], { origins }))
      const more = [{ origin: '00000000000000aa', partition: 1, highestSeq: 3n, count: 2 }]
      await store.commit(batchOf([], { partition: 1, origins: more }))
      expect((await subject.status()).origins).toEqual({ seen: 3n, withGaps: 1n, withDuplicates: 1n })
      const flood = Array.from({ length: ORIGINS_MAX + 5 }, (_, i) => ({
        origin: (0xe000000000000000n + BigInt(i)).toString(16),
        partition: 0,
        highestSeq: 0n,
        count: 1,
      }))
      await store.commit(batchOf([], { origins: flood }))
      await store.commit(batchOf([], { origins: [...flood, ...origins] }))
      const { seen, withDuplicates } = (await subject.status()).origins
      // One session stands in two rows.
      expect(seen).toBe(BigInt(ORIGINS_MAX) - 1n)
      expect(withDuplicates).toBe(BigInt(ORIGINS_MAX) - 2n)
    })
  })
}
