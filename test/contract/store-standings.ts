// Contract of stores: what holds by the policy of a guarded log moves with the positions, and is forgotten with them.

import { describe, expect, it } from 'vitest'
import type { GuardedStanding } from '../../src/codec/policy/standing.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import type { Batch } from '../../src/store/store.ts'
import type { StoreSubject } from './store.ts'
import {
  batchOf,
  catalogueOf,
  datasetOf,
  definitionStep,
  LOG,
  loadState,
  prepare,
  signerOf,
  standingOf,
} from './store-fixture.ts'

const TRACKS = datasetOf('tracks')
/** Everything that a standing may say. */
const FULL = standingOf(9_007_199_254_740_991, {
  admins: [signerOf(3), signerOf(1, 'eip191')],
  rules: [
    { columns: '*', datasets: '*', operations: [], signers: '*' },
    { columns: [], datasets: ['tracks', 'Tracks'], operations: ['delete', 'upsert'], signers: [signerOf(4)] },
    { columns: ['b', 'a', 'b'], datasets: [], operations: ['update'], signers: [] },
  ],
  unsigned: true,
  isClosed: true,
})

export function standingContract(subject: StoreSubject): void {
  describe('standings', () => {
    const moving = (
      partition: number,
      from: bigint,
      standing: GuardedStanding | null,
      step: Partial<Batch['steps'][number]> = {},
    ): Batch => batchOf([], { partition, from, step: { controls: 1, next: from + 1n, standing, ...step } })

    it('each partition has its own, the definitions too, until a step says otherwise', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      const both = moving(5, 0n, FULL)
      await store.commit({ ...both, steps: [...both.steps, ...moving(0, 0n, standingOf(1)).steps] })
      await store.commit(moving(7, 0n, null))
      await store.define(definitionStep(1n, catalogueOf(2n, TRACKS), { standing: standingOf(2) }))
      const first = [
        [DEFINITIONS, standingOf(2)],
        [0, standingOf(1)],
        [5, FULL],
      ] as const
      expect([...(await loadState(store)).standings]).toEqual(first)
      expect([...(await subject.status()).state!.standings]).toEqual(first)

      await store.commit({ ...moving(0, 1n, standingOf(2, { isClosed: true })), catalogueOffset: 2n })
      await store.commit({ ...moving(5, 1n, null), catalogueOffset: 2n })
      await store.define(definitionStep(2n, catalogueOf(3n, TRACKS)))
      expect([...(await loadState(subject.store())).standings]).toEqual([
        [DEFINITIONS, standingOf(2)],
        [0, standingOf(2, { isClosed: true })],
        [5, FULL],
      ])
    })

    it('one as long as a record may be comes back from every partition', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      const signers = Array.from({ length: 12_000 }, (_, i) => signerOf(i))
      const long = standingOf(1, {
        rules: [{ columns: '*', datasets: '*', operations: ['upsert'], signers }],
      })
      const steps = [0, 1, 2, 3].flatMap((partition) => moving(partition, 0n, long).steps)
      expect(await store.commit({ ...moving(0, 0n, null), steps })).toEqual({ type: 'committed' })
      const { standings } = await loadState(store)
      expect([...standings.keys()]).toEqual([0, 1, 2, 3])
      for (const standing of standings.values()) expect(standing).toEqual(long)
    })

    it('a step that is stale leaves none', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      await store.commit(moving(0, 0n, standingOf(1)))
      const before = await subject.whole()
      const stale = (what: string) => ({ type: 'stale', what })
      expect(await store.commit(moving(0, 0n, FULL))).toEqual(stale('positions'))
      expect(await store.commit(moving(3, 1n, FULL))).toEqual(stale('positions'))
      const two = [...moving(2, 0n, FULL).steps, ...moving(0, 2n, FULL).steps]
      expect(await store.commit({ ...moving(0, 1n, null), steps: two })).toEqual(stale('positions'))
      expect(await store.commit({ ...moving(0, 1n, FULL), catalogueOffset: 0n })).toEqual(
        stale('definitions'),
      )
      const identity = { ...LOG, generation: 2 }
      expect(await store.commit({ ...moving(0, 1n, FULL), identity })).toEqual(stale('log'))
      const standing = FULL
      expect(await store.define(definitionStep(0n, catalogueOf(2n, TRACKS), { standing }))).toEqual(
        stale('definitions'),
      )
      await expect(store.commit(moving(0, 1n, FULL, { consumed: 2 }))).rejects.toThrow()
      expect(await subject.whole()).toEqual(before)
      expect([...before.status.state!.standings]).toEqual([[0, standingOf(1)]])
    })

    it('of two workers at one position, that of the one that writes stays', async () => {
      await prepare(subject.store(), TRACKS)
      for (let at = 0n; at < 5n; at++) {
        const standings = [standingOf(Number(at) * 2), standingOf(Number(at) * 2 + 1)]
        const results = await Promise.all(
          standings.map((standing) => subject.store().commit(moving(0, at, standing))),
        )
        expect(results.map(({ type }) => type).sort()).toEqual(['committed', 'stale'])
        const winner = standings[results.findIndex(({ type }) => type === 'committed')]
        expect((await loadState(subject.store())).standings.get(0)).toEqual(winner)
      }
    })

    it('all are gone when the state moves to a copy', async () => {
      const store = subject.store()
      await prepare(store, TRACKS)
      await store.commit(moving(0, 0n, standingOf(1, { isClosed: true })))
      await store.define(definitionStep(1n, catalogueOf(2n, TRACKS), { standing: standingOf(1) }))
      const copy = { ...LOG, copyId: '0a1b2c3d-0000-4000-8000-0000000000c2', generation: 2 }
      expect(await store.load(copy)).toMatchObject({ type: 'state', standings: new Map() })
      const identity = copy
      const step = { ...moving(0, 0n, standingOf(7)), identity, catalogueOffset: 0n }
      expect(await store.commit(step)).toEqual({ type: 'committed' })
      expect(await store.load(copy)).toMatchObject({ standings: new Map([[0, standingOf(7)]]) })
    })
  })
}
