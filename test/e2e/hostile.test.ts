// Bad messages between good ones, put into a real topic by a raw producer: each gets its verdict, live, in replay, in any cut and in Python; the rest goes on.

import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRandom } from '../../scripts/demo/random.ts'
import { block, branch, rawMutation, text } from '../../scripts/golden/raw-avro.ts'
import { LOG_ID } from '../../scripts/golden/verdicts-world.ts'
import { stateLines } from '../../src/codec/dump.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { explainReason, PARK_REASONS, QUARANTINE_REASONS } from '../../src/codec/reasons.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { createLog } from '../../src/log/genesis.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { runNode } from '../../src/node/run.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import { createTopic, withProducer } from '../log/kafka-admin.ts'
import { cli, type RunningCli, runCli, startCli } from '../support/cli.ts'
import { createRecutLog } from '../support/recut.ts'
import { announceSeed } from '../support/seed.ts'
import { kafka } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import {
  HOSTILE_DEFINITIONS,
  type HostileMessage,
  hostileMessages,
  NOT_BY_A_PRODUCER,
  ODD_NAMES,
  ODD_TEXTS,
} from './hostile-messages.ts'
import {
  appendRaw,
  catchUp,
  cellsOf,
  countsOf,
  createTestNode,
  emptyPostgresLog,
  foldInPython,
  isKafka,
  kafkaTestLog,
  LOG_KINDS,
  type LogKind,
  sha256,
  type TestLog,
  type TestNode,
} from './support.ts'

const SEED = announceSeed('test/e2e/hostile.test.ts')
const PARTITIONS = 4
const RECUTS = 4
const SEND_BYTES_MAX = 500_000

/** By `partition/offset`: `verdict reason`, or the verdict alone. */
type Verdicts = ReadonlyMap<string, string>

const allMessages = hostileMessages(BigInt(Date.now()))
const dir = mkdtempSync(join(tmpdir(), 'spindexer-hostile-'))
/** By `partition/offset`. */
const nameByPlace = new Map<string, string>()

afterAll(() => rmSync(dir, { recursive: true }))

describe.each(LOG_KINDS)('on a log in %s', (kind) => {
  // A record without a value is nothing that can be appended to Postgres.
  const messages = allMessages.filter(({ value }) => kind === 'kafka' || value !== null)
  const goodCount = (): number => 2 * messages.filter(({ isDefinition }) => !isDefinition).length
  let log: TestLog
  let live: TestNode
  let liveWorker: RunningCli | null = null
  let expected: Verdicts

  beforeAll(async () => {
    log = await emptyLog(kind)
    const handle = log.open()
    const plan = { logId: LOG_ID, copyId: randomUUID(), generation: 1, maxClockAheadMs: 60_000n, admins: [] }
    expect((await createLog(handle, plan)).type).toBe('created')
    await handle.close()
    live = await createTestNode(log, 'hostile_live')
    liveWorker = startCli(['run'], { env: live.env })
    await waitFor('the node to run', () => liveWorker!.stderr().includes('Node of log'))
    expected = await send(log, messages)
    await waitFor('the live node to have everything', () => isAtEnd(live), {
      everyMs: 200,
      timeoutMs: 120_000,
    })
    liveWorker.kill('SIGTERM')
    expect((await liveWorker.ended).code).toBe(0)
  }, 240_000)

  afterAll(async () => {
    liveWorker?.kill('SIGKILL')
    await live?.drop()
  })

  it('the table has every reason that there is', () => {
    const seen = new Set(messages.map(({ reason }) => reason))
    const reasons = [...Object.keys(QUARANTINE_REASONS), ...Object.keys(PARK_REASONS)]
    const missing = reasons.filter((reason) => !seen.has(reason as HostileMessage['reason']))
    expect(missing.sort()).toEqual(
      [...Object.keys(NOT_BY_A_PRODUCER), ...(kind === 'postgres' ? ['no-value'] : [])].sort(),
    )
  })

  it('live, each message has its verdict and a reason that helps, and its neighbours are merged', async () => {
    expectSame(await setAsideOf(live), onlySetAside(expected))
    const reasons = await live.query(
      'select reason from spindexer.quarantined union select reason from spindexer.parked',
    )
    for (const { reason } of reasons) expect(explainReason(reason!)?.remedy, reason!).toMatch(/\S/)
    const [row] = await live.query(
      `select count(*) as rows, count(distinct n) as n, max(n) as max from data.good`,
    )
    expect(row).toEqual({ rows: String(goodCount()), n: String(goodCount()), max: String(goodCount() - 1) })
    const data = messages.filter(({ isDefinition }) => !isDefinition)
    const count = (verdict: HostileMessage['verdict']) =>
      BigInt(data.filter((one) => one.verdict === verdict).length)
    expect(await countsOf(live)).toEqual({
      consumed: BigInt(data.length + goodCount()) - count('control'),
      merged: BigInt(goodCount()) + count('merge'),
      parked: count('parked'),
      quarantined: count('quarantined'),
    })
  })

  it('names and texts that look like SQL are data like any other', async () => {
    for (const [i, name] of ODD_NAMES.entries()) {
      const key = ODD_NAMES[(i + 1) % ODD_NAMES.length]!
      const column = ODD_NAMES[(i + 2) % ODD_NAMES.length]!
      const rows = await live.query(
        `select "${key}" as key, "${column}" as value from data."${name}" where "${key}" = $1`,
        [`the ${name}`],
      )
      expect(rows).toEqual([{ key: `the ${name}`, value: `${name}.${column}` }])
    }
    const [line] = (await cli(['dump', 'ctid'], { env: live.env })).split('\n')
    expect(JSON.parse(line!)).toMatchObject({ xmin: 'the ctid', select: 'ctid.select' })
    const held = await live.query('select id, held from data.texts where id = held')
    expect(held.map(({ id }) => id).sort()).toEqual([...ODD_TEXTS].sort())
  })

  it('--fail-on-quarantine ends with 1; the same node then replays the rest, equal to the live one', async () => {
    const replay = await createTestNode(log, 'hostile_replay')
    const args = ['run', '--until-end', '--fail-on-quarantine']
    const failed = await runCli(args, { env: replay.env })
    expect([failed.code, failed.stderr]).toEqual([
      1,
      expect.stringMatching(/quarantined or refused\n.*says why/),
    ])
    await catchUp(replay)
    expectSame(await setAsideOf(replay), onlySetAside(expected))
    expect(await countsOf(replay)).toEqual(await countsOf(live))
    expect(sha256(await cellsOf(replay))).toBe(sha256(await cellsOf(live)))
    // Nothing new is quarantined, so nothing fails.
    expect((await runCli(args, { env: replay.env })).code).toBe(0)
    await replay.drop()
  })

  it('batches cut anywhere make the same of it', async () => {
    const cells = sha256(await cellsOf(live))
    for (let round = 0; round < RECUTS; round++) {
      const random = createRandom((SEED + round) >>> 0)
      const database = createMemoryDatabase()
      const handle = log.open()
      const outcome = await runNode({
        log: createRecutLog(handle, random, 1 + Math.floor(random() * 40)),
        store: createMemoryStore(database),
        scope: { type: 'all' },
        signal: new AbortController().signal,
        untilEnd: true,
        isTransient: () => false,
        emit: () => {},
        windowBytesMax: 1 + Math.floor(random() * 20_000),
      }).finally(handle.close)
      expect(outcome).toEqual({ type: 'ended' })
      const setAside = [
        ...[...database.parked].map(([place, { reason }]) => [place, `parked ${reason}`] as const),
        ...[...database.quarantined].map(([place, { reason }]) => [place, `quarantined ${reason}`] as const),
      ]
      expectSame(new Map(setAside), onlySetAside(expected))
      expect(sha256([...stateLines(database.catalogue, database.rows)].join(''))).toBe(cells)
    }
  })

  it('the fold in Python has the same state and the same verdict on every record', async () => {
    const file = join(dir, 'verdicts.jsonl')
    expect(sha256(await foldInPython(log, file))).toBe(sha256(await cellsOf(live)))
    const lines = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const verdicts = lines
      .filter(({ offset }) => offset > 0)
      .map(
        ({ partition, offset, verdict, reason }) =>
          [`${partition}/${offset}`, `${verdict} ${reason}`.trimEnd()] as const,
      )
    expect(verdicts.length).toBe(expected.size + HOSTILE_DEFINITIONS.length)
    expectSame(new Map(verdicts.filter(([place]) => expected.has(place))), expected)
  })
})

/** A log without genesis: a topic of Kafka's, or a schema in a database of its own. */
async function emptyLog(kind: LogKind): Promise<TestLog> {
  if (kind === 'postgres') return emptyPostgresLog('hostile', PARTITIONS)
  const { brokers } = await kafka()
  const { topic } = await createTopic(brokers, PARTITIONS, 'hostile')
  return kafkaTestLog(brokers, topic)
}

/** Sends items to Kafka by a producer that nothing of ours holds to any rule, or through the port. Answers with their offsets. */
async function sendItems(log: TestLog, batch: readonly Item[], isDefinition: boolean): Promise<bigint[]> {
  if (!isKafka(log)) {
    const appended = await appendRaw(
      log,
      batch.map((item) => toRecord(item, isDefinition)),
    )
    return appended.map(({ offset }) => offset)
  }
  const { brokers, topic } = log
  const answers = await withProducer(brokers, { transactional: false }, (producer) =>
    producer.send({
      topic: isDefinition ? `${topic}.definitions` : topic,
      acks: -1,
      messages: batch.map(({ value, headers, partition }) => ({ key: null, value, headers, partition })),
    }),
  )
  const next = new Map(answers.map(({ partition, baseOffset }) => [partition, BigInt(baseOffset!)]))
  return batch.map(({ partition }) => {
    const offset = next.get(partition)!
    next.set(partition, offset + 1n)
    return offset
  })
}

function toRecord({ value, headers, partition }: Item, isDefinition: boolean): NewRecord {
  const pairs = Object.entries(headers).flatMap(([name, values]) =>
    values.map((value) => ({ name, value: Buffer.from(value) })),
  )
  return { partition: isDefinition ? DEFINITIONS : partition, key: null, value: value!, headers: pairs }
}

/** Sends everything, a bad message between two good ones, and answers with what has to become of each. */
async function send(log: TestLog, messages: readonly HostileMessage[]): Promise<Verdicts> {
  const verdicts = new Map<string, string>()
  const flush = async (batch: Item[], isDefinition: boolean) => {
    const offsets = await sendItems(log, batch, isDefinition)
    for (const [i, { name, partition, verdict }] of batch.entries()) {
      const place = `${isDefinition ? DEFINITIONS : partition}/${offsets[i]}`
      if (verdict !== null) verdicts.set(place, verdict)
      nameByPlace.set(place, name)
    }
    batch.length = 0
  }
  const definitions = HOSTILE_DEFINITIONS.map((value) =>
    toItem({ name: 'the definitions', value: Buffer.from(value), headers: [] }, 0, null),
  )
  const refused = messages.filter(({ isDefinition }) => isDefinition)
  await flush([...definitions, ...refused.map((one) => toItem(one, 0, verdictOf(one)))], true)

  const batch: Item[] = []
  let bytes = 0
  for (const [i, one] of messages.filter(({ isDefinition }) => !isDefinition).entries()) {
    const partition = i % PARTITIONS
    const size = one.value?.length ?? 0
    if (bytes + size > SEND_BYTES_MAX && batch.length > 0) {
      await flush(batch, false)
      bytes = 0
    }
    bytes += size
    batch.push(
      toItem(good(2 * i), partition, 'merge'),
      toItem(one, partition, verdictOf(one)),
      toItem(good(2 * i + 1), partition, 'merge'),
    )
  }
  await flush(batch, false)
  return verdicts
}

interface Item {
  readonly name: string
  readonly value: Buffer | null
  readonly headers: Record<string, string[]>
  readonly partition: number
  /** Null where nothing is expected: the definitions that all depends on. */
  readonly verdict: string | null
}

type Sent = Pick<HostileMessage, 'name' | 'value' | 'headers'>

function toItem({ name, value, headers }: Sent, partition: number, verdict: string | null): Item {
  const valuesByName: Record<string, string[]> = {}
  for (const header of headers) valuesByName[header] = [...(valuesByName[header] ?? []), 'x']
  return { name, value, headers: valuesByName, partition, verdict }
}

const verdictOf = ({ verdict, reason }: HostileMessage) =>
  reason === null ? verdict : `${verdict} ${reason}`

function good(n: number): Sent {
  const columns = block([Buffer.concat([text('n'), branch.long(n)])])
  const avro = rawMutation({ dataset: text('good'), key: block([text(`g${n}`)]), columns })
  return { name: `the good neighbour ${n}`, value: frameSingleObject(avro), headers: [] }
}

const onlySetAside = (verdicts: Verdicts): Verdicts =>
  new Map([...verdicts].filter(([, verdict]) => verdict.includes(' ')))

async function setAsideOf(node: TestNode): Promise<Verdicts> {
  const rows = await node.query(
    `select partition, "offset", 'quarantined' as kind, reason from spindexer.quarantined
     union all select partition, "offset", 'parked', reason from spindexer.parked`,
  )
  return new Map(
    rows.map(({ partition, offset, kind, reason }) => [`${partition}/${offset}`, `${kind} ${reason}`]),
  )
}

/** Compares so that a difference says which message it is. */
function expectSame(actual: Verdicts, wanted: Verdicts): void {
  const places = new Set([...actual.keys(), ...wanted.keys()])
  const differences = [...places]
    .filter((place) => actual.get(place) !== wanted.get(place))
    .map((place) => `${place}, ${nameByPlace.get(place)}: is ${actual.get(place)}, not ${wanted.get(place)}`)
  expect(differences).toEqual([])
}

async function isAtEnd(node: TestNode): Promise<boolean> {
  const status = JSON.parse(await cli(['status'], { env: node.env }))
  return status.lag === 0 && status.partitions.length === PARTITIONS
}
