// A node killed ten times in the middle of its transactions ends equal to one that never was, and to the fold in Python.

import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { cli, startCli } from '../support/cli.ts'
import { waitFor } from '../support/wait.ts'
import { publishGenerated, startLoad } from './load.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createLogOfKind,
  createTestNode,
  foldInPython,
  LOG_KINDS,
  sha256,
  type TestNode,
} from './support.ts'

const KILLS = 10

describe.each(LOG_KINDS)('on a log in %s', (kind) => {
  it('SIGKILL ten times, each with lag and a transaction open: equal to a calm node and to the fold in Python', async () => {
    const log = await createLogOfKind(kind, 'crash', { partitions: 4, datasets: 'examples/catalogue' })
    const calm = await createTestNode(log, 'calm')
    const killed = await createTestNode(log, 'killed')
    await cli(['migrate'], { env: killed.env })
    await publishGenerated(log, 'first', 1, 60_000)
    const load = startLoad(log, 'second', 2)
    const kills: { lag: bigint; position: bigint; state: string }[] = []
    try {
      for (let kill = 0; kill < KILLS; kill++) kills.push(await killInTransaction(killed, kill))
      await load.stop()
    } finally {
      load.kill()
    }
    await catchUp(killed)
    await catchUp(calm)
    const cells = await cellsOf(calm)
    expect(sha256(await cellsOf(killed))).toBe(sha256(cells))
    expect(sha256(await foldInPython(log))).toBe(sha256(cells))
    expect(await countsOf(killed)).toEqual(await countsOf(calm))
    for (const { lag, state } of kills) {
      expect(lag).toBeGreaterThan(0n)
      expect(state).toMatch(/^(active|idle in transaction)$/)
    }
    // The kills fell upon different places of the log, not ten times upon the first batch.
    expect(new Set(kills.map(({ position }) => position)).size).toBeGreaterThan(3)
    await calm.drop()
    await killed.drop()
  }, 400_000)
})

/** Starts the node, waits for an open transaction that writes (not always the first), and kills the process in it. */
async function killInTransaction(node: TestNode, kill: number) {
  const watcher = new pg.Client({ connectionString: node.url })
  await watcher.connect()
  const running = startCli(['run'], { env: node.env })
  try {
    const before = (await countsOf(node)).consumed!
    // Every second kill waits until something was committed, so that the next one begins elsewhere.
    if (kill % 2 === 1) {
      await waitFor('a commit', async () => (await countsOf(node)).consumed! > before, { everyMs: 10 })
    }
    const seen = await waitFor(
      'an open transaction',
      async () => {
        const { rows } = await watcher.query(
          `select state from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid() and backend_xid is not null
             and state in ('active', 'idle in transaction')`,
        )
        return rows[0] as { state: string } | undefined
      },
      { everyMs: 1, timeoutMs: 60_000 },
    )
    running.kill('SIGKILL')
    await running.ended
    await waitFor('the server to roll back', async () => {
      const { rows } = await watcher.query(
        'select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      )
      return rows.length === 0
    })
    const after = await countsOf(node)
    return { lag: await lagOf(node), position: after.consumed!, state: seen.state }
  } finally {
    running.kill('SIGKILL')
    await watcher.end()
  }
}

async function lagOf(node: TestNode): Promise<bigint> {
  return BigInt(JSON.parse(await cli(['status', '--json'], { env: node.env })).lag)
}
