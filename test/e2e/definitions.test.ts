// Definitions that come late, in the middle, and while the process dies: live and fresh nodes equal, readers undisturbed.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import { cli, ROOT, type RunningCli, startCli } from '../support/cli.ts'
import { runPython } from '../support/python.ts'
import { temporaryDir } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import {
  appendRaw,
  catchUp,
  cellsOf,
  countsOf,
  createLogOfKind,
  createTestNode,
  foldInPython,
  isKafka,
  LOG_KINDS,
  sha256,
  type TestLog,
  type TestNode,
} from './support.ts'

const FOREIGN = '00000000000000bb' as Origin

describe.each(LOG_KINDS)('on a log in %s', (kind) => {
  it('a definition after its data, the node killed between taking it and judging again, and once more in the middle of that: live and fresh nodes equal', async () => {
    const log = await createLogOfKind(kind, 'late', { partitions: 3 })
    await writeForeign(log, 'plays', 50_000)
    const live = await createTestNode(log, 'late')
    const first = startCli(['run'], { env: live.env })
    let second: RunningCli | undefined
    let third: RunningCli | undefined
    try {
      await waitFor('everything to be parked', async () => (await parkedOf(live)) === 50_000n)
      await cli(['datasets', 'apply', join(ROOT, 'examples/catalogue')], { env: log.env })
      await waitFor('the definition to be taken', async () => (await definitionsOf(live)).isJudging, {
        everyMs: 1,
      })
      first.kill('SIGKILL')
      await first.ended
      const between = await definitionsOf(live)
      expect(between.isJudging, 'the kill fell between taking and judging again').toBe(true)
      expect(await parkedOf(live)).toBeGreaterThan(0n)

      second = startCli(['run'], { env: live.env })
      const middle = await waitFor(
        'some to be judged again',
        async () => {
          const counts = await countsOf(live)
          return counts.merged! > 0n && counts
        },
        { everyMs: 1 },
      )
      second.kill('SIGKILL')
      await second.ended
      expect(middle.parked, 'the kill fell between two chunks').toBeGreaterThan(0n)
      expect((await definitionsOf(live)).isJudging).toBe(true)

      third = startCli(['run'], { env: live.env })
      await waitFor(
        'nothing to be parked',
        async () => (await parkedOf(live)) === 0n && !(await definitionsOf(live)).isJudging,
      )
      expect(await countsOf(live)).toEqual({
        consumed: 50_000n,
        merged: 50_000n,
        parked: 0n,
        quarantined: 0n,
      })
      await expectEqualEverywhere(log, live)
    } finally {
      first.kill('SIGKILL')
      second?.kill('SIGKILL')
      third?.kill('SIGTERM')
    }
  }, 200_000)

  it('a column that comes in the middle: parked, then merged; a view of a reader goes on, readers wait under a second', async () => {
    const log = await createLogOfKind(kind, 'widened', { partitions: 3, datasets: 'examples/catalogue' })
    const live = await createTestNode(log, 'widened')
    const running = startCli(['run'], { env: live.env })
    const readers: Reader[] = []
    try {
      await writeForeign(log, 'plays', 3_000)
      await waitFor('the rows', async () => (await mergedOf(live)) === 3_000n)
      await live.query('create view public.report as select id, plays from data.tracks where plays > 10')
      readers.push(
        startReader(live, 'select count(*) from data.tracks'),
        startReader(live, 'select count(*) from public.report'),
      )
      await writeForeign(log, 'added', 3_000)
      await waitFor('the new column to be parked', async () => (await parkedOf(live)) === 3_000n)

      // A reader who takes his time holds the table and the view; the definition has to wait, nobody else for long.
      const slow = new pg.Client({ connectionString: live.url })
      await slow.connect()
      await slow.query('begin; select count(*) from data.tracks')
      await applyWidened(log)
      await writeForeign(log, 'plays', 3_000)
      await sleep(2_000)
      await slow.query('commit')
      await slow.end()

      await waitFor('the new column to be merged', async () => (await countsOf(live)).merged === 9_000n)
      const [row] = await live.query('select count(added) as added, count(*) as rows from data.tracks')
      expect(row).toEqual({ added: '3000', rows: '3000' })
      const [report] = await live.query('select count(*) as rows from public.report')
      expect(Number(report!.rows)).toBeGreaterThan(2_900)
      const waits = await Promise.all(readers.map((reader) => reader.stop()))
      for (const { reads, longestMs } of waits) {
        expect(reads).toBeGreaterThan(20)
        expect(longestMs).toBeLessThan(1_000)
      }
      await expectEqualEverywhere(log, live)
    } finally {
      await Promise.all(readers.map((reader) => reader.stop()))
      running.kill('SIGTERM')
    }
  }, 200_000)
})

/** Upserts of t0, t1, … by a writer that knows nothing of definitions: in Python, or through the port. */
async function writeForeign(log: TestLog, column: string, count: number): Promise<void> {
  if (!isKafka(log)) return writeUndefined(log, column, count)
  const args = ['--brokers', log.brokers.join(','), '--topic', log.topic, '--dataset', 'tracks']
  const { code, stderr } = await runPython('write_topic.py', [
    ...args,
    '--column',
    column,
    '--count',
    String(count),
  ])
  if (code !== 0) throw new Error(stderr)
}

async function writeUndefined(log: TestLog, column: string, count: number): Promise<void> {
  const nowNs = BigInt(Date.now()) * 1_000_000n
  const records = Array.from({ length: count }, (_, n) => {
    const stamp = createStamp(nowNs + BigInt(n), FOREIGN)
    const columns = new Map([[column, BigInt(n)]])
    const mutation = {
      stamp,
      seq: null,
      operation: 'upsert',
      dataset: 'tracks',
      key: [`t${n}`],
      columns,
    } as const
    const key = Buffer.from(JSON.stringify(['tracks', `t${n}`]))
    return { partition: null, key, value: frameSingleObject(encodeMutation(mutation)) }
  })
  await appendRaw(log, records)
}

async function applyWidened(log: TestLog): Promise<void> {
  const dir = temporaryDir()
  mkdirSync(dir.path, { recursive: true })
  const schema = JSON.parse(readFileSync(join(ROOT, 'examples/catalogue/tracks.avsc'), 'utf8'))
  schema.fields.push({ name: 'added', type: ['null', 'long'] })
  writeFileSync(join(dir.path, 'tracks.avsc'), JSON.stringify(schema))
  await cli(['datasets', 'apply', dir.path], { env: log.env })
  dir.remove()
}

async function expectEqualEverywhere(log: TestLog, live: TestNode): Promise<void> {
  const fresh = await createTestNode(log, 'fresh')
  await catchUp(fresh)
  const cells = await cellsOf(fresh)
  expect(sha256(await cellsOf(live))).toBe(sha256(cells))
  expect(sha256(await foldInPython(log))).toBe(sha256(cells))
  expect(await countsOf(live)).toEqual(await countsOf(fresh))
  await fresh.drop()
}

/** Zero while the tables are not there yet. */
async function parkedOf(node: TestNode): Promise<bigint> {
  return (await countsOf(node).catch(() => ({ parked: 0n }))).parked!
}

/** Zero while the tables are not there yet. */
async function mergedOf(node: TestNode): Promise<bigint> {
  return (await countsOf(node).catch(() => ({ merged: 0n }))).merged!
}

async function definitionsOf(node: TestNode): Promise<{ isJudging: boolean }> {
  const [row] = await node.query('select next_offset > rejudged_to as is_judging from spindexer.definitions')
  return { isJudging: Boolean(row!.is_judging) }
}

interface Reader {
  stop(): Promise<{ reads: number; longestMs: number }>
}

/** Asks the same question over and over, and notes how long the longest answer took. */
function startReader(node: TestNode, sql: string): Reader {
  let stopped = false
  let reads = 0
  let longestMs = 0
  const reading = (async () => {
    const client = new pg.Client({ connectionString: node.url })
    await client.connect()
    while (!stopped) {
      const began = performance.now()
      await client.query(sql)
      longestMs = Math.max(longestMs, performance.now() - began)
      reads++
      await sleep(20)
    }
    await client.end()
  })()
  return {
    async stop() {
      stopped = true
      await reading
      return { reads, longestMs }
    },
  }
}
