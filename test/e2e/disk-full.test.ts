// Disks that are really full, of tables and of the write-ahead log: the node waits, says so, sets nothing aside, and goes on.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { temporaryDir } from '../support/services.ts'
import { type SmallDiskPostgres, startSmallDiskPostgres } from '../support/small-disk.ts'
import { waitFor } from '../support/wait.ts'
import { startLoad } from './load.ts'
import {
  type Bench,
  endNode,
  expectEqualToCalm,
  openBench,
  progress,
  says,
  startNode,
} from './postgres-support.ts'

const dir = temporaryDir()
let server: SmallDiskPostgres
let bench: Bench

beforeAll(async () => {
  server = await startSmallDiskPostgres(dir.path)
  bench = await openBench('disk-full', server.url, server.tablespace)
})
afterAll(async () => {
  await server?.close()
  dir.remove()
})

it('a full tablespace, then a full log of Postgres that ends the server: equal to a calm node', async () => {
  const { node, admin } = bench
  const load = startLoad(bench.log, 'loader', 7)
  const worker = await startNode(node.env)
  try {
    await progress(node, [worker])
    let from = worker.stderr().length
    await server.fill('tables')
    await says(
      worker,
      /could not write a batch: could not extend file .*\n.*the disk of Postgres is full/,
      from,
    )
    expect(await node.query('select from spindexer.quarantined')).toEqual([])
    await server.free('tables')
    await says(worker, /Going on/, from)
    await progress(node, [worker])

    // A slot that nobody reads from keeps the whole log, as in life.
    await admin(`select pg_create_physical_replication_slot('forgotten', true)`)
    from = worker.stderr().length
    await server.fill('wal')
    await waitFor(
      'the server to give up',
      async () => {
        // One file after the other is begun, until there is no room for another.
        await admin('select pg_switch_wal()').catch(() => {})
        return !(await server.isRunning())
      },
      { timeoutMs: 120_000, everyMs: 100 },
    )
    await says(worker, /waiting: could not/, from)
    await server.free('wal')
    await server.restart()
    await admin(`select pg_drop_replication_slot('forgotten')`)
    await progress(node, [worker])
    await load.stop()
    await endNode(worker)
  } finally {
    load.kill()
    worker.kill('SIGKILL')
  }
  await expectEqualToCalm(bench.log, node)
}, 400_000)
