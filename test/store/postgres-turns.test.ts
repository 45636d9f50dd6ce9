// Two workers that meet on the same rows lock them in the same order, ties and all: neither ever waits for the other in a circle.

import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Mutation } from '../../src/crdt/mutation.ts'
import type { Store } from '../../src/store/store.ts'
import { batchOf, datasetOf, mutationOf, prepare, rowsOf } from '../contract/store-fixture.ts'
import { openPostgres, type PostgresBench } from './postgres-bench.ts'

const TRACKS = datasetOf('tracks', { columns: { title: 'string', plays: 'long' } })
const ROUNDS = 20
const ROWS = 200

let bench: PostgresBench
beforeEach(async () => {
  bench = await openPostgres(18)
})
afterEach(() => bench.close())

const keyOf = (i: number): string => `row ${String(i).padStart(4, '0')}`

/** Of every row one cell of this rank: a tie in the rows that `ties` says, where the value alone decides. */
function edits(rank: number, title: string, ties: (i: number) => boolean): Mutation[] {
  return Array.from({ length: ROWS }, (_, i) =>
    ties(i)
      ? mutationOf('update', 'tracks', keyOf(i), rank, { title })
      : mutationOf('upsert', 'tracks', keyOf(i), rank + 1, { plays: BigInt(rank) }),
  )
}

it('ties on the first rows of one and the last rows of the other are settled without a deadlock', async () => {
  const [one, other] = [bench.store(), bench.store()]
  await prepare(one, TRACKS)
  const froms = [0n, 0n]
  const commit = async (store: Store, partition: 0 | 1, mutations: readonly Mutation[]) => {
    const from = froms[partition]!
    froms[partition] = from + BigInt(mutations.length)
    expect(await store.commit(batchOf(mutations, { partition, from }))).toEqual({ type: 'committed' })
  }
  for (let round = 0; round < ROUNDS; round++) {
    const rank = 10 + 10 * round
    const titled = Array.from({ length: ROWS }, (_, i) =>
      mutationOf('upsert', 'tracks', keyOf(i), rank, { title: 'a' }),
    )
    await commit(one, 0, titled)
    // A deadlock would reject one of them: only the node, above the store, tries again.
    await Promise.all([
      commit(
        one,
        0,
        edits(rank, 'b', (i) => i < ROWS / 2),
      ),
      commit(
        other,
        1,
        edits(rank, 'c', (i) => i >= ROWS / 2),
      ),
    ])
  }
  const reader = await bench.reader()
  const rows = await rowsOf(reader, 'tracks')
  expect(rows.map(({ cells }) => cells.get('title')?.value)).toEqual(
    Array.from({ length: ROWS }, (_, i) => (i < ROWS / 2 ? 'b' : 'c')),
  )
  await reader.close()
})
