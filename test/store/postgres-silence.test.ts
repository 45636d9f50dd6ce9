// Networks that swallow everything without a word: noticed in seconds, and never mistaken for a statement that is slow.

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool, endPool, inTransaction, WRITE } from '../../src/postgres/pool.ts'
import { isTransient } from '../../src/store/postgres/errors.ts'
import { createPostgresStore } from '../../src/store/postgres/store.ts'
import { batchOf, datasetOf, loadState, mutationOf, prepare } from '../contract/store-fixture.ts'
import { type Filter, startProxy, type TcpProxy } from '../support/proxy.ts'
import { openPostgres, type PostgresBench } from './postgres-bench.ts'

let bench: PostgresBench
beforeAll(async () => {
  bench = await openPostgres(18)
  await prepare(bench.store(), datasetOf('tracks', { columns: { n: 'long' } }))
})
afterAll(() => bench.close())

const NOTHING = Buffer.alloc(0)
const PASS: Filter = { toTarget: (bytes) => bytes, toClient: (bytes) => bytes }

/** A pool whose connections go through a proxy; both end with `close`. */
async function through(createFilter?: () => Filter) {
  const { hostname, port } = new URL(bench.url)
  const target = { host: hostname, port: Number(port) }
  const proxy: TcpProxy = await startProxy(target, createFilter === undefined ? {} : { createFilter })
  const url = new URL(bench.url)
  url.port = String(proxy.port)
  const pool = createPool(url.href)
  const close = async () => {
    await endPool(pool)
    await proxy.close()
  }
  return { proxy, pool, close }
}

/** What a promise is rejected with, and after how many milliseconds. */
async function failureOf(work: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const began = performance.now()
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  return { error, ms: performance.now() - began }
}

describe.concurrent('silence', () => {
  it('a network that swallows everything, new connections too, is an error that passes, in half a minute', async () => {
    const { proxy, pool, close } = await through()
    const store = createPostgresStore({ pool })
    await loadState(store)
    proxy.pause()
    const { error, ms } = await failureOf(loadState(store))
    expect(isTransient(error), String(error)).toBe(true)
    expect(String(error)).toContain('the connection is lost')
    expect(ms).toBeLessThan(45_000)
    proxy.resume()
    expect((await loadState(store)).type).toBe('state')
    proxy.pause()
    const began = performance.now()
    await close()
    expect(performance.now() - began).toBeLessThan(30_000)
  })

  it('one connection that swallows answers, while the server is well: the lost answer of a commit counts once', async () => {
    let isSwallowing = false
    // The connection that sends the commit gets no answer from then on; others are well.
    const { pool, close } = await through(() => {
      let isDeaf = false
      return {
        toTarget(bytes) {
          isDeaf ||= isSwallowing && bytes.includes('commit\0')
          return bytes
        },
        toClient: (bytes) => (isDeaf ? NOTHING : bytes),
      }
    })
    const store = createPostgresStore({ pool })
    const batch = batchOf([mutationOf('upsert', 'tracks', 'a', 1, { n: 1n })])
    isSwallowing = true
    const { error, ms } = await failureOf(store.commit(batch))
    isSwallowing = false
    expect(isTransient(error), String(error)).toBe(true)
    expect(ms).toBeLessThan(30_000)
    expect(await store.commit(batch)).toEqual({ type: 'stale', what: 'positions' })
    const { rows } = await bench.pool.query(
      'select next_offset, consumed, merged from spindexer.positions where partition = 0',
    )
    expect(rows).toEqual([{ next_offset: '1', consumed: '1', merged: '1' }])
    await close()
  })

  it('a farewell in one piece with the welcome is an error that passes, not the end of the process', async () => {
    const text = ['SFATAL', 'C57P01', 'Mterminating connection due to administrator command', ''].join('\0')
    const length = Buffer.alloc(4)
    length.writeInt32BE(4 + text.length + 1)
    const farewell = Buffer.concat([Buffer.from('E'), length, Buffer.from(`${text}\0`)])
    const { pool, close } = await through(() => ({
      ...PASS,
      toClient: (bytes) => (bytes.includes('Z\0\0\0\x05I') ? Buffer.concat([bytes, farewell]) : bytes),
    }))
    const { error } = await failureOf(loadState(createPostgresStore({ pool })))
    expect(isTransient(error), String(error)).toBe(true)
    await close()
  })

  it('a statement that never reaches the server is noticed too', async () => {
    let isSwallowing = false
    const { pool, close } = await through(() => ({
      ...PASS,
      toTarget: (bytes) => (isSwallowing && bytes.includes('swallowed') ? NOTHING : bytes),
    }))
    isSwallowing = true
    const work = inTransaction(pool, WRITE, (client) => client.query(`select 'swallowed'`))
    const { error } = await failureOf(work)
    expect(isTransient(error), String(error)).toBe(true)
    await close()
  })

  it('a worker frozen in the middle of a statement, with locks that others wait for, is ended', async () => {
    const { hostname, port } = new URL(bench.url)
    let isFrozen = false
    const proxy = await startProxy(
      { host: hostname, port: Number(port) },
      {
        createFilter: () => ({
          ...PASS,
          toTarget(bytes) {
            if (!isFrozen) return bytes
            // The first message of the statement, and half of the second one.
            return bytes.subarray(0, bytes.indexOf('B\0') + 8)
          },
        }),
      },
    )
    const url = Object.assign(new URL(bench.url), { port: String(proxy.port) })
    const frozen = new pg.Client({ connectionString: url.href, application_name: 'spindexer' })
    const ended = new Promise<unknown>((resolve) => frozen.on('error', resolve))
    await frozen.connect()
    await frozen.query(`begin; update spindexer.definitions set taken = taken; insert into spindexer.positions
      values (7, 0, null, null, 0, 0, 0, 0, 0, null, null)`)
    isFrozen = true
    const stuck = frozen.query('select $1::text', ['x']).catch((error: unknown) => error)
    const store = bench.store()
    const batch = batchOf([mutationOf('upsert', 'tracks', 'z', 1, { n: 1n })], { partition: 7 })
    const began = performance.now()
    for (;;) {
      const result = await store.commit(batch).catch((error: unknown) => error)
      if (result instanceof Error) expect(isTransient(result), String(result)).toBe(true)
      else break
    }
    expect(performance.now() - began).toBeLessThan(60_000)
    expect(String(await Promise.race([stuck, ended]))).toMatch(/terminat|ECONNRESET/)
    await proxy.close()
  })

  it('a slow statement, and a reader that thinks between two, are left alone', async () => {
    const { pool, close } = await through()
    const slow = inTransaction(pool, WRITE, (client) => client.query('select pg_sleep(28)'))
    const reader = await pool.connect()
    await reader.query('begin')
    await new Promise((resolve) => setTimeout(resolve, 26_000))
    expect((await reader.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    reader.release()
    expect((await slow).rowCount).toBe(1)
    await close()
  })
})
