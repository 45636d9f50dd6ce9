// Looks at the node's state: a few at a time, in turn, each closed whatever happens, none for ever.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { addRoutes } from '../../src/http/routes.ts'
import { createSnapshots } from '../../src/http/snapshots.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryReader } from '../../src/store/memory/reader.ts'
import { createPostgresReader } from '../../src/store/postgres/reader.ts'
import { openPostgres } from '../store/postgres-bench.ts'
import { fillStore, portsOf } from './memory-node.ts'
import { openTestDoor } from './support.ts'

const AWAY = new Error('Connection terminated')

function openSnapshots(waitMs = 10_000) {
  const counts = { open: 0, most: 0, closed: 0 }
  let failure: Error | null = null
  const withSnapshot = createSnapshots({
    async open() {
      if (failure !== null) throw failure
      counts.most = Math.max(counts.most, ++counts.open)
      const reader = createMemoryReader(createMemoryDatabase())
      return {
        ...reader,
        async close() {
          counts.open--
          counts.closed++
        },
      }
    },
    isTransient: (error) => error === AWAY,
    snapshotsMax: 2,
    waitMs,
  })
  return {
    withSnapshot,
    counts,
    failWith: (error: Error | null) => {
      failure = error
    },
  }
}

describe('snapshots', () => {
  it('no more than so many are open, and everybody gets a turn', async () => {
    const { withSnapshot, counts } = openSnapshots()
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        withSnapshot(async () => {
          await sleep(2)
          order.push(i)
        }),
      ),
    )
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    expect(counts).toEqual({ open: 0, most: 2, closed: 20 })
  })

  it('who waits too long is told so, and the turn it did not take is not lost', async () => {
    const { withSnapshot, counts } = openSnapshots(30)
    const held = Promise.withResolvers<void>()
    const holders = [withSnapshot(() => held.promise), withSnapshot(() => held.promise)]
    await expect(withSnapshot(async () => {})).rejects.toMatchObject({ kind: 'too-busy', status: 503 })
    held.resolve()
    await Promise.all(holders)
    for (let i = 0; i < 3; i++) await withSnapshot(async () => {})
    expect(counts).toMatchObject({ open: 0, most: 2 })
  })

  it('what goes wrong gives the turn back: a bug is a bug, a database that is away is said to be so', async () => {
    const { withSnapshot, counts, failWith } = openSnapshots()
    for (let i = 0; i < 5; i++) {
      await expect(withSnapshot(async () => Promise.reject(new Error('a bug')))).rejects.toThrow('a bug')
      failWith(AWAY)
      await expect(withSnapshot(async () => {})).rejects.toMatchObject({ kind: 'database-away' })
      failWith(null)
    }
    await withSnapshot(async () => {})
    expect(counts).toEqual({ open: 0, most: 1, closed: 6 })
  })

  it('a statement that takes too long is broken off, and so is the wait for a lock', async () => {
    const bench = await openPostgres(18)
    onTestFinished(() => bench.close())
    await fillStore(bench)
    const store = { store: bench.store, reader: () => openReader(bench) }
    const ports = { ...portsOf(store) }
    const { url, bugs } = await openTestDoor({ addRoutes: (app) => addRoutes(app, ports) })
    const client = await bench.pool.connect()
    try {
      await client.query('begin; lock table spindexer.d_tracks in access exclusive mode')
      const response = await fetch(`${url}/v1/datasets/tracks/rows`)
      expect([response.status, await response.text()]).toEqual([
        503,
        expect.stringContaining('the database took too long for it'),
      ])
      expect((await fetch(`${url}/v1/datasets/pairs/rows`)).status).toBe(200)
    } finally {
      await client.query('rollback')
      client.release()
    }
    expect((await fetch(`${url}/v1/datasets/tracks/rows`)).status).toBe(200)
    expect(bugs).toEqual([])
  })
})

async function openReader({ pool }: { readonly pool: Parameters<typeof createPostgresReader>[0] }) {
  const reader = await createPostgresReader(pool, { statementMs: 200 })
  if ('type' in reader) throw new Error(reader.what)
  return reader
}
