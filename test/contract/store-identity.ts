// Contract of stores: a state belongs to one log.

import { describe, expect, it } from 'vitest'
import type { StoreSubject } from './store.ts'
import { batchOf, catalogueOf, definitionStep, foldOf, LOG, loadState } from './store-fixture.ts'

export function identityContract(subject: StoreSubject): void {
  describe('identity', () => {
    it('a fresh store takes the identity of its first log and is empty', async () => {
      expect(await subject.store().load(LOG)).toEqual({
        type: 'state',
        catalogue: { offset: 0n, datasets: new Map() },
        rejudgedTo: 0n,
        standings: new Map(),
        positions: new Map(),
        lastRecords: [],
        newestStamp: null,
        newestAppendMs: null,
      })
      expect((await subject.status()).identity).toEqual(LOG)
      expect((await subject.store().load(LOG)).type).toBe('state')
    })

    it('two workers that start at once on a fresh store bind it once', async () => {
      const other = { ...LOG, logId: '0a1b2c3d-0000-4000-8000-000000000002' }
      const states = await Promise.all([subject.store().load(LOG), subject.store().load(other)])
      expect(states.map(({ type }) => type).sort()).toEqual(['refused', 'state'])
    })

    it.each([
      ['another log', { logId: '0a1b2c3d-0000-4000-8000-000000000002' }],
      ['another copy of the same generation', { copyId: '0a1b2c3d-0000-4000-8000-0000000000c2' }],
      ['an older generation', { copyId: '0a1b2c3d-0000-4000-8000-0000000000c0', generation: 1 }],
    ])('%s is refused, and the state stays', async (_, change) => {
      const held = { ...LOG, generation: 2 }
      await subject.store().load(held)
      const refusal = await subject.store().load({ ...held, ...change })
      expect(refusal).toMatchObject({ type: 'refused' })
      if (refusal.type === 'refused') {
        expect(refusal.what).not.toBe('')
        expect(refusal.remedy).not.toBe('')
      }
      expect((await subject.status()).identity).toEqual(held)
    })

    it('a step of another log is stale and writes nothing', async () => {
      const store = subject.store()
      await loadState(store)
      const identity = { ...LOG, generation: 2 }
      const before = await subject.whole()
      expect(await store.commit(batchOf([], { at: 0n, identity }))).toEqual({ type: 'stale', what: 'log' })
      expect(await store.define(definitionStep(0n, catalogueOf(1n), { identity }))).toEqual({
        type: 'stale',
        what: 'log',
      })
      const rejudgement = {
        identity,
        catalogueOffset: 0n,
        taken: [],
        rows: foldOf([]),
        parked: [],
        authors: [],
      }
      expect(await store.rejudge(rejudgement)).toEqual({ type: 'stale', what: 'log' })
      expect(await subject.whole()).toEqual(before)
    })
  })
}
