// A guarded log from Kafka to Postgres and on to Kafka, in other numbers of partitions, killed on the way: equal nodes, signers included.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRandom } from '../../scripts/demo/random.ts'
import { block, branch, RAW_TIME_NS, rawMutation, stampOf, text } from '../../scripts/golden/raw-avro.ts'
import type { PolicyRule } from '../../src/codec/control.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { cli, ROOT, type RunningCli, runCli, startCli } from '../support/cli.ts'
import { expectCopy, type ReadLog } from '../support/copies.ts'
import { announceSeed } from '../support/seed.ts'
import { temporaryDir } from '../support/services.ts'
import {
  controlRecord,
  signatureOf,
  signRecords,
  testKey,
  testKeyText,
  withSignature,
} from '../support/signers.ts'
import { waitFor } from '../support/wait.ts'
import {
  copy,
  createLogAt,
  expectMoved,
  figuresOf,
  kafkaPlace,
  type LogPlace,
  type NodeFigures,
  nodeAt,
  postgresPlace,
  readPlace,
  withLog,
} from './copy-support.ts'
import { catchUp, type TestNode } from './support.ts'

const SEED = announceSeed('test/e2e/copy-guarded.test.ts')
const PARTITIONS = 6
const MESSAGES = 3_000
const TOGETHER = 512
const KILLS = 2
/** How long a run lives that is killed, from its first word on. */
const LIFE_MS_MAX = 800

const KEYS = {
  admin: testKey('admin'),
  successor: testKey('successor', 'eip191'),
  writer: testKey('writer'),
  other: testKey('other writer'),
  stranger: testKey('stranger'),
}
const [ADMIN, SUCCESSOR, WRITER, OTHER] = [KEYS.admin, KEYS.successor, KEYS.writer, KEYS.other].map(
  ({ signer }) => signer,
) as [string, string, string, string]

const dir = temporaryDir()
const places: LogPlace[] = []
let source: LogPlace
let logId: string
let original: ReadLog
let node: TestNode
let before: NodeFigures

beforeAll(async () => {
  source = await kafkaPlace('guarded')
  await createLogAt(source, '--partitions', String(PARTITIONS), '--admin', ADMIN)
  const env = { SPINDEXER_LOG: source.url }
  await cli(['datasets', 'apply', `${ROOT}/examples/catalogue`, '--key', keyFile('admin')], { env })
  logId = JSON.parse(await cli(['log', 'check'], { env })).logId
  const may = (signer: string, more: Partial<PolicyRule> = {}): PolicyRule => ({
    signers: [signer],
    operations: ['upsert'],
    datasets: ['tracks'],
    columns: ['title'],
    ...more,
  })
  const policies = [
    { key: 'admin', file: { admins: [ADMIN], rules: [may(WRITER)] } },
    { key: 'admin', file: { admins: [SUCCESSOR], rules: [may(OTHER), may(WRITER, { columns: ['plays'] })] } },
    { key: 'successor', file: { admins: [SUCCESSOR], rules: [], unsigned: true } },
    { key: 'successor', file: { admins: [SUCCESSOR, ADMIN], rules: [may(WRITER)] } },
  ] as const
  await write(0)
  for (const [i, { key, file }] of policies.entries()) {
    const path = join(dir.path, `policy-${i}.json`)
    writeFileSync(path, JSON.stringify(file))
    await cli(['policy', 'apply', path, '--key', keyFile(key)], { env })
    await write(i + 1)
  }
  original = await readPlace(source)
  node = await nodeAt(source, 'guarded')
  await catchUp(node)
  before = await figuresOf(node)
}, 600_000)

afterAll(async () => {
  await node?.drop()
  for (const place of places) await place.drop()
  dir.remove()
})

it('everything happens in the source, and its node is the model judged record by record', () => {
  expect(before.cells === original.state).toBe(true)
  const reasons = new Set(original.quarantined.values())
  for (const reason of ['unsigned', 'not-allowed', 'bad-signature', 'not-admin', 'wrong-version'])
    expect(reasons).toContain(reason)
  // An origin for each stretch, so that several signers have used it.
  for (const words of ['"signer":[null,', `"${WRITER}"`, `"${OTHER}"`, `"signer":"${ADMIN}"`])
    expect(before.cells.includes(words), words).toBe(true)
  expect(original.policies.size).toBe(4 * (PARTITIONS + 1))
})

it('a close wants an admin’s key: without one, or with another, nothing is closed', async () => {
  const to = await postgresPlace('guarded')
  places.push(to)
  const attempt = (...key: string[]) =>
    runCli(['log', 'copy', '--from', source.url, '--to', to.url, '--close', ...key])
  const keyless = await attempt()
  expect([keyless.code, keyless.stderr]).toEqual([
    1,
    expect.stringMatching(/close has to be signed by one of them/),
  ])
  const foreign = await attempt('--key', keyFile('stranger'))
  expect(foreign.code).toBe(1)
  expect(foreign.stderr).toMatch(
    /cannot close the definitions, partition 0.* by version 4 of the policy are/s,
  )
  expect((await readPlace(source)).records.length).toBe(original.records.length)
}, 300_000)

it('from 6 partitions in Kafka to 3 in Postgres to 4 in Kafka, killed on both ways', async () => {
  const chain = [
    { to: await postgresPlace('guarded'), partitions: '3', key: 'admin', closed: 'signed' },
    { to: await kafkaPlace('guarded'), partitions: '4', key: 'successor', closed: 'sealed' },
  ] as const
  const random = createRandom(SEED)
  let from = source
  for (const [i, { to, partitions, key, closed }] of chain.entries()) {
    places.push(to)
    const args = ['--from', from.url, '--to', to.url, '--partitions', partitions]
    for (let kill = 0; kill < KILLS; kill++) await killed(args, random)
    const said = await copy(from, to, '--partitions', partitions, '--close', '--key', keyFile(key))
    expect(said).toMatchObject({ generation: i + 2, closed })
    const [was, is] = [await readPlace(from), await readPlace(to)]
    expect(was.closes.size).toBe(was.partitions + 1)
    expectCopy(was, is)
    const figures = await expectMoved(node, to, i + 2)
    expect(figures.cells === before.cells, 'cells and their signers are those of the source').toBe(true)
    from = to
  }
}, 900_000)

it('behind the close in Kafka everything is quarantined; in the copy writers go on by its policy', async () => {
  await withLog(source, (log) => log.append(signRecords(KEYS.admin, logId, [message(0, 1)])))
  const late = [...(await readPlace(source)).quarantined.values()].filter((reason) => reason === 'closed')
  expect(late).toHaveLength(1)

  const last = places.at(-1)!
  const line = JSON.stringify({ dataset: 'tracks', operation: 'upsert', data: { id: 'new', title: 'x' } })
  const env = { SPINDEXER_LOG: last.url }
  const published = await runCli(['publish', '-', '--key', keyFile('writer')], { env, input: `${line}\n` })
  expect(published.code, published.stderr).toBe(0)
}, 300_000)

function keyFile(name: keyof typeof KEYS): string {
  const path = join(dir.path, `${name}.pem`)
  writeFileSync(path, testKeyText(NAMES[name], name === 'successor' ? 'eip191' : 'ed25519'), { mode: 0o600 })
  return path
}

const NAMES = {
  admin: 'admin',
  successor: 'successor',
  writer: 'writer',
  other: 'other writer',
  stranger: 'stranger',
} as const

async function killed(args: readonly string[], random: () => number): Promise<void> {
  const run = startCli(['log', 'copy', ...args])
  await waitFor('the copy to begin', () => hasBegun(run), { everyMs: 10 })
  await sleep(random() * LIFE_MS_MAX)
  run.kill('SIGKILL')
  await run.ended
}

const hasBegun = (run: RunningCli) => run.child.exitCode !== null || run.stderr().includes('records to copy')

/** Messages of one stretch between policies: by all signers in batches, by nobody, forged; and what decides nothing. */
async function write(stretch: number): Promise<void> {
  const first = stretch * MESSAGES
  const messages = Array.from({ length: MESSAGES }, (_, i) => message(first + i, stretch))
  const part = (from: number, to: number) => messages.slice(from * MESSAGES, to * MESSAGES)
  const sign = (key: keyof typeof KEYS, records: readonly NewRecord[]) =>
    signRecords(KEYS[key], logId, records, TOGETHER)
  const forged = sign('admin', part(0.9, 0.95)).map((record) => {
    const signature = signatureOf(record)
    signature[60] = signature[60]! ^ 1
    return withSignature(record, signature)
  })
  const decideNothing = [0, 1, 2].flatMap((partition) => {
    const policy = { kind: 'policy', admins: [], rules: [], unsigned: true } as const
    const close = controlRecord(partition, { kind: 'close', generation: 1 })
    return [
      ...sign('stranger', [controlRecord(partition, { ...policy, version: stretch + 1 }), close]),
      ...sign('admin', [controlRecord(partition, { ...policy, version: Math.max(stretch, 1) + 8 })]),
      close,
    ]
  })
  const records = [
    ...sign('writer', part(0, 0.5)),
    ...sign('other', part(0.5, 0.7)),
    ...sign('stranger', part(0.7, 0.8)),
    ...part(0.8, 0.9),
    ...forged,
    ...sign('admin', part(0.95, 1)),
    ...decideNothing,
  ]
  await withLog(source, (log) => log.append(records))
}

/** Rows are few, so that stretches contend for them; an origin for each stretch. */
function message(n: number, stretch: number): NewRecord {
  const columns = block([Buffer.concat([text('title'), branch.string(`title ${n}`)])])
  const avro = rawMutation({
    stamp: stampOf(RAW_TIME_NS + BigInt((n * 7_919) % 1_000_000), `00000000000000a${stretch}`),
    dataset: text('tracks'),
    key: block([text(`t${n % 2_000}`)]),
    columns,
  })
  const key = n % 3 === 0 ? null : Buffer.from(`["tracks","t${n % 2_000}"]`)
  return { partition: n % PARTITIONS, key, value: frameSingleObject(avro) }
}
