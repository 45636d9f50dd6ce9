// Bad lines and rows at the command line, on a real log: refused with their line numbers, and nothing of theirs is sent.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { createKafkaLog } from '../../src/log/kafka/log.ts'
import { type CliResult, runCli } from '../support/cli.ts'
import { BAD_LINES, LINE_DEFINITIONS, lineOf } from '../writer/hostile-lines.ts'
import { createTestLog, type KafkaTestLog } from './support.ts'

const dir = mkdtempSync(join(tmpdir(), 'spindexer-lines-'))
const GOOD = lineOf('"plays":1')
const NEWLINE = Buffer.from('\n')
let log: KafkaTestLog

beforeAll(async () => {
  log = await createTestLog('lines', { partitions: 3 })
  await withLog((handle) =>
    handle.append(
      LINE_DEFINITIONS.map((text) => ({ partition: DEFINITIONS, key: null, value: Buffer.from(text) })),
    ),
  )
})
afterAll(() => rmSync(dir, { recursive: true }))

async function withLog<T>(task: (handle: ReturnType<typeof createKafkaLog>) => Promise<T>): Promise<T> {
  const handle = createKafkaLog({ connection: { brokers: log.brokers }, topic: log.topic, onLog: () => {} })
  return task(handle).finally(handle.close)
}

/** How many records the log holds beside its definitions. */
async function countRecords(): Promise<bigint> {
  const { partitions } = await withLog((handle) => handle.describe())
  return partitions.reduce((sum, { end }) => sum + end, 0n)
}

async function expectRefused(result: CliResult, words: RegExp, sent: bigint, before: bigint) {
  expect([result.code, result.stderr]).toEqual([1, expect.stringMatching(words)])
  expect(await countRecords()).toBe(before + sent)
}

const run = (args: readonly string[], input = '') => runCli(args, { env: log.env, cwd: dir, input })

it('a file with bad lines is refused whole, or sent without them where that is asked for', async () => {
  const file = join(dir, 'bad.jsonl')
  // A good line before each bad one, so that line 2n is bad.
  const lines = BAD_LINES.flatMap(({ line }) => [
    Buffer.from(GOOD),
    NEWLINE,
    Buffer.from(line as string),
    NEWLINE,
  ])
  writeFileSync(file, Buffer.concat(lines))
  const before = await countRecords()
  const count = BAD_LINES.length
  const refused = await run(['publish', file])
  await expectRefused(
    refused,
    new RegExp(`${count} lines cannot be published; nothing was sent\\n`),
    0n,
    before,
  )
  for (const [i, { words }] of BAD_LINES.slice(0, 10).entries()) {
    const said = refused.stderr.split('\n').find((text) => text.startsWith(`  line ${2 * (i + 1)}: `))
    expect(said?.replace(/^ +line \d+: /, '')).toMatch(words)
  }
  expect(refused.stderr).toMatch(
    new RegExp(`… and ${count - 10} more\\n.*mend them, or leave them out with --skip-invalid`),
  )
  await expectRefused(await run(['publish', file, '--dry-run']), /nothing was sent/, 0n, before)
  const skipped = await run(['publish', file, '--skip-invalid'])
  expect([skipped.code, JSON.parse(skipped.stdout)]).toEqual([0, { durable: count, skipped: count }])
  expect(skipped.stderr).toMatch(new RegExp(`leaving out ${count} lines.*[\\s\\S]*${count} lines left out`))
  expect(await countRecords()).toBe(before + BigInt(count))
})

it('stdin stops at the first bad line and says what is durable, or leaves it out', async () => {
  const before = await countRecords()
  const input = [GOOD, '', GOOD, lineOf('"plays":"many"'), GOOD].join('\n')
  const stopped = await run(['publish', '-'], input)
  await expectRefused(
    stopped,
    /2 messages durable in the log: everything before it\n {2}line 4: data\.plays: .*\n.*go on from that line/,
    2n,
    before,
  )
  const first = await run(['publish', '-'], 'hello\n')
  await expectRefused(first, /nothing was sent before it\n {2}line 1: not valid JSON/, 2n, before)
  const skipped = await run(['publish', '-', '--skip-invalid'], input)
  expect([skipped.code, JSON.parse(skipped.stdout)]).toEqual([0, { durable: 3, skipped: 1 }])
  expect(skipped.stderr).toMatch(/1 line left out.*\n {2}line 4: data\.plays/)
  expect(await countRecords()).toBe(before + 5n)
})

it('rows of an import likewise', async () => {
  const before = await countRecords()
  const file = join(dir, 'rows.jsonl')
  writeFileSync(file, '{"id":"r1","plays":1}\n{"id":"r2","plays":"x"}\n[]\n{"plays":3}\n')
  await expectRefused(
    await run(['import', 'tracks', file]),
    /3 lines cannot.*\n {2}line 2: plays: .*\n {2}line 3: a row should be an object.*\n {2}line 4: id: it is missing/,
    0n,
    before,
  )
  const skipped = await run(['import', 'tracks', file, '--skip-invalid'])
  expect([skipped.code, JSON.parse(skipped.stdout)]).toEqual([0, { durable: 1, skipped: 3 }])
  expect(await countRecords()).toBe(before + 1n)
})

it('CSV likewise: a bad cell by its line, a bad header as a whole', async () => {
  const before = await countRecords()
  const file = join(dir, 'bad.csv')
  writeFileSync(file, 'id,plays\nc1,1\n"c\n2",many\nc3,3\n')
  await expectRefused(
    await run(['import', 'tracks', file]),
    /1 line cannot.*\n {2}line 3: plays: /,
    0n,
    before,
  )
  const skipped = await run(['import', 'tracks', file, '--skip-invalid'])
  expect([skipped.code, JSON.parse(skipped.stdout)]).toEqual([0, { durable: 2, skipped: 1 }])
  writeFileSync(file, 'id,plys\nc4,4\n')
  await expectRefused(
    await run(['import', 'tracks', file, '--skip-invalid']),
    /line 1.*did you mean plays/,
    2n,
    before,
  )
})
