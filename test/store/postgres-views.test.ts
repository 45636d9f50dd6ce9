// The views: what readers get, and that definitions do not disturb them.

import type { PoolClient } from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Dataset } from '../../src/codec/catalogue.ts'
import type { Store } from '../../src/store/store.ts'
import {
  ALL_TYPES,
  batchOf,
  catalogueOf,
  datasetOf,
  definitionStep,
  loadState,
  mutationOf,
  prepare,
} from '../contract/store-fixture.ts'
import { openPostgres, type PostgresBench } from './postgres-bench.ts'

const TRACKS = datasetOf('tracks', { columns: { title: 'string' }, required: ['title'] })
const WIDER: Dataset = datasetOf('tracks', {
  columns: { title: 'string', plays: 'long' },
  required: ['title'],
  changedAt: 2n,
})

let bench: PostgresBench
let store: Store
beforeEach(async () => {
  bench = await openPostgres(15)
  store = bench.store()
})
afterEach(() => bench.close())

async function columnsOf(view: string): Promise<string[]> {
  const { fields } = await bench.pool.query(`select * from ${view} limit 0`)
  return fields.map(({ name }) => name)
}

async function asReader<T>(use: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await bench.pool.connect()
  try {
    await client.query('set role spindexer_reader')
    return await use(client)
  } finally {
    client.release(true)
  }
}

describe('views', () => {
  it('have the defined columns in their order, later ones at the end, under their own names', async () => {
    const dataset = datasetOf('User', {
      key: { select: 'string', a: 'long' },
      columns: { xmin: 'date', B: 'json' },
    })
    await prepare(store, { ...dataset, fieldNames: ['xmin', 'a', 'B', 'select'] })
    expect(await columnsOf('data."User"')).toEqual(['xmin', 'a', 'B', 'select'])
    const columns = { xmin: 'date', B: 'json', ctid: 'uuid', b: 'bytes' } as const
    const wider = datasetOf('User', { key: { select: 'string', a: 'long' }, columns, changedAt: 2n })
    const fieldNames = ['xmin', 'a', 'B', 'select', 'ctid', 'b']
    await store.define(definitionStep(1n, catalogueOf(2n, { ...wider, fieldNames })))
    expect(await columnsOf('data."User"')).toEqual(fieldNames)
  })

  it('show values in types of Postgres', async () => {
    await prepare(
      store,
      datasetOf('all', { columns: Object.fromEntries(ALL_TYPES.map((type) => [type, type])) }),
    )
    const { rows } = await bench.pool.query<{ name: string; type: string }>(
      `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
       where attrelid = 'data.all'::regclass and attnum > 1 order by attnum`,
    )
    expect(Object.fromEntries(rows.map(({ name, type }) => [name, type]))).toEqual({
      boolean: 'boolean',
      long: 'bigint',
      double: 'double precision',
      string: 'text',
      bytes: 'bytea',
      uuid: 'uuid',
      decimal: 'numeric',
      date: 'date',
      timestamp: 'timestamp with time zone',
      json: 'jsonb',
    })
  })

  it('hide rows that do not exist or lack a required column, until it is required no more', async () => {
    await prepare(store, TRACKS)
    await store.commit(
      batchOf([
        mutationOf('upsert', 'tracks', 'complete', 1, { title: 'x' }),
        mutationOf('upsert', 'tracks', 'incomplete', 1),
        mutationOf('update', 'tracks', 'cells', 1, { title: 'x' }),
        mutationOf('delete', 'tracks', 'dead', 1),
        mutationOf('upsert', 'tracks', 'back', 3, { title: 'x' }),
        mutationOf('delete', 'tracks', 'back', 2),
      ]),
    )
    const visible = async () =>
      (await bench.pool.query('select id from data.tracks order by id')).rows.map(({ id }) => id)
    expect(await visible()).toEqual(['back', 'complete'])
    const relaxed = datasetOf('tracks', { columns: { title: 'string' }, changedAt: 2n })
    await store.define(definitionStep(1n, catalogueOf(2n, relaxed)))
    expect(await visible()).toEqual(['back', 'complete', 'incomplete'])
  })

  it('may be read by spindexer_reader, present and future ones, and nothing else', async () => {
    await prepare(store, TRACKS)
    await store.define(definitionStep(1n, catalogueOf(2n, WIDER, datasetOf('albums', { changedAt: 2n }))))
    await asReader(async (client) => {
      expect((await client.query('select id, plays from data.tracks')).rowCount).toBe(0)
      expect((await client.query('select id from data.albums')).rowCount).toBe(0)
    })
    for (const forbidden of ['select from spindexer.d_tracks', 'delete from data.tracks']) {
      await expect(asReader((client) => client.query(forbidden))).rejects.toThrow('permission denied')
    }
  })

  it('a view that somebody built on a view outlives a new column', async () => {
    await prepare(store, TRACKS)
    await bench.pool.query('create view mine as select * from data.tracks')
    expect(await store.define(definitionStep(1n, catalogueOf(2n, WIDER)))).toEqual({ type: 'committed' })
    await store.commit(
      batchOf([mutationOf('upsert', 'tracks', 'a', 1, { title: 'x', plays: 1n })], { at: 2n }),
    )
    expect((await bench.pool.query('select * from mine')).rows).toEqual([{ id: 'a', title: 'x' }])
  })

  it('a name that is taken in the schema stops the definition with the remedy', async () => {
    await bench.pool.query('create table data.tracks (mine int)')
    await expect(prepare(store, TRACKS)).rejects.toThrow(/"data"\."tracks".*rename/)
    await bench.pool.query('drop table data.tracks')
    await prepare(store, TRACKS)
  })

  it('a long-running reader makes a definition busy, and other readers wait less than a second', async () => {
    await prepare(store, TRACKS)
    const reader = await bench.pool.connect()
    const { rows } = await reader.query<{ pid: number }>('select pg_backend_pid() as pid')
    await reader.query('begin; select from data.tracks')
    const step = definitionStep(1n, catalogueOf(2n, WIDER, datasetOf('albums', { changedAt: 2n })))
    const began = performance.now()
    const defining = store.define(step)
    let slowestMs = 0
    let isDone = false
    const probe = (async () => {
      while (!isDone) {
        const start = performance.now()
        await bench.pool.query('select from data.tracks')
        slowestMs = Math.max(slowestMs, performance.now() - start)
      }
    })()
    const defined = await defining
    isDone = true
    await probe
    // It names who it is: nobody else can make him go on. (The probe may hold it for its moment too, before or behind.)
    const name = `data.tracks is held by process ${rows[0]!.pid} (spindexer, idle in transaction, since `
    expect(defined).toEqual({ type: 'busy', holder: expect.stringContaining(name) })
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(slowestMs).toBeLessThan(1_000)
    // Nothing is left of the attempt, and mutations go on under the old definitions.
    expect((await loadState(store)).catalogue.offset).toBe(1n)
    expect((await bench.pool.query(`select to_regclass('data.albums') as view`)).rows).toEqual([
      { view: null },
    ])
    expect(await store.commit(batchOf([mutationOf('upsert', 'tracks', 'a', 1)]))).toEqual({
      type: 'committed',
    })
    await reader.query('rollback')
    reader.release()
    expect(await store.define(step)).toEqual({ type: 'committed' })
  })

  it('a definition that changes no table waits for no reader', async () => {
    await prepare(store, TRACKS)
    const reader = await bench.pool.connect()
    await reader.query('begin; select from data.tracks')
    const columns = new Map(TRACKS.columns)
    columns.set('title', { ...columns.get('title')!, symbols: new Set(['X']) })
    const step = definitionStep(1n, catalogueOf(2n, { ...TRACKS, columns, changedAt: 2n }))
    expect(await store.define(step)).toEqual({ type: 'committed' })
    await reader.query('rollback')
    reader.release()
  })

  it('a definition waits its turn behind batches in flight, and batches behind it', async () => {
    await prepare(store, TRACKS)
    const slow = await bench.pool.connect()
    await slow.query('begin; lock table spindexer.definitions in row share mode')
    const order: string[] = []
    const defined = store.define(definitionStep(1n, catalogueOf(2n, WIDER))).then((result) => {
      order.push('definition')
      return result
    })
    await new Promise((resolve) => setTimeout(resolve, 600))
    // This one comes later, so it does not overtake: or a definition could wait without end.
    const late = store.commit(batchOf([], { at: 1n })).then((result) => {
      order.push('batch')
      return result
    })
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(order).toEqual([])
    await slow.query('commit')
    slow.release()
    expect(await defined).toEqual({ type: 'committed' })
    expect(await late).toEqual({ type: 'stale', what: 'definitions' })
    expect(order).toEqual(['definition', 'batch'])
  })
})
