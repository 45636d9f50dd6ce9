// Workers that stop as if frozen and wake up after their partitions went to others; groups that never come to rest.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createRandom } from '../../scripts/demo/random.ts'
import { cli, type RunningCli, startCli } from '../support/cli.ts'
import { announceSeed } from '../support/seed.ts'
import { waitFor } from '../support/wait.ts'
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
const WORKERS_MAX = 4

it('workers that join, leave, die and freeze every second in the middle of batches: every message once', async () => {
  const log = await createTestLog('restless', { partitions: 6, datasets: 'examples/catalogue' })
  const node = await createTestNode(log, 'restless')
  await cli(['migrate'], { env: node.env })
  await publishGenerated(log, 'first', 1, 20_000)
  const load = startLoad(log, 'loader', seed)
  const workers = createWorkers(node)
  try {
    await workers.start()
    const random = createRandom(seed)
    const until = Date.now() + CHAOS_MS
    while (Date.now() < until) {
      await workers.change(random)
      await sleep(300 + 900 * random())
    }
    await load.stop()
    workers.wakeAll()
    // Two that are to end at the end do so, both, while others still work.
    const ending = [0, 1].map(() => cli(['run', '--until-end'], { env: node.env }))
    await Promise.all(ending)
    await workers.endAll()
  } finally {
    load.kill()
    workers.killAll()
  }
  await expectEqualToCalm(log, node)
  await node.drop()
}, 400_000)

/** Workers of one node to which things happen. */
function createWorkers(node: TestNode) {
  const awake: RunningCli[] = []
  const frozen: RunningCli[] = []
  const take = (from: RunningCli[], random: () => number) =>
    from.splice(Math.floor(random() * from.length), 1)[0]
  const ended: Promise<void>[] = []
  const mustEndWell = (worker: RunningCli) => {
    ended.push(
      worker.ended.then(({ code, stderr }) => {
        // Asked to end before it had learnt to listen, it is just gone.
        if (code !== 0 && stderr !== '') throw new Error(`a worker ended with ${code}:\n${stderr}`)
      }),
    )
  }
  return {
    start: async () => void awake.push(startCli(['run'], { env: node.env })),
    /** One of: another worker, an orderly end, a kill, a freeze, a thaw. */
    async change(random: () => number) {
      const dice = random()
      for (const worker of awake) {
        if (worker.child.exitCode !== null) throw new Error(`a worker ended by itself:\n${worker.stderr()}`)
      }
      if (awake.length + frozen.length < 2 || (dice < 0.35 && awake.length + frozen.length < WORKERS_MAX)) {
        awake.push(startCli(['run'], { env: node.env }))
      } else if (dice < 0.55 && awake.length > 1) {
        const worker = take(awake, random)!
        mustEndWell(worker)
        worker.kill('SIGTERM')
      } else if (dice < 0.65 && awake.length > 1) {
        take(awake, random)!.kill('SIGKILL')
      } else if (dice < 0.85 && awake.length > 1) {
        const worker = take(awake, random)!
        frozen.push(worker)
        worker.kill('SIGSTOP')
      } else if (frozen.length > 0) {
        const worker = take(frozen, random)!
        awake.push(worker)
        worker.kill('SIGCONT')
      }
    },
    wakeAll() {
      for (const worker of frozen.splice(0)) {
        awake.push(worker)
        worker.kill('SIGCONT')
      }
    },
    async endAll() {
      for (const worker of awake) {
        mustEndWell(worker)
        worker.kill('SIGTERM')
      }
      await Promise.all(ended)
    },
    killAll() {
      for (const worker of [...awake, ...frozen]) worker.kill('SIGKILL')
    },
  }
}
