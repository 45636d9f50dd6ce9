// Statements with names: given to those that come again, and done without where a pooler has lost them.

import { afterEach, beforeEach, expect, it } from 'vitest'
import { batchOf, datasetOf, mutationOf, prepare, rowsOf } from '../contract/store-fixture.ts'
import { openPostgres, type PostgresBench } from './postgres-bench.ts'

const TRACKS = datasetOf('tracks', { columns: { title: 'string' } })

let bench: PostgresBench
beforeEach(async () => {
  bench = await openPostgres(18)
})
afterEach(() => bench.close())

/** The names that the one connection of the pool has at the server. */
async function namesAt(): Promise<readonly string[]> {
  expect(bench.pool.totalCount).toBe(1)
  const { rows } = await bench.pool.query('select name from pg_prepared_statements order by name')
  return rows.map(({ name }) => name)
}

it('names what comes again, once; and goes on without names when they are lost', async () => {
  const store = bench.store()
  await prepare(store, TRACKS)
  let from = 0n
  const commit = async () => {
    const mutation = mutationOf('upsert', 'tracks', 'a', Number(from) + 1, { title: `title ${from}` })
    expect(await store.commit(batchOf([mutation], { from }))).toEqual({ type: 'committed' })
    from += 1n
  }
  await commit()
  expect(await namesAt()).toEqual([])
  await commit()
  const names = await namesAt()
  expect(names.length).toBeGreaterThan(1)
  await commit()
  expect(await namesAt()).toEqual(names)
  // As behind a pooler, when the next transaction is in another session of the server.
  await bench.pool.query('deallocate all')
  for (let i = 0; i < 3; i++) await commit()
  expect(await namesAt()).toEqual([])
  const reader = await bench.reader()
  expect((await rowsOf(reader, 'tracks')).map(({ cells }) => cells.get('title')?.value)).toEqual(['title 5'])
  await reader.close()
})
