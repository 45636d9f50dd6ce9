// Workers of one node that join, leave, die and freeze under load: equal to the fold in memory; two that share and stay.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createKafkaLog } from '../../src/log/kafka/log.ts'
import type { Log } from '../../src/log/log.ts'
import { createRandom } from '../sim/world.ts'
import { cli } from '../support/cli.ts'
import { announceSeed } from '../support/seed.ts'
import { soaked } from '../support/soak.ts'
import { waitFor } from '../support/wait.ts'
import { type Crew, createCrew, type Move, movesOf, noteMoves } from './crew.ts'
import { createEdits, type Edits } from './edits.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestLog,
  createTestNode,
  type KafkaTestLog,
  sha256,
  type TestNode,
} from './support.ts'

const seed = announceSeed('test/e2e/workers-load.test.ts')

const PARTITIONS = 6
const MESSAGES = soaked(300_000)
const CHANGES = soaked(18)
const APPEND_MESSAGES = 1_000

it('workers join, leave, die and freeze while messages come: every one once, and the state is the fold of them', async () => {
  const { log, node, edits, appendTo, close } = await open('crowded', seed)
  const crew = createCrew(node)
  const random = createRandom(seed)
  try {
    crew.start()
    crew.start()
    await appendTo(MESSAGES / 10)
    await waitFor('the first commit', async () => (await countsOf(node)).consumed! > 0n)
    const pauses = Array.from({ length: CHANGES }, () => 300 + 900 * random())
    const appended = appendEvenly(
      appendTo,
      MESSAGES - MESSAGES / 10,
      pauses.reduce((sum, ms) => sum + ms, 0),
    )
    // A change that fails ends the test at once, and the appending then ends with the log.
    appended.catch(() => {})
    for (const pauseMs of pauses) {
      crew.change(random)
      await sleep(pauseMs)
    }
    await appended
    crew.wakeAll()
    await haveAll(node, edits, crew)
    await crew.endAll()
    // Whatever befell the others, one more comes after them.
    crew.start()
    await appendTo(APPEND_MESSAGES)
    await haveAll(node, edits, crew)
    await crew.endAll()
    expectCalmWords(crew)
    await expectExact(log, node, edits)
    expectShared(await movesOf(node))
  } finally {
    await crew.killAll()
    await close()
  }
}, 300_000)

it('two workers divide the partitions between them, and each commits its share', async () => {
  const { log, node, edits, appendTo, close } = await open('shared', 1)
  const crew = createCrew(node)
  try {
    crew.start()
    crew.start()
    // A few at a time, until every partition was moved last by its owner of the two.
    await waitFor('both to have their share', async () => {
      crew.check()
      await appendTo(60)
      return sharesOf(lastMovers(await movesOf(node))).join() === '3,3'
    })
    await haveAll(node, edits, crew)
    const owners = lastMovers(await movesOf(node))
    const before = (await movesOf(node)).length
    await appendTo(30_000)
    await haveAll(node, edits, crew)
    await crew.endAll()
    const moves = await movesOf(node)
    const strange = moves.slice(before).filter(({ partition, worker }) => owners.get(partition) !== worker)
    expect(strange).toEqual([])
    for (const { name, stderr } of crew.all()) {
      const consumed = moves
        .filter(({ worker }) => worker === name)
        .reduce((sum, move) => sum + move.consumed, 0n)
      expect(consumed).toBeGreaterThan(9_000n)
      const said = /Stopped: ([\d ,]+) messages processed/.exec(stderr())?.[1]?.replaceAll(/\D/g, '')
      expect(said, stderr()).toBe(String(consumed))
    }
    expectCalmWords(crew)
    await expectExact(log, node, edits)
  } finally {
    await crew.killAll()
    await close()
  }
}, 200_000)

interface Bench {
  readonly log: KafkaTestLog
  /** Migrated, with its moves noted. */
  readonly node: TestNode
  readonly edits: Edits
  /** Appends so many edits more, all of them durable once it resolves. */
  appendTo(count: number): Promise<void>
  close(): Promise<void>
}

async function open(name: string, edits: number): Promise<Bench> {
  const log = await createTestLog(name, { partitions: PARTITIONS, datasets: 'examples/catalogue' })
  const node = await createTestNode(log, name)
  await cli(['migrate'], { env: node.env })
  await noteMoves(node)
  const kafka: Log = createKafkaLog({
    connection: { brokers: log.brokers },
    topic: log.topic,
    onLog: () => {},
  })
  const made = createEdits(createRandom(edits), PARTITIONS, Date.now() - 3_600_000)
  return {
    log,
    node,
    edits: made,
    async appendTo(count) {
      for (let left = count; left > 0; left -= APPEND_MESSAGES) {
        await kafka.append(made.next(Math.min(left, APPEND_MESSAGES)))
      }
    },
    async close() {
      await kafka.close()
      await node.drop()
    },
  }
}

/** Appends `count` messages at an even pace over `ms`, or as fast as it can. */
async function appendEvenly(appendTo: Bench['appendTo'], count: number, ms: number): Promise<void> {
  const beganMs = performance.now()
  for (let appended = 0; appended < count; ) {
    const due = Math.min(count, Math.ceil(((performance.now() - beganMs) / ms) * count))
    const some = Math.min(due - appended, APPEND_MESSAGES)
    if (some > 0) await appendTo(some)
    else await sleep(5)
    appended += Math.max(0, some)
  }
}

async function haveAll(node: TestNode, edits: Edits, crew: Crew): Promise<void> {
  await waitFor(
    'all to be processed',
    async () => {
      crew.check()
      return (await countsOf(node)).consumed === edits.counts().consumed
    },
    { everyMs: 100 },
  )
}

/** The state and the counts are those of the fold in memory, and of a node that reads the log alone from its start. */
async function expectExact(log: KafkaTestLog, node: TestNode, edits: Edits): Promise<void> {
  expect(await countsOf(node)).toEqual(edits.counts())
  expectTiled(await movesOf(node), edits.counts().consumed)
  const cells = await cellsOf(node)
  expect(sha256(cells)).toBe(sha256(edits.state()))
  const calm = await createTestNode(log, 'calm')
  await catchUp(calm)
  expect(sha256(await cellsOf(calm))).toBe(sha256(cells))
  expect(await countsOf(calm)).toEqual(await countsOf(node))
  expect(await calm.query(STATISTICS)).toEqual(await node.query(STATISTICS))
  await calm.drop()
}

const STATISTICS = `select origin, partition, highest_seq::text, count::text from spindexer.origins order by 1, 2`

/** Each partition's moves follow one another from its start; beside the messages there is its genesis. */
function expectTiled(moves: readonly Move[], consumed: bigint): void {
  const ends = new Map<number, bigint>()
  for (const { partition, start, next } of moves) {
    expect(start, `partition ${partition}`).toBe(ends.get(partition) ?? 0n)
    ends.set(partition, next)
  }
  const records = [...ends.values()].reduce((sum, end) => sum + end, 0n)
  expect(records).toBe(consumed + BigInt(PARTITIONS))
}

/** Every partition was moved by more than one worker. */
function expectShared(moves: readonly Move[]): void {
  const workersOf = new Map<number, Set<string>>()
  for (const { partition, worker } of moves) {
    workersOf.set(partition, (workersOf.get(partition) ?? new Set()).add(worker))
  }
  expect(workersOf.size).toBe(PARTITIONS)
  for (const [partition, workers] of workersOf) {
    expect(workers.size, `workers of partition ${partition}`).toBeGreaterThan(1)
  }
}

function lastMovers(moves: readonly Move[]): Map<number, string> {
  return new Map(moves.map(({ partition, worker }) => [partition, worker]))
}

/** How many partitions each worker has, ascending. */
function sharesOf(movers: ReadonlyMap<number, string>): readonly number[] {
  const shares = new Map<string, number>()
  for (const worker of movers.values()) shares.set(worker, (shares.get(worker) ?? 0) + 1)
  return [...shares.values()].sort()
}

/** Nothing frightening was said: what happens to a group every day is no news. */
function expectCalmWords(crew: Crew): void {
  for (const { name, stderr } of crew.all()) {
    const lines = stderr()
      .split('\n')
      .filter((line) => line !== '')
    expect(
      lines.filter((line) => !CALM.test(line)),
      name,
    ).toEqual([])
  }
}

/** The warning is of the shared broker, which is one. */
const CALM =
  /^(HTTP at |Node of log |Took \d+ definitions?\.|Stopped|processed: |warning: (?:kafka topic .* is on one broker only|this log is open: ))/
