// A database that was copied, node id and all: never two nodes that share the partitions, whoever is started first.

import { expect, it } from 'vitest'
import { cli, type RunningCli, startCli } from '../support/cli.ts'
import { postgres } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { publishGenerated } from './load.ts'
import { catchUp, cellsOf, countsOf, createTestLog, createTestNode, query, type TestNode } from './support.ts'

it('a copy and its original: the second is refused with the remedy, one of two at once goes on whole, both work after it', async () => {
  const log = await createTestLog('clones', { partitions: 4, datasets: 'examples/catalogue' })
  const original = await createTestNode(log, 'original')
  await publishGenerated(log, 'first', 1, 2_000)
  await catchUp(original)
  const copy = await cloneOf(original, log.env)
  const running = new Set<RunningCli>()
  const start = (node: TestNode) => {
    const worker = startCli(['run'], { env: node.env })
    running.add(worker)
    return worker
  }
  try {
    // The copy alone is a node like any other; the original comes later, and finds it at work.
    const alone = start(copy)
    await reading(alone)
    const late = await start(original).ended
    expect(late.code, late.stderr).toBe(1)
    expect(late.stderr).toContain('a process that this database does not know')
    expect(late.stderr).toContain('spindexer node reset-id')
    await publishGenerated(log, 'second', 2, 2_000)
    await waitForAll(copy, 4_000n)
    await stop(alone)

    // A copy taken while the original ran knows its worker by name.
    const first = start(original)
    await reading(first)
    const workers = await original.query('select worker_id, seen_at::text from spindexer.workers')
    for (const { worker_id, seen_at } of workers) {
      await copy.query(`insert into spindexer.workers values ($1, $2, $2) on conflict do nothing`, [
        worker_id,
        seen_at,
      ])
    }
    const refused = await start(copy).ended
    expect(refused.code, refused.stderr).toBe(1)
    expect(refused.stderr).toContain('has not been seen in this database')
    expect(refused.stderr).toContain('spindexer node reset-id')
    await waitForAll(original, 4_000n)
    expect(first.child.exitCode).toBeNull()
    await stop(first)

    // Both at once: neither can see the other before it joins.
    const both = [start(original), start(copy)]
    const ended = await Promise.race(both.map(async (worker, i) => ({ i, ...(await worker.ended) })))
    expect(ended.code, ended.stderr).toBe(1)
    expect(ended.stderr).toContain('spindexer node reset-id')
    const [one, other] = ended.i === 0 ? [original, copy] : [copy, original]
    await publishGenerated(log, 'third', 3, 2_000)
    await waitForAll(other, 6_000n)

    await cli(['node', 'reset-id'], { env: one.env })
    await reading(start(one))
    await publishGenerated(log, 'fourth', 4, 2_000)
    await waitForAll(one, 8_000n)
    await waitForAll(other, 8_000n)
  } finally {
    for (const worker of running) worker.kill('SIGKILL')
  }
  expect(await cellsOf(copy)).toBe(await cellsOf(original))
  expect(await countsOf(copy)).toEqual(await countsOf(original))
  await copy.drop()
  await original.drop()
}, 300_000)

/** What `create database … template` makes of a node that nobody is connected to. */
async function cloneOf(node: TestNode, env: Readonly<Record<string, string>>): Promise<TestNode> {
  const admin = (await postgres(18)).url
  const name = new URL(node.url).pathname.slice(1)
  await query(admin, `create database "${name}_copy" template "${name}"`)
  const url = Object.assign(new URL(node.url), { pathname: `/${name}_copy` }).href
  return {
    env: { ...env, DATABASE_URL: url },
    url,
    query: (sql, parameters) => query(url, sql, parameters),
    drop: () => query(admin, `drop database "${name}_copy" with (force)`).then(() => {}),
  }
}

async function reading(worker: RunningCli): Promise<void> {
  await waitFor('the node to run', () => {
    if (worker.child.exitCode !== null) throw new Error(worker.stderr())
    return worker.stderr().includes('Node of log')
  })
  // It joins its group a moment later.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
}

async function stop(worker: RunningCli): Promise<void> {
  worker.kill('SIGTERM')
  const { code, stderr } = await worker.ended
  expect(code, stderr).toBe(0)
}

/** Every message, and so every partition. */
async function waitForAll(node: TestNode, count: bigint): Promise<void> {
  await waitFor('the node to have everything', async () => (await countsOf(node)).consumed === count)
}
