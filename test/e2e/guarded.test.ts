// A guarded log on real services: each record its verdict, live, in replay, in any cut, in Python and in copies, and everybody sees the same signers.

import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRandom } from '../../scripts/demo/random.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { createLog } from '../../src/log/genesis.ts'
import { runNode } from '../../src/node/run.ts'
import { createMemoryDatabase, type MemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import { createTopic } from '../log/kafka-admin.ts'
import { type RunningCli, runCli, startCli } from '../support/cli.ts'
import {
  ADMINS,
  type GuardedItem,
  guardedDefinitions,
  guardedPartition,
  KEYS,
  sharedOrigin,
  walletOrigin,
} from '../support/guarded-world.ts'
import { createRecutLog } from '../support/recut.ts'
import { announceSeed } from '../support/seed.ts'
import { kafka } from '../support/services.ts'
import { testKeyText } from '../support/signers.ts'
import { waitFor } from '../support/wait.ts'
import {
  copy,
  expectMoved,
  kafkaPlace,
  type LogPlace,
  nodeAt,
  openLog,
  postgresPlace,
} from './copy-support.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestNode,
  emptyPostgresLog,
  foldInPython,
  kafkaTestLog,
  LOG_KINDS,
  type LogKind,
  sha256,
  type TestLog,
  type TestNode,
} from './support.ts'

const SEED = announceSeed('test/e2e/guarded.test.ts')
const PARTITIONS = 6
const RECUTS = 4
const LOG_ID = randomUUID()
const dir = mkdtempSync(join(tmpdir(), 'spindexer-guarded-'))

afterAll(() => rmSync(dir, { recursive: true }))

interface Placed extends GuardedItem {
  /** `partition/offset` */
  readonly place: string
}

describe.each(LOG_KINDS)('a guarded log in %s', (kind) => {
  let log: TestLog
  let live: TestNode
  let liveWorker: RunningCli | null = null
  let placed: readonly Placed[]
  const copies: LogPlace[] = []

  beforeAll(async () => {
    log = await emptyLog(kind)
    await create(log)
    const definitions = await append(log, guardedDefinitions(LOG_ID))
    live = await createTestNode(log, 'guarded_live')
    liveWorker = startCli(['run'], { env: live.env })
    await waitFor('the node to run', () => liveWorker!.stderr().includes('Node of log'))
    placed = [...definitions, ...(await append(log, interleaved(createRandom(SEED))))]
    await waitFor('the live node to have everything', () => isAtEnd(log, live), {
      everyMs: 200,
      timeoutMs: 120_000,
    })
    liveWorker.kill('SIGTERM')
    expect((await liveWorker.ended).code).toBe(0)
  }, 240_000)

  afterAll(async () => {
    liveWorker?.kill('SIGKILL')
    await live?.drop()
    for (const place of copies) await place.drop()
  })

  it('live, each record has its verdict', async () => {
    const reasons = await reasonsOf(live)
    const found = placed.map(({ name, place }) => [place, name, reasons.get(place) ?? 'accepted'])
    expect(found).toEqual(placed.map(({ place, name, expected }) => [place, name, outcomeOf(expected)]))
    const merged = placed.filter(({ expected }) => expected === 'merge').length
    expect(await countsOf(live)).toMatchObject({ merged: BigInt(merged), parked: 0n })
  })

  it('everybody who has written under an origin is named, nobody too', async () => {
    const cells = (await cellsOf(live))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ origin }) => origin !== undefined)
    const writers = [
      null,
      ...[KEYS.admin, KEYS.secondAdmin, KEYS.writer, KEYS.wallet, KEYS.stranger]
        .map(({ signer }) => signer)
        .sort(),
    ]
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const signersOf = (wanted: string) =>
        cells.filter(({ origin }) => origin === wanted).map(({ signer }) => signer)
      const shared = signersOf(sharedOrigin(partition))
      expect(shared.length).toBeGreaterThan(5)
      for (const signers of shared) expect(signers).toEqual(writers)
      expect(signersOf(walletOrigin(partition))).toEqual([KEYS.wallet.signer])
    }
  })

  it('in replay the same, by one worker and by two', async () => {
    const one = await createTestNode(log, 'guarded_one')
    await catchUp(one)
    expect(await reasonsOf(one)).toEqual(await reasonsOf(live))
    expect(sha256(await cellsOf(one))).toBe(sha256(await cellsOf(live)))
    const two = await createTestNode(log, 'guarded_two')
    const runs = [0, 1].map(() => runCli(['run', '--until-end'], { env: two.env }))
    for (const { code, stderr } of await Promise.all(runs)) expect(code, stderr).toBe(0)
    expect(await reasonsOf(two)).toEqual(await reasonsOf(live))
    expect(sha256(await cellsOf(two))).toBe(sha256(await cellsOf(live)))
    await one.drop()
    await two.drop()
  })

  it('batches cut anywhere make the same of it', async () => {
    for (let round = 0; round < RECUTS; round++) {
      const random = createRandom((SEED + round) >>> 0)
      const database = createMemoryDatabase()
      const handle = log.open()
      const outcome = await runNode({
        log: createRecutLog(handle, random, 1 + Math.floor(random() * 20)),
        store: createMemoryStore(database),
        scope: { type: 'all' },
        signal: new AbortController().signal,
        untilEnd: true,
        isTransient: () => false,
        emit: () => {},
        windowBytesMax: 1 + Math.floor(random() * 5_000),
      }).finally(handle.close)
      expect(outcome).toEqual({ type: 'ended' })
      expect(reasonsIn(database)).toEqual(await reasonsOf(live))
    }
  })

  it('the fold in Python has the same state, the same signers and the same verdict on every record', async () => {
    const file = join(dir, `${kind}.jsonl`)
    expect(sha256(await foldInPython(log, file))).toBe(sha256(await cellsOf(live)))
    const lines = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const reasonByPlace = new Map(
      lines.map(({ partition, offset, reason }) => [`${partition}/${offset}`, reason || 'accepted']),
    )
    expect(placed.map(({ place }) => [place, reasonByPlace.get(place)])).toEqual(
      placed.map(({ place, expected }) => [place, outcomeOf(expected)]),
    )
  })

  it('copied, with as many partitions and with fewer, it is the same log to a new node and to one that moves', async () => {
    const cells = sha256(await cellsOf(live))
    const source: LogPlace = { url: log.env.SPINDEXER_LOG!, open: log.open, drop: async () => {} }
    const kept = await createTestNode(log, 'guarded_kept')
    await catchUp(kept)
    const same = await (kind === 'kafka' ? postgresPlace : kafkaPlace)('guarded_same')
    copies.push(same)
    await copy(source, same, '--partitions', String(PARTITIONS))
    expect(sha256((await expectMoved(kept, same, 2)).cells)).toBe(cells)
    const fewer = await (kind === 'kafka' ? kafkaPlace : postgresPlace)('guarded_fewer')
    copies.push(fewer)
    await copy(same, fewer, '--partitions', '4')
    expect(sha256((await expectMoved(kept, fewer, 3)).cells)).toBe(cells)
    await kept.drop()
  })
})

it('a close ends a guarded log when an admin signs it, and a stranger’s command is refused', async () => {
  const from = await postgresPlace('guarded_close')
  const to = await postgresPlace('guarded_closed')
  const handle = from.open()
  try {
    const made = await runCli(['log', 'create', '--admin', KEYS.admin.signer], {
      env: { SPINDEXER_LOG: from.url },
    })
    expect(made.code, made.stderr).toBe(0)
    const close = (key: string) =>
      runCli(['log', 'copy', '--from', from.url, '--to', to.url, '--close'], { env: { SPINDEXER_KEY: key } })
    const refused = await close(testKeyText('stranger'))
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/admin/)])
    const closed = await close(testKeyText('admin'))
    expect(closed.code, closed.stderr).toBe(0)
    const node = await nodeAt(from, 'closed')
    await catchUp(node)
    expect(await node.query('select count(*)::int as n from spindexer.quarantined')).toEqual([{ n: 0 }])
    const status = await runCli(['status', '--json'], { env: node.env })
    expect(JSON.parse(status.stdout).policy).toMatchObject({ type: 'guarded', version: 0, isClosed: true })
    await node.drop()
  } finally {
    await handle.close()
    await from.drop()
    await to.drop()
  }
})

async function emptyLog(kind: LogKind): Promise<TestLog> {
  if (kind === 'postgres') return emptyPostgresLog('guarded', PARTITIONS)
  const { brokers } = await kafka()
  const { topic } = await createTopic(brokers, PARTITIONS, 'guarded')
  return kafkaTestLog(brokers, topic)
}

async function create(log: TestLog): Promise<void> {
  const handle = openLog(log.env.SPINDEXER_LOG!)
  const plan = {
    logId: LOG_ID,
    copyId: randomUUID(),
    generation: 1,
    maxClockAheadMs: 60_000n,
    admins: ADMINS,
  }
  expect((await createLog(handle, plan)).type).toBe('created')
  await handle.close()
}

/** What all partitions hold, in the order of each, mixed. */
function interleaved(random: () => number): readonly GuardedItem[] {
  const left = Array.from({ length: PARTITIONS }, (_, partition) => [...guardedPartition(LOG_ID, partition)])
  const mixed: GuardedItem[] = []
  for (;;) {
    const some = left.filter((items) => items.length > 0)
    if (some.length === 0) return mixed
    mixed.push(some[Math.floor(random() * some.length)]!.shift()!)
  }
}

const APPEND_ITEMS = 25

async function append(log: TestLog, items: readonly GuardedItem[]): Promise<readonly Placed[]> {
  const handle = log.open()
  const placed: Placed[] = []
  try {
    for (let at = 0; at < items.length; at += APPEND_ITEMS) {
      const some = items.slice(at, at + APPEND_ITEMS)
      const appended = await handle.append(some.map(({ record }) => record))
      for (const [i, { partition, offset }] of appended.entries()) {
        placed.push({ ...some[i]!, place: `${partition}/${offset}` })
      }
    }
    return placed
  } finally {
    await handle.close()
  }
}

async function isAtEnd(log: TestLog, node: TestNode): Promise<boolean> {
  const handle = log.open()
  const { partitions } = await handle.describe().finally(handle.close)
  const rows = await node.query('select partition, next_offset from spindexer.positions')
  const positions = new Map(
    rows.map(({ partition, next_offset }) => [Number(partition), BigInt(next_offset!)]),
  )
  return partitions.every(({ partition, end }) => positions.get(partition) === end)
}

function outcomeOf(expected: string): string {
  return ['merge', 'control', 'taken'].includes(expected) ? 'accepted' : expected
}

/** By place. */
async function reasonsOf(node: TestNode): Promise<ReadonlyMap<string, string>> {
  const rows = await node.query(
    `select partition, "offset", reason from spindexer.quarantined
     union all select partition, "offset", reason from spindexer.parked order by 1, 2`,
  )
  return new Map(rows.map(({ partition, offset, reason }) => [`${partition}/${offset}`, reason!]))
}

function reasonsIn({ quarantined, parked }: MemoryDatabase): ReadonlyMap<string, string> {
  const all = [...quarantined.values(), ...parked.values()]
  const order = all.sort((a, b) => a.partition - b.partition || (a.offset < b.offset ? -1 : 1))
  expect(order.every(({ partition }) => partition >= DEFINITIONS)).toBe(true)
  return new Map(order.map(({ partition, offset, reason }) => [`${partition}/${offset}`, reason]))
}
