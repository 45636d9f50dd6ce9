// Wrong clocks end to end: writers behind, ahead and jumping, a node that is a day off, a stamp that was made up.

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { inspectValue } from '../../src/codec/inspect.ts'
import { createStamp, type Origin, stampToTime } from '../../src/crdt/stamp.ts'
import { createKafkaLog, type KafkaLog } from '../../src/log/kafka/log.ts'
import { type CliResult, cli, ROOT, runCli, startCli } from '../support/cli.ts'
import { temporaryDir } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
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

const SECOND_MS = 1_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const PRELOAD = `--import=${join(ROOT, 'test/support/skewed-clock.ts')}`

/** The environment of a process whose clock is wrong by so much. */
const wrongBy = (ms: number) => ({ NODE_OPTIONS: PRELOAD, TEST_CLOCK_MS: String(ms) })

const dir = temporaryDir()
let log: KafkaTestLog
let node: TestNode

beforeAll(async () => {
  log = await createTestLog('clocks', { partitions: 2, datasets: 'examples/catalogue' })
  node = await createTestNode(log, 'clocks')
  await catchUp(node)
})
afterAll(async () => {
  await node?.drop()
  dir.remove()
})

const upsert = (id: string, title: string) =>
  JSON.stringify({ dataset: 'tracks', operation: 'upsert', data: { id, title } })

const publish = (input: string, env: Readonly<Record<string, string>>): Promise<CliResult> =>
  runCli(['publish', '-'], { env: { ...log.env, ...env }, input })

async function titleOf(id: string, at: TestNode = node): Promise<string | null> {
  const [row] = await at.query('select title from data.tracks where id = $1', [id])
  return row?.title ?? null
}

async function withLog<T>(
  { brokers, topic }: KafkaTestLog,
  use: (opened: KafkaLog) => Promise<T>,
): Promise<T> {
  const opened = createKafkaLog({ connection: { brokers: [...brokers] }, topic, onLog: () => {} })
  try {
    return await use(opened)
  } finally {
    await opened.close()
  }
}

/** Every mutation in the log whose key begins so, by its number in its session, with its append time. */
function messagesOf(prefix: string, of: KafkaTestLog = log) {
  return withLog(of, async (opened) => {
    const { partitions } = await opened.describe()
    const places = partitions.flatMap(({ partition, end }) =>
      Array.from({ length: Number(end) }, (_, i) => ({ partition, offset: BigInt(i) })),
    )
    const records = await opened.pick(places)
    return records
      .flatMap((record) => {
        const { stamp, seq, key } = inspectValue(record!.value!)
        const isMeant = stamp !== null && key[0]!.startsWith(prefix)
        return isMeant
          ? [{ stamp, seq, key: key[0]!, timeNs: stampToTime(stamp), appendMs: record!.appendMs }]
          : []
      })
      .sort((a, b) => Number((a.seq ?? 0n) - (b.seq ?? 0n)))
  })
}

describe('a writer 30 s behind', () => {
  it('that corrects what it read from a node wins, on every node', async () => {
    // By a writer whose clock is ahead, so that the log's clock alone would not do.
    await publish(upsert('read', 'wrong'), wrongBy(20 * SECOND_MS))
    await catchUp(node)
    expect(await titleOf('read')).toBe('wrong')
    const { code, stderr } = await publish(upsert('read', 'right'), {
      ...node.env,
      ...wrongBy(-30 * SECOND_MS),
    })
    expect([code, stderr]).toEqual([0, expect.not.stringMatching(/clock/)])
    const other = await createTestNode(log, 'other')
    for (const each of [node, other]) {
      await catchUp(each)
      expect(await titleOf('read', each)).toBe('right')
    }
    await other.drop()
  })

  it('without a node says that it could not start from one; from its first answer on it goes by the log’s clock', async () => {
    await cli(['publish', '-'], {
      env: log.env,
      input: `${upsert('blind1', 'old')}\n${upsert('blind2', 'old')}`,
    })
    const lines = `${upsert('blind1', 'new')}\n${upsert('blind2', 'new')}`
    const { code, stderr } = await publish(lines, wrongBy(-30 * SECOND_MS))
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/clock alone: no database of a node is configured/),
    ])
    await catchUp(node)
    expect([await titleOf('blind1'), await titleOf('blind2')]).toEqual(['old', 'new'])
  })
})

describe('a writer ahead', () => {
  it('by more than the log allows gets an error, and the nodes quarantine what it sent', async () => {
    const before = await countsOf(node)
    // Far beyond the limit of 60 s: on a busy machine many seconds pass between the stamp and the append.
    const { code, stdout, stderr } = await publish(
      `${upsert('ahead', 'x')}\n${upsert('ahead', 'y')}`,
      wrongBy(180 * SECOND_MS),
    )
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/1 message will be quarantined by every node; 0 messages durable/)
    expect(stderr).toMatch(/line 1: its timestamp .* ms ahead of the log's clock, which allows 60000 ms/)
    expect(stderr).toMatch(/set this machine's clock/)
    await catchUp(node)
    expect(await titleOf('ahead')).toBeNull()
    expect((await countsOf(node)).quarantined! - before.quarantined!).toBe(1n)
    const listed = await cli(['quarantine', 'list', '--reason', 'clock-ahead'], { env: node.env })
    expect(JSON.parse(listed.trimEnd().split('\n').at(-1)!)).toMatchObject({ dataset: 'tracks' })
  })

  it('by less than that passes', async () => {
    const { code } = await publish(upsert('early', 'x'), wrongBy(50 * SECOND_MS))
    expect(code).toBe(0)
    await catchUp(node)
    expect(await titleOf('early')).toBe('x')
  })

  it('that brings a timestamp beyond its own clock is refused before anything is sent', async () => {
    const timestamp = new Date(Date.now() + 2 * HOUR_MS).toISOString()
    const line = JSON.stringify({ timestamp, ...JSON.parse(upsert('future', 'x')) })
    const refused = await publish(line, {})
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/further ahead.*than the log allows/),
    ])
    // With a clock that is wrong itself the log's answer tells.
    const late = await publish(line, wrongBy(3 * HOUR_MS))
    expect([late.code, late.stderr]).toEqual([1, expect.stringMatching(/quarantined by every node/)])
    await catchUp(node)
    expect(await titleOf('future')).toBeNull()
  })
})

describe('a clock that jumps while a stream is published', () => {
  /** Publishes 300 lines, lets the clock jump once they are in the log, and publishes 300 more of the same rows. */
  async function publishOverJump(prefix: string, jumpMs: number): Promise<CliResult> {
    const file = join(dir.path, `clock-${prefix}`)
    writeFileSync(file, '0')
    const lines = (round: number) =>
      Array.from({ length: 300 }, (_, n) => `${upsert(`${prefix}${n}`, `round ${round}`)}\n`).join('')
    const env = { ...log.env, NODE_OPTIONS: PRELOAD, TEST_CLOCK_FILE: file }
    const running = startCli(['publish', '-'], { env, keepStdin: true })
    try {
      running.child.stdin.write(lines(1))
      await waitFor('the first round in the log', async () => (await messagesOf(prefix)).length >= 300, {
        everyMs: 300,
      })
      writeFileSync(file, String(jumpMs))
      running.child.stdin.end(lines(2))
      return await running.ended
    } finally {
      running.kill('SIGKILL')
      rmSync(file)
    }
  }

  it('back by an hour: stamps go on rising, and the later lines win', async () => {
    const { code, stdout } = await publishOverJump('back', -HOUR_MS)
    expect([code, JSON.parse(stdout)]).toEqual([0, { durable: 600, skipped: 0 }])
    const messages = await messagesOf('back')
    expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 600 }, (_, i) => BigInt(i)))
    for (let i = 1; i < messages.length; i++) expect(messages[i]!.timeNs > messages[i - 1]!.timeNs).toBe(true)
    await catchUp(node)
    const [row] = await node.query(
      "select count(*) from data.tracks where id ~ '^back' and title = 'round 2'",
    )
    expect(row).toEqual({ count: '300' })
  })

  it('forward by an hour: an error, and as many durable as it says', async () => {
    const before = await countsOf(node)
    const { code, stdout, stderr } = await publishOverJump('forward', HOUR_MS)
    expect([code, stdout]).toEqual([1, ''])
    const [, refused, durable] =
      /([\d,]+) messages? will be quarantined by every node; ([\d,]+) messages? durable/
        .exec(stderr)!
        .map((text) => text.replaceAll(',', ''))
    expect(stderr).toMatch(/set this machine's clock/)
    expect(BigInt(durable!)).toBe(300n)
    await catchUp(node)
    const after = await countsOf(node)
    expect(after.merged! - before.merged!).toBe(BigInt(durable!))
    expect(after.quarantined! - before.quarantined!).toBe(BigInt(refused!))
    const [row] = await node.query(
      "select count(*) from data.tracks where id ~ '^forward' and title = 'round 1'",
    )
    expect(row).toEqual({ count: '300' })
  })
})

describe('a made-up stamp just within what the log allows', () => {
  it('pulls other writers ahead by half of that at most, however often they follow each other', async () => {
    // An hour, so that it does not matter how long the test takes.
    const wide = await createTestLog('poison', {
      partitions: 1,
      datasets: 'examples/catalogue',
      maxClockAheadMs: HOUR_MS,
    })
    const own = await createTestNode(wide, 'poison')
    const madeUp = createStamp(BigInt(Date.now() + HOUR_MS) * 1_000_000n, 'ff'.repeat(8) as Origin)
    const columns = new Map([['title', 'made up']])
    const mutation = { stamp: madeUp, seq: null, operation: 'upsert', dataset: 'tracks' } as const
    const value = frameSingleObject(encodeMutation({ ...mutation, key: ['poison'], columns }))
    await withLog(wide, (opened) => opened.append([{ partition: 0, key: null, value }]))
    const ids = ['pulled0', 'pulled1', 'pulled2']
    for (const id of ids) {
      await catchUp(own)
      const input = `${upsert(id, 'x')}\n${upsert('poison', 'mended')}`
      const { code, stderr } = await runCli(['publish', '-'], { env: own.env, input })
      expect([code, stderr]).toEqual([0, expect.stringMatching(/newest timestamp.* ahead of the clock/)])
      expect(stderr).toContain('ff'.repeat(8))
    }
    const pulled = await messagesOf('pulled', wide)
    expect(pulled.map(({ key }) => key).sort()).toEqual(ids)
    for (const { timeNs, appendMs } of pulled) {
      const aheadNs = timeNs - appendMs * 1_000_000n
      expect(aheadNs).toBeGreaterThan(0n)
      expect(aheadNs).toBeLessThanOrEqual((BigInt(HOUR_MS) * 1_000_000n) / 2n)
    }
    // What it says is true: until that time nobody can mend the row.
    await catchUp(own)
    expect(await titleOf('poison', own)).toBe('made up')
    await own.drop()
  })
})

it('a node’s own clock decides nothing: a day ahead, a day behind, live and replayed are one state', async () => {
  await publish(upsert('quarantined', 'x'), wrongBy(HOUR_MS))
  await catchUp(node)
  const { quarantined } = await countsOf(node)
  expect(quarantined).toBeGreaterThan(0n)
  for (const ms of [DAY_MS, -DAY_MS]) {
    const off = await createTestNode(log, 'off')
    const { code, stderr } = await runCli(['run', '--until-end'], { env: { ...off.env, ...wrongBy(ms) } })
    expect([code, stderr]).toEqual([0, expect.stringMatching(/Caught up/)])
    expect(sha256(await cellsOf(off))).toBe(sha256(await cellsOf(node)))
    expect(await countsOf(off)).toEqual(await countsOf(node))
    await off.drop()
  }
})

it('log create --max-clock-ahead sets how far ahead is too far', async () => {
  const wide = await createTestLog('ahead', {
    partitions: 1,
    datasets: 'examples/catalogue',
    maxClockAheadMs: HOUR_MS,
  })
  const { env } = wide
  const own = await createTestNode(wide, 'ahead')
  const send = (id: string, ms: number) =>
    runCli(['publish', '-'], { env: { ...env, ...wrongBy(ms) }, input: upsert(id, 'x') })
  expect((await send('a', HOUR_MS / 2)).code).toBe(0)
  const beyond = await send('b', 2 * HOUR_MS)
  expect([beyond.code, beyond.stderr]).toEqual([1, expect.stringMatching(/which allows 3600000 ms/)])
  await catchUp(own)
  expect([await titleOf('a', own), await titleOf('b', own)]).toEqual(['x', null])
  const wrong = ['0', '1.5', '-5', '86400001', 'minute']
  const results = await Promise.all(
    wrong.map((ms) => runCli(['log', 'create', '--max-clock-ahead', ms], { env })),
  )
  for (const { code, stderr } of results) {
    expect([code, stderr]).toEqual([2, expect.stringMatching(/whole number from 1 to 86400000/)])
  }
  await own.drop()
})
