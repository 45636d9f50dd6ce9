// Batches that no client library makes: far larger than they look, in several frames, with headers that are no text. A broker takes them all.

import { readFileSync } from 'node:fs'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { block, branch, RAW_TIME_NS, rawMutation, stampOf, text } from '../../scripts/golden/raw-avro.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { BATCH_BYTES_MAX } from '../../src/log/kafka/compression.ts'
import { finishBatch, type RawRecord, rawBatch, rawRecord, sendBatches } from '../log/raw-batch.ts'
import { type RunningCli, startCli } from '../support/cli.ts'
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

const MIB = 1024 * 1024
/** Several times what a node needs at rest, far less than what the bombs hold. */
const RESIDENT_BYTES_MAX = 600 * MIB

interface Sent {
  readonly name: string
  /** Of each of the batch's records. */
  readonly verdict: string
  readonly bytes: Buffer
  readonly count: number
}

let log: KafkaTestLog
let node: TestNode
let worker: RunningCli
let peakBytes = 0
const expected = new Map<string, string>()
const nameByPlace = new Map<string, string>()

beforeAll(async () => {
  log = await createTestLog('bombs', { partitions: 3, datasets: 'examples/catalogue' })
  node = await createTestNode(log, 'bombs')
  const batches = await createBatches()
  worker = startCli(['run'], { env: node.env })
  await waitFor('the node to run', () => worker.stderr().includes('Node of log'))
  for (const [i, sent] of batches.entries()) {
    const partition = i % 3
    const around = await Promise.all([0, 1].map((j) => rawBatch([rawRecord(0, track(2 * i + j))], 'none')))
    const answers = await sendBatches(
      log.brokers,
      log.topic,
      [around[0]!, sent.bytes, around[1]!].map((bytes) => ({ partition, bytes })),
    )
    for (let record = 0; record < sent.count; record++) {
      const place = `${partition}/${answers[1]!.baseOffset + BigInt(record)}`
      nameByPlace.set(place, `${sent.name}, record ${record}`)
      if (sent.verdict !== 'merge') expected.set(place, sent.verdict)
    }
  }
  const consumed = batches.reduce((sum, { count }) => sum + count + 2, 0)
  await waitFor(
    'the node to have everything',
    async () => worker.child.exitCode !== null || (await countsOf(node)).consumed === BigInt(consumed),
    { everyMs: 200, timeoutMs: 180_000 },
  )
  if (worker.child.exitCode === null) peakBytes = peakOf(worker.pid)
  worker.kill('SIGTERM')
  const { code, stderr } = await worker.ended
  expect(code, stderr).toBe(0)
}, 300_000)

afterAll(async () => {
  worker?.kill('SIGKILL')
  await node?.drop()
})

it('every offset of a batch that is too large is quarantined, the rest is merged', async () => {
  expect(await setAsideOf(node)).toEqual(named(expected))
  const rows = await node.query('select id from data.tracks')
  expect(new Set(rows.map(({ id }) => id))).toEqual(new Set(wanted))
})

it('memory stays bounded, whatever a batch holds', () => {
  expect(peakBytes).toBeGreaterThan(50 * MIB)
  expect(peakBytes).toBeLessThan(RESIDENT_BYTES_MAX)
})

it('replay makes the same of it', async () => {
  const replay = await createTestNode(log, 'bombs_replay')
  await catchUp(replay)
  expect(await setAsideOf(replay)).toEqual(named(expected))
  expect(sha256(await cellsOf(replay))).toBe(sha256(await cellsOf(node)))
  await replay.drop()
})

const wanted: string[] = []

function track(id: number | string): Buffer {
  wanted.push(`b${id}`)
  return message(`b${id}`, branch.string('x'))
}

function message(id: string, title: Buffer, timeNs = RAW_TIME_NS): Buffer {
  const columns = block([Buffer.concat([text('title'), title])])
  return frameSingleObject(rawMutation({ stamp: stampOf(timeNs), key: block([text(id)]), columns }))
}

async function createBatches(): Promise<readonly Sent[]> {
  const of = async (
    name: string,
    verdict: string,
    codec: 'gzip' | 'zstd' | 'none',
    records: readonly RawRecord[],
  ): Promise<Sent> => ({ name, verdict, bytes: await rawBatch(records, codec), count: records.length })
  const large = Array.from({ length: 80 }, (_, i) => rawRecord(i, { zeros: 900_000 }))
  const many = 1_000
  return [
    await of('512 MiB of zeros', 'quarantined no-value', 'zstd', [rawRecord(0, { zeros: 512 * MIB })]),
    await of('80 records of 900,000 zeros', 'quarantined no-value', 'gzip', large),
    await of('one byte too much', 'quarantined no-value', 'zstd', [ofSize(BATCH_BYTES_MAX + 1)]),
    await of('as much as is allowed', 'quarantined too-large', 'zstd', [ofSize(BATCH_BYTES_MAX)]),
    await of('as much as is allowed, gzip', 'quarantined too-large', 'gzip', [ofSize(BATCH_BYTES_MAX)]),
    await of('74 messages of 890,000 bytes', 'merge', 'zstd', largeMessages()),
    await of(
      'many small records and a large one',
      'quarantined no-value',
      'zstd',
      Array.from({ length: many }, (_, i) =>
        rawRecord(i, i < many - 1 ? message(`lost${i}`, branch.null) : { zeros: BATCH_BYTES_MAX }),
      ),
    ),
    ...frames(),
    await of('three records that claim one offset', 'quarantined unknown-framing', 'none', [
      ...[0, 0, 0].map((delta) => rawRecord(delta, Buffer.from('nonsense'))),
    ]),
    await of('three records that claim offsets of others', 'merge', 'none', [
      rawRecord(-1, track('claims0')),
      rawRecord(1_000, track('claims1')),
      rawRecord(-1_000, track('claims2')),
    ]),
    ...(await headerBatches(of)),
  ]
}

/** A record that takes so many bytes in its batch. */
function ofSize(size: number): RawRecord {
  const overhead = rawRecord(0, { zeros: size }).size - size
  const record = rawRecord(0, { zeros: size - overhead })
  if (record.size !== size) throw new Error(`a record of ${record.size} bytes, not ${size}`)
  return record
}

/** Just below the limit together, all of one row. */
function largeMessages(): readonly RawRecord[] {
  wanted.push('large')
  const title = branch.string('x'.repeat(890_000))
  return Array.from({ length: 74 }, (_, i) => rawRecord(i, message('large', title, RAW_TIME_NS + BigInt(i))))
}

/** What is compressed may come in several pieces, cut anywhere (here within a record), with other things between. */
function frames(): readonly Sent[] {
  const of = (
    name: string,
    codec: 'gzip' | 'zstd',
    pack: (parts: readonly Buffer[]) => readonly Buffer[],
  ): Sent => {
    const records = [0, 1, 2].map((i) => rawRecord(i, track(`${codec}-${name}-${i}`)))
    const bytes = Buffer.concat(records.flatMap((record) => [...record.pieces()]))
    const parts = [bytes.subarray(0, 50), bytes.subarray(50, 51), bytes.subarray(51)]
    const body = Buffer.concat(pack(parts))
    return { name: `${codec}, ${name}`, verdict: 'merge', bytes: finishBatch(body, 3, codec), count: 3 }
  }
  const skipped = Buffer.from('502a4d1804000000deadbeef', 'hex')
  const none = Buffer.alloc(0)
  return [
    of('three frames', 'zstd', (parts) => parts.map((part) => zstdCompressSync(part))),
    of('an empty frame first', 'zstd', (parts) =>
      [none, Buffer.concat(parts)].map((part) => zstdCompressSync(part)),
    ),
    of('frames to be skipped', 'zstd', (parts) => [
      skipped,
      ...parts.flatMap((part) => [zstdCompressSync(part), skipped]),
    ]),
    of('three members', 'gzip', (parts) => parts.map((part) => gzipSync(part))),
    of('zeros behind', 'gzip', (parts) => [gzipSync(Buffer.concat(parts)), Buffer.alloc(1_000)]),
    of('something else behind', 'gzip', (parts) => [
      gzipSync(Buffer.concat(parts)),
      Buffer.from('something else'),
    ]),
  ]
}

async function headerBatches(
  of: (name: string, verdict: string, codec: 'none', records: readonly RawRecord[]) => Promise<Sent>,
): Promise<readonly Sent[]> {
  const ours = Buffer.concat([Buffer.from('spindexer-'), Buffer.from([0xff])])
  const x = Buffer.from('x')
  return [
    await of('a header whose name is not UTF-8', 'merge', 'none', [
      rawRecord(0, track('header'), [[Buffer.from([0xff, 0xfe]), x]]),
    ]),
    await of('a header of ours that is not UTF-8', 'quarantined unknown-header', 'none', [
      rawRecord(0, message('lost', branch.null), [[ours, x]]),
    ]),
    await of('a mark without a value', 'quarantined marked', 'none', [
      rawRecord(0, message('lost', branch.null), [[Buffer.from('spindexer-quarantined'), null]]),
    ]),
    await of('a header with an empty name and no value', 'merge', 'none', [
      rawRecord(0, track('empty'), [[Buffer.alloc(0), null]]),
    ]),
    await of('500 headers', 'merge', 'none', [
      rawRecord(
        0,
        track('headers'),
        Array.from({ length: 500 }, () => [Buffer.from('trace'), x] as const),
      ),
    ]),
  ]
}

/** The most memory that a process has had so far. */
function peakOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024
}

async function setAsideOf({ query }: TestNode): Promise<readonly string[]> {
  const rows = await query(
    `select partition, "offset", 'quarantined' as kind, reason from spindexer.quarantined
     union all select partition, "offset", 'parked', reason from spindexer.parked`,
  )
  return named(
    new Map(
      rows.map(({ partition, offset, kind, reason }) => [`${partition}/${offset}`, `${kind} ${reason}`]),
    ),
  )
}

function named(verdicts: ReadonlyMap<string, string>): readonly string[] {
  return [...verdicts].map(([place, verdict]) => `${nameByPlace.get(place)}: ${verdict}`).sort()
}
