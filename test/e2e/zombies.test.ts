// Workers that stop as if frozen and wake up after their partitions went to others; groups that never come to rest.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createRandom } from '../../scripts/demo/random.ts'
import { cli, type RunningCli, startCli } from '../support/cli.ts'
import { announceSeed } from '../support/seed.ts'
import { waitFor } from '../support/wait.ts'
import { createCrew } from './crew.ts'
import { publishGenerated, startLoad } from './load.ts'
import { endNode, expectEqualToCalm, says, startNode } from './postgres-support.ts'
import { catchUp, countsOf, createTestLog, createTestNode, type TestNode } from './support.ts'

const seed = announceSeed('test/e2e/zombies.test.ts')

it('a worker frozen in its transaction holds up the others for seconds, and what it wakes up with is too old', async () => {
  const log = await createTestLog('zombie', { partitions: 4, datasets: 'examples/catalogue' })
  const node = await createTestNode(log, 'zombie')
  // With the definitions taken before, the transaction is one of mutations.
  await catchUp(node)
  await publishGenerated(log, 'first', 1, 40_000)
  const zombie = startCli(['run'], { env: { ...node.env, SPINDEXER_DEBUG: '1' } })
  let other: RunningCli | undefined
  try {
    await freezeInTransaction(node, zombie)
    const frozenAt = (await countsOf(node)).consumed!
    other = await startNode(node.env)
    await publishGenerated(log, 'second', 2, 2_000)
    await waitFor('the other worker to have it all', async () => (await countsOf(node)).consumed === 42_000n)
    expect(frozenAt).toBeLessThan(40_000n)
    zombie.kill('SIGCONT')
    await says(zombie, /reading the state again: another worker moved the positions/, 0)
    await publishGenerated(log, 'third', 3, 2_000)
    await waitFor('both to have it all', async () => (await countsOf(node)).consumed === 44_000n)
    await endNode(zombie)
    await endNode(other)
  } finally {
    zombie.kill('SIGKILL')
    other?.kill('SIGKILL')
  }
  await expectEqualToCalm(log, node)
  await node.drop()
}, 300_000)

/** Stops the process while the server holds a transaction of it open that has written. */
async function freezeInTransaction(node: TestNode, worker: RunningCli): Promise<void> {
  await waitFor(
    'a transaction that stays open',
    async () => {
      if (!(await hasOpenTransaction(node))) return false
      worker.kill('SIGSTOP')
      // What it had sent already may end the transaction.
      await sleep(500)
      if (await hasOpenTransaction(node)) return true
      worker.kill('SIGCONT')
      return false
    },
    { everyMs: 1 },
  )
}

async function hasOpenTransaction(node: TestNode): Promise<boolean> {
  const rows = await node.query(
    `select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
       and application_name = 'spindexer' and backend_xid is not null`,
  )
  return rows.length > 0
}

const CHAOS_MS = 20_000

it('workers that join, leave, die and freeze every second in the middle of batches: every message once', async () => {
  const log = await createTestLog('restless', { partitions: 6, datasets: 'examples/catalogue' })
  const node = await createTestNode(log, 'restless')
  await cli(['migrate'], { env: node.env })
  await publishGenerated(log, 'first', 1, 20_000)
  const load = startLoad(log, 'loader', seed)
  const crew = createCrew(node)
  try {
    crew.start()
    const random = createRandom(seed)
    const until = Date.now() + CHAOS_MS
    while (Date.now() < until) {
      crew.change(random)
      await sleep(300 + 900 * random())
    }
    await load.stop()
    crew.wakeAll()
    // Two that are to end at the end do so, both, while others still work.
    const ending = [0, 1].map(() => cli(['run', '--until-end'], { env: node.env }))
    await Promise.all(ending)
    await crew.endAll()
  } finally {
    load.kill()
    await crew.killAll()
  }
  await expectEqualToCalm(log, node)
  await node.drop()
}, 400_000)
