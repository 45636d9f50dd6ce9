// Three brokers, killed, hung, moved and emptied one after the other: nothing acknowledged is lost, nothing counted twice.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { alterTopic, replicasOf } from '../log/kafka-admin.ts'
import { runCli, startCli } from '../support/cli.ts'
import { type KafkaCluster, startKafkaCluster, temporaryDir } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { type Load, startLoad } from './load.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestLog,
  createTestNode,
  foldInPython,
  type KafkaTestLog,
  sha256,
  type TestNode,
} from './support.ts'

const dir = temporaryDir()
let cluster: KafkaCluster

beforeAll(async () => {
  cluster = await startKafkaCluster({ dir: dir.path, brokerCount: 3 })
})

afterAll(async () => {
  await cluster?.kill()
  dir.remove()
})

const gone = new Set<number>()
const aliveBrokers = () =>
  cluster.nodes.filter(({ nodeId }) => !gone.has(nodeId)).map(({ address }) => address)

/** Null: a partition has no leader. Undefined: nobody could be asked just now. */
const askReplicas = (log: KafkaTestLog) => replicasOf(aliveBrokers(), log.topic).catch(() => undefined)

async function leaderOf(log: KafkaTestLog, partition: number) {
  const found = await waitFor('a leader', async () => {
    const replicas = await askReplicas(log)
    return replicas?.find((one) => one.partition === partition)
  })
  return cluster.node(found.leader)
}

async function kill(nodeId: number) {
  gone.add(nodeId)
  await cluster.node(nodeId).kill('SIGKILL')
}

async function restart(nodeId: number) {
  await cluster.node(nodeId).restart()
  gone.delete(nodeId)
}

/** A broker that comes back, or wakes, takes its time on a busy machine. */
async function inSync(log: KafkaTestLog) {
  const areInSync = async () => {
    const replicas = await askReplicas(log)
    return replicas?.every(({ inSync }) => inSync.length === 3)
  }
  await waitFor('all replicas to be in sync', areInSync, { timeoutMs: 150_000 })
}

/** Waits until the node has processed messages that the writers were given after now. */
async function progress(node: TestNode, loads: readonly Load[], what: string): Promise<void> {
  const given = loads.reduce((sum, load) => sum + load.written(), 0)
  await waitFor(`progress ${what}`, async () => (await countsOf(node)).consumed! > BigInt(given), {
    everyMs: 100,
    timeoutMs: 90_000,
  })
}

it('brokers are killed, hang, move and come back empty: nothing is lost and nothing is counted twice', async () => {
  const log = await createTestLog('brokers', {
    partitions: 3,
    datasets: 'examples/catalogue',
    brokers: cluster.brokers,
  })
  const node = await createTestNode(log, 'brokers')
  const running = startCli(['run'], { env: node.env })
  const loads: Load[] = []
  let durable = 0
  try {
    await waitFor('the node to run', () => running.stderr().includes('Node of log'))
    loads.push(startLoad(log, 'one', 1, 500), startLoad(log, 'two', 2, 500))
    await progress(node, loads, 'calm')

    let leader = await leaderOf(log, 0)
    await kill(leader.nodeId)
    await progress(node, loads, 'with the leader of partition 0 killed')
    await restart(leader.nodeId)
    await inSync(log)
    leader = await leaderOf(log, 1)
    await cluster.controller.kill('SIGKILL')
    await kill(leader.nodeId)
    await sleep(3_000)
    await cluster.controller.restart()
    await progress(node, loads, 'with the controller back and a leader killed')
    await cluster.node(leader.nodeId).disk.wipe()
    await restart(leader.nodeId)
    await inSync(log)
    await progress(node, loads, 'with a broker that came back empty')

    leader = await leaderOf(log, 2)
    await leader.kill('SIGSTOP')
    gone.add(leader.nodeId)
    await progress(node, loads, 'with a broker that hangs')
    await leader.kill('SIGCONT')
    gone.delete(leader.nodeId)
    await inSync(log)
    await progress(node, loads, 'with the broker awake')

    for (const { nodeId } of cluster.nodes) {
      await cluster.move(nodeId)
      await inSync(log)
    }
    await progress(node, loads, 'with each broker moved')
    for (const load of loads) durable += await load.stop()
    expect(running.child.exitCode).toBe(null)
  } catch (error) {
    console.log(loads.map((load) => load.stderr()).join('\n'), running.stderr())
    throw error
  } finally {
    for (const load of loads) load.kill()
    running.kill('SIGKILL')
  }
  // Those who start now have to know where the brokers went.
  const env = { SPINDEXER_LOG: `kafka://${cluster.brokers.join(',')}/${log.topic}` }
  const moved = { ...log, brokers: cluster.brokers, env }
  const calm = await createTestNode(moved, 'calm')
  await catchUp(calm)
  await catchUp({ ...node, env: { ...node.env, ...env } })
  const cells = await cellsOf(calm)
  expect(sha256(await cellsOf(node))).toBe(sha256(cells))
  expect(sha256(await foldInPython(moved))).toBe(sha256(cells))
  const counts = await countsOf(node)
  expect(counts).toEqual(await countsOf(calm))
  // A batch that was sent again is known by its numbers: each acknowledged message is in the log once.
  expect(counts).toEqual({ consumed: BigInt(durable), merged: BigInt(durable), parked: 0n, quarantined: 0n })
  await calm.drop()
  await node.drop()
}, 600_000)

it('two of three brokers away, then all that are in sync: writers wait, say so, and go on', async () => {
  const log = await createTestLog('away', {
    partitions: 2,
    datasets: 'examples/catalogue',
    brokers: cluster.brokers,
  })
  const node = await createTestNode(log, 'away')
  const running = startCli(['run'], { env: node.env })
  const load = startLoad(log, 'one', 3, 250)
  const [stale, second, last] = cluster.nodes.map(({ nodeId }) => nodeId) as [number, number, number]
  try {
    await waitFor('the node to run', () => running.stderr().includes('Node of log'))
    await progress(node, [load], 'calm')
    await kill(stale)
    await waitFor('the first to be left behind', async () =>
      (await askReplicas(log))?.every(({ inSync }) => !inSync.includes(stale)),
    )
    await progress(node, [load], 'with one broker away')
    await kill(second)
    await waitFor('the writer to say that it waits', () =>
      /waiting: appending to partition \d of kafka topic .*min\.insync\.replicas/.test(load.stderr()),
    )
    await kill(last)
    await restart(stale)
    // It lacks what the others acknowledged: it must not lead, whatever waits for it.
    await waitFor('a partition to be without a leader', async () => (await askReplicas(log)) === null)
    await waitFor('the node to say that it waits', () =>
      /waiting: (.*\n?.*)bring back the brokers that have this partition/.test(running.stderr()),
    )
    const check = await runCli(['log', 'check'], { env: log.env })
    expect(check.stderr).toMatch(/describing kafka topic .*; bring back the brokers/)
    expect(check.code).toBe(1)
    await restart(last)
    await restart(second)
    await progress(node, [load], 'with all brokers back')
    const durable = await load.stop()
    await catchUp(node)
    expect((await countsOf(node)).merged).toBe(BigInt(durable))
    running.kill('SIGTERM')
    expect(await running.ended).toMatchObject({ code: 0 })
  } catch (error) {
    console.log(load.stderr(), running.stderr())
    throw error
  } finally {
    load.kill()
    running.kill('SIGKILL')
  }
  expect(sha256(await foldInPython(log))).toBe(sha256(await cellsOf(node)))
  await node.drop()
}, 600_000)

it('dead addresses before a living one do not matter; with dead ones alone commands say so and the node waits', async () => {
  const log = await createTestLog('addresses', { partitions: 1, brokers: cluster.brokers })
  const dead = ['127.0.0.1:1', '127.0.0.1:2']
  const envOf = (...brokers: string[]) => ({ SPINDEXER_LOG: `kafka://${brokers.join(',')}/${log.topic}` })
  const sound = await runCli(['log', 'check'], { env: envOf(...dead, cluster.brokers[1]!) })
  expect(sound.stderr).toMatch(/is sound/)
  const lost = await runCli(['log', 'check'], { env: envOf(...dead) })
  expect(lost.code).toBe(1)
  expect(lost.stderr).toMatch(
    /describing kafka topic .*127\.0\.0\.1:1,127\.0\.0\.1:2.*; check that Kafka runs/s,
  )
  const node = await createTestNode(log, 'addresses')
  const running = startCli(['run'], { env: { ...node.env, ...envOf(...dead) } })
  await waitFor('the node to say that it waits', () =>
    /waiting: .*check that Kafka runs/s.test(running.stderr()),
  )
  expect(running.child.exitCode).toBe(null)
  running.kill('SIGTERM')
  expect(await running.ended).toMatchObject({ code: 0 })
  await node.drop()
}, 120_000)

it('how many brokers must acknowledge: one is warned of, and so is all of them', async () => {
  const log = await createTestLog('warned', { partitions: 1, brokers: cluster.brokers })
  const check = async () => (await runCli(['log', 'check'], { env: log.env })).stderr
  expect(await check()).not.toMatch(/warning/)
  await alterTopic(log.brokers, log.topic, { 'min.insync.replicas': '1' })
  await waitFor('the warning', async () =>
    /one broker may acknowledge alone; run `kafka-configs/.test(await check()),
  )
  await alterTopic(log.brokers, log.topic, { 'min.insync.replicas': '3' })
  await waitFor('the warning', async () =>
    /as soon as one of 3 brokers is away; run `kafka-configs/.test(await check()),
  )
}, 120_000)
