// Postgres under fire while a writer goes on: sessions ended, statements cancelled, connections cut, answers lost, servers killed.

import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, it } from 'vitest'
import type { RunningCli } from '../support/cli.ts'
import { type Filter, startProxy, type TcpProxy } from '../support/proxy.ts'
import { announceSeed } from '../support/seed.ts'
import { waitFor } from '../support/wait.ts'
import { startLoad } from './load.ts'
import {
  type Bench,
  endNode,
  expectEqualToCalm,
  openBench,
  openPrivatePostgres,
  type PrivatePostgres,
  progress,
  says,
  startNode,
} from './postgres-support.ts'

const seed = announceSeed('test/e2e/postgres-faults.test.ts')
let postgres: PrivatePostgres
let bench: Bench
let proxy: TcpProxy
/** While set, every third connection that sends a commit is cut behind it. */
let isLosingCommits = false
let commits = 0
let lost = 0
let holder: pg.Client | undefined

beforeAll(async () => {
  postgres = await openPrivatePostgres()
  bench = await openBench('faults', postgres.server.url)
  proxy = await startProxy({ host: '127.0.0.1', port: postgres.server.port }, { createFilter: loseCommits })
})
afterAll(async () => {
  await proxy?.close()
  await postgres?.close()
})

/** Passes a commit on and cuts the connection before its answer comes. */
function loseCommits(): Filter {
  let isCutting = false
  return {
    toTarget(bytes) {
      if (isLosingCommits && bytes.includes('commit\0') && commits++ % 3 === 0) {
        isCutting = true
        lost++
      }
      return bytes
    },
    toClient: (bytes) => (isCutting ? null : bytes),
  }
}

const SESSIONS = `from pg_stat_activity where application_name = 'spindexer' and datname = 'node'`

it('a node loses no message and counts none twice, and says what it waits for', async () => {
  const { admin, node } = bench
  const { server } = postgres
  const env = { ...node.env, DATABASE_URL: bench.urlOf({ username: 'node', port: proxy.port }) }
  const load = startLoad(bench.log, 'loader', seed)
  let running: RunningCli | undefined
  try {
    const worker = await startNode(env)
    running = worker
    const goesOn = () => progress(node, [worker])
    /** Does something to the database for which the node waits with these words, undoes it, and sees it go on. */
    const waits = async (words: RegExp, happen: () => Promise<unknown>, undo: () => Promise<unknown>) => {
      const from = worker.stderr().length
      await happen()
      await says(worker, words, from)
      await undo()
      await goesOn()
    }
    await goesOn()
    await repeat(25, 100, () => admin(`select pg_terminate_backend(pid) ${SESSIONS}`))
    await goesOn()
    await repeat(60, 30, () => admin(`select pg_cancel_backend(pid) ${SESSIONS} and state = 'active'`))
    await goesOn()
    await repeat(15, 120, async () => proxy.cut())
    await goesOn()

    isLosingCommits = true
    await waitFor('lost answers', () => lost >= 8)
    isLosingCommits = false
    await goesOn()

    await waits(
      /too many connections for role/,
      () => admin(`alter role node connection limit 0; select pg_terminate_backend(pid) ${SESSIONS}`),
      () => admin('alter role node connection limit -1'),
    )
    await waits(
      /not currently accepting connections/,
      () =>
        admin(`alter database node allow_connections false; select pg_terminate_backend(pid) ${SESSIONS}`),
      () => admin('alter database node allow_connections true'),
    )
    await waits(
      /read-only transaction\n.*takes no writes/,
      () =>
        admin(
          `alter database node set default_transaction_read_only = on; select pg_terminate_backend(pid) ${SESSIONS}`,
        ),
      () =>
        admin(
          `alter database node reset default_transaction_read_only; select pg_terminate_backend(pid) ${SESSIONS}`,
        ),
    )
    // Somebody's session holds a row of the node.
    await waits(/lock timeout/, holdPositions, releasePositions)
    // A network that swallows everything: nothing is refused, no connection ends.
    await waits(
      /the connection is lost/,
      async () => proxy.pause(),
      async () => proxy.resume(),
    )

    // One process of the server dies: the server ends all others and recovers.
    await killBackend()
    await goesOn()
    await server.stop('immediate')
    await server.restart()
    await goesOn()
    await waits(
      /ECONNRE/,
      () => server.kill('SIGKILL'),
      () => server.restart(),
    )
    await waits(/takes no writes/, becomeStandby, () => admin('select pg_promote()'))

    await load.stop()
    await endNode(worker)
  } finally {
    load.kill()
    running?.kill('SIGKILL')
  }
  await expectEqualToCalm(bench.log, node)
}, 500_000)

async function repeat(times: number, everyMs: number, act: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < times; i++) {
    await act()
    await sleep(everyMs)
  }
}

/** A session of somebody's that locks what every batch writes. */
async function holdPositions(): Promise<void> {
  holder = new pg.Client({ connectionString: bench.node.url })
  holder.on('error', () => {})
  await holder.connect()
  await holder.query('begin; select from spindexer.positions for update')
}

async function releasePositions(): Promise<void> {
  await holder?.end()
}

/** Kills one of the server's processes as the kernel does when memory is short. */
async function killBackend(): Promise<void> {
  const rows = await waitFor('a session', async () => {
    const found = await bench.admin(`select pid ${SESSIONS}`)
    return found.length > 0 && found
  })
  await postgres.server.killProcess(Number(rows[0]!.pid))
}

/** What a failover may lead to: the same data on a server that only reads. */
async function becomeStandby(): Promise<void> {
  // Looked at only when a server starts.
  await postgres.server.touch('standby.signal')
  await postgres.server.restart()
}
