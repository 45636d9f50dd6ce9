// Connections that break, workers that wait for each other, and workers that are known.

import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPool } from '../../src/postgres/pool.ts'
import { isTransient } from '../../src/store/postgres/errors.ts'
import { createPostgresReader } from '../../src/store/postgres/reader.ts'
import { createPostgresStore } from '../../src/store/postgres/store.ts'
import {
  forgetWorkers,
  readNodeId,
  registeredWorkers,
  registerWorker,
  resetNodeId,
} from '../../src/store/postgres/workers.ts'
import type { Store } from '../../src/store/store.ts'
import {
  batchOf,
  datasetOf,
  definitionStep,
  loadState,
  mutationOf,
  prepare,
  rowsOf,
} from '../contract/store-fixture.ts'
import { openPostgres, type PostgresBench } from './postgres-bench.ts'

let bench: PostgresBench
let store: Store
beforeEach(async () => {
  bench = await openPostgres(18)
  store = bench.store()
  await prepare(store, datasetOf('tracks', { columns: { n: 'long' } }))
})
afterEach(() => bench.close())

/** Ends every other connection to the database, idle or not; `sparedPid` lives on. */
async function killOthers(sparedPid = 0): Promise<void> {
  const killer = createPool(bench.url)
  await killer.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> all (array[pg_backend_pid(), $1])
       and backend_type = 'client backend'`,
    [sparedPid],
  )
  await killer.end()
}

describe('failures', () => {
  it('connections that break, idle or in the middle, are transient and leave nothing half done', async () => {
    await Promise.all([loadState(store), loadState(store)])
    await killOthers()
    const first = batchOf([mutationOf('upsert', 'tracks', 'a', 1, { n: 1n })])
    // A row lock of somebody else keeps the next batch in its upsert until it is killed.
    const blocker = createPool(bench.url)
    const client = await blocker.connect()
    client.on('error', () => {})
    const committed = async (): Promise<unknown> => {
      for (;;) {
        try {
          return await store.commit(first)
        } catch (error) {
          if (!isTransient(error)) throw error
        }
      }
    }
    expect(await committed()).toEqual({ type: 'committed' })
    const { rows } = await client.query('select pg_backend_pid() as pid')
    await client.query(`begin; select from spindexer.d_tracks for update`)
    const second = batchOf([mutationOf('upsert', 'tracks', 'a', 2, { n: 2n })], { from: 1n })
    const stuck = store.commit(second).catch((error: unknown) => error)
    await new Promise((resolve) => setTimeout(resolve, 300))
    // Not the blocker: its end would let the batch through before it is killed itself.
    await killOthers(rows[0].pid)
    const error = await stuck
    expect(isTransient(error), String(error)).toBe(true)
    client.release(true)
    await blocker.end()
    expect((await loadState(store)).positions.get(0)).toBe(1n)
    expect(await store.commit(second)).toEqual({ type: 'committed' })
  })

  it('two workers that write the same rows never wait for each other in a circle', async () => {
    const other = createPostgresStore({ pool: bench.pool })
    const keys = Array.from({ length: 500 }, (_, i) => String(i))
    const run = async (worker: Store, partition: number): Promise<void> => {
      for (let round = 0; round < 10; round++) {
        const order = partition === 0 ? keys : keys.toReversed()
        const mutations = order.map((key) =>
          mutationOf('upsert', 'tracks', key, 1 + 2 * round + partition, { n: BigInt(partition) }),
        )
        const from = BigInt(round * keys.length)
        expect(await worker.commit(batchOf(mutations, { partition, from }))).toEqual({ type: 'committed' })
      }
    }
    await Promise.all([run(store, 0), run(other, 1)])
    const reader = await bench.reader()
    const rows = await rowsOf(reader, 'tracks')
    await reader.close()
    expect(rows).toHaveLength(keys.length)
    expect(rows.every((row) => row.cells.get('n')?.value === 1n)).toBe(true)
  })

  it('settings of the role change nothing', async () => {
    const { rows } = await bench.pool.query<{ name: string }>('select current_database() as name')
    const name = rows[0]!.name
    for (const setting of [
      `extra_float_digits = -15`,
      `datestyle = 'German, DMY'`,
      `timezone = 'Asia/Kathmandu'`,
      `bytea_output = 'escape'`,
      `default_transaction_isolation = 'serializable'`,
      `intervalstyle = 'iso_8601'`,
      `xmloption = 'document'`,
    ]) {
      await bench.pool.query(`alter database "${name}" set ${setting}`)
    }
    const pool = createPool(bench.url)
    const worker = createPostgresStore({ pool })
    const values = {
      d: 0.1 + 0.2,
      t: '2024-02-29T23:59:59.999999Z',
      y: '2024-02-01',
      b: Uint8Array.of(0, 0x5c, 0xff),
    }
    const columns = { d: 'double', t: 'timestamp', y: 'date', b: 'bytes' } as const
    const held = (await loadState(worker)).catalogue
    const dataset = datasetOf('set', { key: { at: 'timestamp', on: 'date' }, columns, changedAt: 2n })
    const step = { offset: 2n, datasets: new Map(held.datasets).set('set', dataset) }
    expect(await worker.define(definitionStep(1n, step))).toEqual({ type: 'committed' })
    const key = [values.t, values.y]
    await worker.commit(batchOf([mutationOf('upsert', 'set', key, 1, values)], { at: 2n }))
    const reader = await createPostgresReader(pool)
    if ('type' in reader) throw new Error(reader.what)
    const [row] = await rowsOf(reader, 'set')
    await reader.close()
    await pool.end()
    expect(row?.key).toEqual(key)
    expect(Object.fromEntries([...row!.cells].map(([column, { value }]) => [column, value]))).toEqual(values)
  })
})

describe('workers', () => {
  it('are registered and seen again and again; forgotten when they neither work nor were seen for long', async () => {
    const [one, other, gone] = [randomUUID(), randomUUID(), randomUUID()]
    for (const worker of [one, other, gone]) await registerWorker(bench.pool, worker)
    const first = await registeredWorkers(bench.pool)
    expect(new Set(first.keys())).toEqual(new Set([one, other, gone]))
    await registerWorker(bench.pool, one)
    const second = await registeredWorkers(bench.pool)
    expect(second.get(one)).not.toBe(first.get(one))
    expect(second.get(other)).toBe(first.get(other))
    // While the database was away nobody could say that it lives.
    await bench.pool.query(`update spindexer.workers set seen_at = seen_at - interval '2 hours'`)
    await registerWorker(bench.pool, one)
    await forgetWorkers(bench.pool, [other])
    expect(new Set((await registeredWorkers(bench.pool)).keys())).toEqual(new Set([one, other]))
  })

  it('a cloned database becomes another node: a new id, no workers, the same state', async () => {
    await registerWorker(bench.pool, randomUUID())
    const before = await readNodeId(bench.pool)
    const state = await loadState(store)
    expect(await resetNodeId(bench.pool)).not.toBe(before)
    expect(await readNodeId(bench.pool)).not.toBe(before)
    expect(await registeredWorkers(bench.pool)).toEqual(new Map())
    expect(await loadState(store)).toEqual(state)
  })
})
