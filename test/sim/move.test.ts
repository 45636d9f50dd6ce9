// Nodes that move to a copy of their log: a running one whose address leads to it, and workers that still read the old one.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { copyLog } from '../../src/log/copy/copy.ts'
import { createLog } from '../../src/log/genesis.ts'
import type { KeptLog, Log } from '../../src/log/log.ts'
import { createMemoryLog, type MemoryLog } from '../../src/log/memory/log.ts'
import type { NodeEvent } from '../../src/node/context.ts'
import { runNode } from '../../src/node/run.ts'
import { createMemoryDatabase, type MemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import { plan } from '../log/samples.ts'
import { expectState, figuresOf, follow, readLog } from '../support/copies.ts'
import { announceSeed } from '../support/seed.ts'
import { waitFor } from '../support/wait.ts'
import { createRandom, randomDefinition, randomRecord } from './world.ts'

const SEED = announceSeed('test/sim/move.test.ts')
const random = createRandom(SEED)
const now = () => BigInt(Date.now())

const memoryLog = (): MemoryLog => createMemoryLog({ partitions: 2, now, chunkRecords: 20 })

async function createSource(): Promise<MemoryLog> {
  const log = memoryLog()
  await createLog(log, plan(1))
  for (let i = 0; i < 200; i++) {
    await log.append([
      randomRecord(random, 2, now(), BigInt(i)),
      ...(i % 20 === 7 ? [randomDefinition(random)] : []),
    ])
  }
  return log
}

async function copyOf(source: KeptLog): Promise<MemoryLog> {
  const target = memoryLog()
  const outcome = await copyLog({
    source,
    target,
    isClosing: true,
    signal: new AbortController().signal,
    copyId: plan(2).copyId,
    nowMs: () => performance.now(),
    onEvent: () => {},
  })
  expect(outcome.type).toBe('copied')
  return target
}

interface Running {
  readonly events: NodeEvent[]
  readonly ended: ReturnType<typeof runNode>
  stop(): void
}

function run(
  log: Log,
  database: MemoryDatabase,
  options: { checkEveryMs?: number; untilEnd?: boolean } = {},
): Running {
  const events: NodeEvent[] = []
  const stop = new AbortController()
  const ended = runNode({
    log,
    store: createMemoryStore(database),
    scope: { type: 'all' },
    signal: stop.signal,
    untilEnd: false,
    isTransient: () => false,
    emit: (event) => events.push(event),
    ...options,
  })
  return { events, ended, stop: () => stop.abort() }
}

const consumedOf = ({ partitions }: MemoryDatabase) =>
  [...partitions.values()].reduce((sum, { consumed }) => sum + Number(consumed), 0)

it('a running node whose address leads to the copy moves there, says so, and is equal to a fresh one', async () => {
  const source = await createSource()
  let current: Log = source
  const address: Log = {
    describe: () => current.describe(),
    append: (records, options) => current.append(records, options),
    read: (options) => current.read(options),
    pick: (pointers) => current.pick(pointers),
    close: async () => {},
  }
  const database = createMemoryDatabase()
  const node = run(address, database, { checkEveryMs: 20 })
  await waitFor('the node to have read', () => consumedOf(database) === 200)
  const target = await copyOf(source)
  current = target
  await waitFor('the node to move', () => node.events.some(({ type }) => type === 'moved'))
  expect(node.events.find(({ type }) => type === 'moved')).toMatchObject({
    from: { generation: 1 },
    to: { generation: 2, copyId: plan(2).copyId },
  })
  await waitFor('the node to have read again', () => consumedOf(database) === 200)
  await target.append([randomRecord(random, 2, now(), 500n)])
  await waitFor('what is new to be read', () => consumedOf(database) === 201)
  node.stop()
  expect(await node.ended).toEqual({ type: 'stopped' })
  const fresh = createMemoryDatabase()
  await follow(target, fresh)
  expectState(database, await readLog(target))
  expect(figuresOf(database)).toEqual(figuresOf(fresh))
})

it('workers that still read the old log are refused at their next step, and take nothing back', async () => {
  const source = await createSource()
  const unsealed: KeptLog = { ...source, seal: async () => false }
  const database = createMemoryDatabase()
  const workers = [run(source, database), run(source, database, { checkEveryMs: 20 })]
  await waitFor('the workers to have read', () => consumedOf(database) === 200)
  const target = await copyOf(unsealed)
  const moved = [run(target, database, { untilEnd: true }), run(target, database, { untilEnd: true })]
  for (const { ended } of moved) expect(await ended).toEqual({ type: 'ended' })
  const events = moved.flatMap((worker) => worker.events)
  expect(events.filter(({ type }) => type === 'moved')).toHaveLength(1)
  const state = figuresOf(database)
  // The one that is idle sees it at its checks, the other one when something comes.
  await source.append([randomRecord(random, 2, now(), 900n)])
  for (const { ended } of workers) {
    expect(await ended).toMatchObject({
      type: 'refused',
      problems: [{ what: expect.stringMatching(/the older generation 1/) }],
    })
  }
  await sleep(10)
  expect(figuresOf(database)).toEqual(state)
})

it('--until-end across the move ends at the end of the copy', async () => {
  const source = await createSource()
  const database = createMemoryDatabase()
  await follow(source, database)
  const target = await copyOf(source)
  await target.append(Array.from({ length: 30 }, (_, i) => randomRecord(random, 2, now(), BigInt(1_000 + i))))
  const node = run(target, database, { untilEnd: true })
  expect(await node.ended).toEqual({ type: 'ended' })
  expect(consumedOf(database)).toBe(230)
})
