// Contract of stores: a state moves to a later copy of its log, once, with its rows and without anything that speaks of places.

import { describe, expect, it } from 'vitest'
import { DEFINITIONS } from '../../src/codec/record.ts'
import type { LogIdentity, Store } from '../../src/store/store.ts'
import type { StoreSubject } from './store.ts'
import {
  batchOf,
  catalogueOf,
  datasetOf,
  definitionStep,
  LOG,
  loadState,
  mutationOf,
  parkedOf,
  prepare,
  setAsideOf,
  stampOf,
} from './store-fixture.ts'

const COPY: LogIdentity = { ...LOG, copyId: '0a1b2c3d-0000-4000-8000-0000000000c2', generation: 2 }
const TRACKS = datasetOf('tracks', { columns: { title: 'string' } })
const WIDER = datasetOf('tracks', { columns: { title: 'string', plays: 'long' }, changedAt: 4n })
const HASH = 'ab'.repeat(32)

export function moveContract(subject: StoreSubject): void {
  describe('moving to a copy', () => {
    /** Rows, parked and quarantined messages, origins, counts and last records, over two partitions; D is 1. */
    const fill = async (store: Store): Promise<void> => {
      await prepare(store, TRACKS)
      const mutation = mutationOf('upsert', 'tracks', 't1', 5, { title: 'Blue' })
      const shape = {
        parked: [parkedOf({ partition: 0, offset: 1n }, 'tracks', 'plays')],
        quarantined: [setAsideOf({ partition: 0, offset: 2n }, null, 'clock-ahead')],
        origins: [{ origin: '00000000000000aa', partition: 0, highestSeq: 4n, count: 5 }],
        step: {
          last: { partition: 0, offset: 2n, hash: HASH },
          newestStamp: stampOf(5),
          newestAppendMs: 9_000n,
          controls: 1,
        },
      }
      expect((await store.commit(batchOf([mutation], shape))).type).toBe('committed')
      const other = { partition: 3, step: { newestStamp: stampOf(7), newestAppendMs: 8_000n } }
      const later = batchOf([mutationOf('upsert', 'tracks', 't2', 7, { title: 'Red' })], other)
      expect((await store.commit(later)).type).toBe('committed')
    }

    it('rows, datasets and the newest stamp stay, all that speaks of places goes, and it is told once', async () => {
      await fill(subject.store())
      const before = await subject.whole()
      const state = await subject.store().load(COPY)
      expect(state).toMatchObject({
        type: 'state',
        movedFrom: LOG,
        catalogue: catalogueOf(0n, { ...TRACKS, changedAt: 0n }),
        rejudgedTo: 0n,
        lastRecords: [],
        newestStamp: stampOf(7),
        newestAppendMs: null,
      })
      if (state.type === 'refused') throw new Error(state.what)
      expect([...state.positions.values()].every((position) => position === 0n)).toBe(true)
      const { rows, status } = await subject.whole()
      expect(rows).toEqual(before.rows)
      expect(status).toMatchObject({
        identity: COPY,
        reasons: [],
        definitions: { taken: 0n, refused: 0n, controls: 0n },
        origins: { seen: 0n },
        rows: before.status.rows,
      })
      for (const counts of status.counts) {
        const zeros = { position: 0n, consumed: 0n, merged: 0n, parked: 0n, quarantined: 0n, controls: 0n }
        expect(counts).toEqual({ partition: counts.partition, ...zeros })
      }
      const again = await subject.store().load(COPY)
      expect(again).toMatchObject({ type: 'state' })
      expect('movedFrom' in again).toBe(false)
    })

    it('an empty state moves too', async () => {
      await loadState(subject.store())
      expect(await subject.store().load(COPY)).toEqual({
        type: 'state',
        catalogue: catalogueOf(0n),
        rejudgedTo: 0n,
        standings: new Map(),
        positions: new Map(),
        lastRecords: [],
        newestStamp: null,
        newestAppendMs: null,
        movedFrom: LOG,
      })
    })

    it('what still reads the old log writes nothing any more, and is refused when it loads', async () => {
      const [old, store] = [subject.store(), subject.store()]
      await fill(old)
      await store.load(COPY)
      const before = await subject.whole()
      const stale = { type: 'stale', what: 'log' }
      const mutation = mutationOf('upsert', 'tracks', 't9', 9)
      expect(await old.commit(batchOf([mutation], { from: 0n, at: 0n }))).toEqual(stale)
      expect(await old.define(definitionStep(0n, catalogueOf(2n, TRACKS)))).toEqual(stale)
      expect(await old.load(LOG)).toMatchObject({ type: 'refused', what: expect.stringContaining('older') })
      expect(await subject.whole()).toEqual(before)
    })

    it('of several that move at once one does, and all have the same state', async () => {
      await fill(subject.store())
      const stores = [1, 2, 3, 4].map(() => subject.store())
      const states = await Promise.all(stores.map((store) => store.load(COPY)))
      const moved = states.filter((state) => 'movedFrom' in state)
      expect(moved).toHaveLength(1)
      const plain = states.map((state) => ({ ...state, movedFrom: null }))
      for (const state of plain) expect(state).toEqual(plain[0])
    })

    it('of two copies that are moved to at once one is taken, and the other refused', async () => {
      await fill(subject.store())
      const other = { ...COPY, copyId: '0a1b2c3d-0000-4000-8000-0000000000c3' }
      const states = await Promise.all([COPY, other].map((identity) => subject.store().load(identity)))
      expect(states.map(({ type }) => type).sort()).toEqual(['refused', 'state'])
    })

    it('reads definitions and messages again from the start, counts them anew, and later definitions cure', async () => {
      const store = subject.store()
      await fill(store)
      await store.load(COPY)
      const identity = COPY
      const kept = { ...TRACKS, changedAt: 0n }
      const last = { partition: DEFINITIONS, offset: 1n, hash: HASH }
      const taken = definitionStep(0n, catalogueOf(2n, kept), { identity, controls: 1, last })
      expect((await store.define(taken)).type).toBe('committed')
      const mutation = mutationOf('upsert', 'tracks', 't1', 5, { title: 'Blue' })
      const parked = [parkedOf({ partition: 0, offset: 1n }, 'tracks', 'plays')]
      expect((await store.commit(batchOf([mutation], { identity, at: 2n, parked }))).type).toBe('committed')
      expect(await store.parkedToJudge(null, 10)).toEqual([])
      expect(await store.load(COPY)).toMatchObject({ rejudgedTo: 2n, positions: new Map([[0, 2n]]) })
      expect((await subject.rows('tracks')).map(({ key }) => key)).toEqual([['t1'], ['t2']])

      await store.define(definitionStep(2n, catalogueOf(4n, WIDER), { identity }))
      expect(await store.parkedToJudge(null, 10)).toMatchObject([{ partition: 0, offset: 1n, judgedAt: 2n }])
      const [status, state] = [await subject.status(), await store.load(COPY)]
      expect(status.definitions).toEqual({ taken: 2n, refused: 0n, controls: 1n })
      expect(state).toMatchObject({ lastRecords: [last], catalogue: catalogueOf(4n, WIDER) })
    })

    it('a store that has read the catalogue of the old log at the same offset reads that of the copy', async () => {
      const [one, two] = [subject.store(), subject.store()]
      await fill(one)
      await two.load(LOG)
      await one.load(COPY)
      const albums = datasetOf('albums')
      const step = definitionStep(0n, catalogueOf(1n, { ...TRACKS, changedAt: 0n }, albums), {
        identity: COPY,
      })
      expect((await one.define(step)).type).toBe('committed')
      expect(await two.load(COPY)).toMatchObject({ catalogue: step.catalogue })
      const batch = batchOf([mutationOf('upsert', 'albums', 'a1', 3)], { identity: COPY })
      expect((await two.commit(batch)).type).toBe('committed')
    })

    it('moves on to a copy of the copy, and to none before', async () => {
      const store = subject.store()
      await fill(store)
      const third = { ...COPY, copyId: '0a1b2c3d-0000-4000-8000-0000000000c4', generation: 3 }
      expect(await store.load(third)).toMatchObject({ type: 'state', movedFrom: LOG })
      for (const earlier of [COPY, LOG]) expect((await store.load(earlier)).type).toBe('refused')
    })
  })
}
