// `quarantine list` and `show` on real services: what was set aside, why, what it says, and nothing that acts on a terminal.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameConfluent, frameSingleObject } from '../../src/codec/framing.ts'
import type { Header } from '../../src/codec/record.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { type CliResult, cli, ROOT, runCli } from '../support/cli.ts'
import {
  appendRaw,
  catchUp,
  createLogOfKind,
  createTestNode,
  LOG_KINDS,
  type TestLog,
  type TestNode,
} from './support.ts'

const AS_TERMINAL = { NODE_OPTIONS: `--import=${join(ROOT, 'test/support/as-terminal.ts')}` }
/** What a terminal would act on: escape sequences in 7 and 8 bits, and a mark that turns text around. */
const EVIL = '\u001b[31mred\u009b2J\u202egnp.exe\u0007'
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come out
const ACTS_ON_A_TERMINAL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/

const nowNs = BigInt(Date.now()) * 1_000_000n
const ORIGIN = '00000000000000aa' as Origin
const HOUR_NS = 3_600_000_000_000n

function mutation(columns: Readonly<Record<string, Value>>, rest: Partial<Mutation> = {}): Buffer {
  const stamp = createStamp(nowNs, ORIGIN)
  const whole = { stamp, seq: 7n, operation: 'upsert', dataset: 'tracks', key: ['t1'] } as const
  return encodeMutation({ ...whole, columns: new Map(Object.entries(columns)), ...rest })
}

interface Sent {
  readonly value: Buffer
  readonly key?: Buffer
  readonly headers?: readonly Header[]
}

const whole = frameSingleObject(mutation({ title: 'Blue', plays: 7n }))
/** By offset of partition 0, from 1: offset 0 is the genesis. */
const SENT: readonly Sent[] = [
  { value: whole, key: Buffer.from('["tracks","t1"]') },
  { value: whole.subarray(0, whole.length - 3) },
  { value: frameConfluent(42, mutation({ plays: 1n }, { stamp: createStamp(nowNs + HOUR_NS, ORIGIN) })) },
  { value: frameSingleObject(mutation({ n: 1n }, { dataset: 'albums', key: ['a', 'b'] })) },
  { value: frameSingleObject(mutation({ plays: EVIL })), key: Buffer.from(EVIL) },
  { value: Buffer.from(EVIL), headers: [{ name: EVIL, value: Buffer.from(EVIL) }] },
  {
    value: frameSingleObject(mutation({ title: EVIL })),
    headers: [{ name: 'spindexer-x', value: Buffer.from([255]) }],
  },
  { value: Buffer.from('{"generation":1,"kind":"close"}') },
  { value: frameSingleObject(mutation({ title: `long ${'x'.repeat(10_000)}` }, { key: ['t2'] })) },
  { value: frameSingleObject(mutation({ [EVIL]: EVIL }, { dataset: EVIL, key: ['\0'] })) },
]
const LONG_OFFSET = 9
const KEY_CHANGED = Buffer.from(
  '{"kind":"dataset","schema":{"fields":[{"name":"other","type":"string"}],"key":["other"],"name":"tracks","type":"record"}}',
)

describe.each(LOG_KINDS)('on a log in %s', (kind) => {
  let log: TestLog
  let node: TestNode

  async function append(records: readonly Sent[], partition: number): Promise<void> {
    await appendRaw(
      log,
      records.map((record) => ({ key: null, ...record, partition })),
    )
  }

  beforeAll(async () => {
    log = await createLogOfKind(kind, 'aside', { partitions: 2, datasets: 'examples/catalogue' })
    node = await createTestNode(log, 'aside')
    await append(SENT, 0)
    await append([{ value: KEY_CHANGED }, { value: whole }], -1)
    await catchUp(node)
  })
  afterAll(() => node?.drop())

  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
    runCli(['quarantine', ...args], { env: { ...node.env, ...env } })
  const jsonLines = (text: string) =>
    text === ''
      ? []
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
  const show = async (
    partition: string,
    offset: number | bigint,
    env: Readonly<Record<string, string>> = {},
  ) => {
    const { code, stdout, stderr } = await run(['show', partition, String(offset), '--json'], env)
    expect([code, stderr]).toEqual([0, ''])
    return JSON.parse(stdout)
  }

  const EXPECTED = [
    ['quarantined', -1, 3, 'key-changed'],
    ['quarantined', -1, 4, 'mutation-in-definitions'],
    ['quarantined', 0, 2, 'bad-avro'],
    ['quarantined', 0, 3, 'clock-ahead'],
    ['parked', 0, 4, 'unknown-dataset'],
    ['parked', 0, 5, 'wrong-value'],
    ['quarantined', 0, 6, 'unknown-framing'],
    ['quarantined', 0, 7, 'unknown-header'],
    ['quarantined', 0, 10, 'bad-name'],
  ]

  describe('quarantine list', () => {
    it('piped: a line a message in order of place, the counts in words', async () => {
      const { code, stdout, stderr } = await run(['list'])
      expect(code).toBe(0)
      const lines = jsonLines(stdout)
      expect(lines.map(({ kind, partition, offset, reason }) => [kind, partition, offset, reason])).toEqual(
        EXPECTED,
      )
      expect(lines[3]).toMatchObject({ dataset: 'tracks', detail: expect.stringMatching(/ms ahead/) })
      expect(BigInt(Date.parse(lines[3].appendTime))).toBe(BigInt(lines[3].appendMs))
      expect(stderr).toMatch(/^9 messages set aside: .*1 quarantined as clock-ahead/)
    })

    it.each([
      [['--parked'], [4, 5]],
      [
        ['--quarantined', '--partition', '0'],
        [2, 3, 6, 7, 10],
      ],
      [
        ['--partition', 'definitions'],
        [3, 4],
      ],
      [['--partition', '-1', '--reason', 'key-changed'], [3]],
      [['--dataset', 'albums'], [4]],
      [
        ['--limit', '2'],
        [3, 4],
      ],
      [['--limit', '0'], []],
      [['--dataset', 'nowhere'], []],
    ])('%j lists what is asked for', async (args, offsets) => {
      const { code, stdout, stderr } = await run(['list', ...args])
      expect([code, jsonLines(stdout).map(({ offset }) => offset)]).toEqual([0, offsets])
      if (args[0] === '--limit') expect(stderr).toMatch(/Shown: \d of 9/)
      if (args[1] === 'nowhere') expect(stderr).toMatch(/Nothing is set aside/)
    })

    it('--counts gives the counts as data', async () => {
      const counts = jsonLines((await run(['list', '--counts'])).stdout)
      expect(counts.length).toBe(9)
      expect(counts[0]).toMatchObject({ kind: 'parked', reason: 'unknown-dataset', count: 1 })
      expect(counts[0].remedy).toMatch(/datasets apply/)
    })

    it('on a terminal: two tables, and no control character of anybody', async () => {
      const { code, stdout } = await run(['list'], AS_TERMINAL)
      expect(code).toBe(0)
      expect(stdout).toMatch(/kind +reason +count +meaning\n/)
      expect(stdout).toMatch(/definitions +3 +tracks/)
      expect(stdout).not.toMatch(ACTS_ON_A_TERMINAL)
    })

    it('wrong usage is told with the remedy; a reason that is none never looks like good news', async () => {
      const results = await Promise.all([
        run(['list', '--reason', 'clock-ahed']),
        run(['list', '--parked', '--quarantined']),
        run(['list', '--partition', 'x']),
        run(['list', '--limit', '-3']),
        run(['show', '0', 'x']),
        run(['show', '0']),
      ])
      expect(results.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2])
      expect(results[0]!.stderr).toMatch(/no such reason\n.*did you mean clock-ahead\?/)
      expect(results[1]!.stderr).toMatch(/cannot be used with/)
      expect(results[2]!.stderr).toMatch(/number of a partition.*definitions/)
    })

    it('a closed pipe ends it quietly', async () => {
      const main = join(ROOT, 'src/cli/main.ts')
      const command = `"${process.execPath}" "${main}" quarantine list | head -1`
      const env = { PATH: process.env.PATH ?? '', ...node.env }
      const child = spawn('sh', ['-c', command], { env, stdio: ['ignore', 'pipe', 'pipe'] })
      const [out, err] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray())
      await once(child, 'close')
      expect((await out)!.join('').split('\n').length).toBe(2)
      expect((await err)!.join('')).not.toMatch(/EPIPE| at /)
    })
  })

  describe('quarantine show', () => {
    it('a merged message: everything it says, and that nothing is wrong with it', async () => {
      const shown = await show('0', 1)
      expect(shown).toMatchObject({
        partition: 0,
        offset: 1,
        node: { type: 'applied' },
        key: { text: '["tracks","t1"]' },
        size: whole.length,
        framing: 'single-object',
        verdict: { type: 'merge', reason: null },
        mutation: {
          stamp: createStamp(nowNs, ORIGIN),
          origin: ORIGIN,
          seq: 7,
          operation: 'upsert',
          dataset: 'tracks',
          key: ['t1'],
          columns: [
            { column: 'plays', type: 'long', value: 7 },
            { column: 'title', type: 'string', value: 'Blue' },
          ],
        },
        line: {
          timestamp: String(nowNs),
          dataset: 'tracks',
          operation: 'upsert',
          data: { id: 't1', title: 'Blue' },
        },
      })
    })

    it('one cut short: as far as it goes, where it stops, and its first bytes', async () => {
      const shown = await show('0', 2)
      expect(shown.verdict).toMatchObject({
        type: 'quarantined',
        reason: 'bad-avro',
        detail: expect.stringMatching(/title/),
      })
      expect(shown.mutation).toMatchObject({
        dataset: 'tracks',
        key: ['t1'],
        columns: [{ column: 'plays', value: 7 }],
      })
      expect(shown.stop.what).toMatch(/ends within/)
      expect(whole.subarray(shown.stop.at + 1, shown.stop.at + 6).toString()).toBe('title')
      expect(shown.head.hex).toBe(whole.subarray(0, whole.length - 3).toString('hex'))
      expect(shown.line).toBeNull()
    })

    it('one with a clock ahead: the line leaves its time out, and publish takes it', async () => {
      const { stdout } = await run(['show', '0', '3', '--json'])
      const shown = JSON.parse(stdout)
      expect(shown.verdict.remedy).toMatch(/clock right/)
      expect([shown.framing, shown.schemaId]).toEqual(['confluent', 42])
      expect(shown.line).toEqual({ dataset: 'tracks', operation: 'upsert', data: { id: 't1', plays: 1 } })
      await cli(['publish', '-', '--dry-run'], { env: log.env, input: JSON.stringify(shown.line) })
    })

    it('of a dataset that is not defined: its parts, and what to do', async () => {
      const shown = await show('0', 4)
      expect(shown.verdict).toMatchObject({ type: 'parked', reason: 'unknown-dataset' })
      expect(shown.node).toMatchObject({ type: 'parked', reason: 'unknown-dataset' })
      expect(shown.mutation).toMatchObject({ dataset: 'albums', key: ['a', 'b'] })
      expect(shown.line).toBeNull()
    })

    it('a control record, a refused definition, a genesis', async () => {
      expect(await show('0', 8)).toMatchObject({
        verdict: { type: 'control', detail: 'close' },
        control: { kind: 'close', generation: 1 },
        mutation: null,
      })
      const refused = await show('definitions', 3)
      expect(refused).toMatchObject({
        verdict: { type: 'refused', reason: 'key-changed', detail: expect.stringMatching(/id/) },
        node: { type: 'quarantined', reason: 'key-changed' },
      })
      expect((await show('-1', 0)).control.kind).toBe('genesis')
    })

    it('without a database it says what the log alone can say; ahead of the position it says so', async () => {
      expect((await show('0', 2, { DATABASE_URL: '' })).node).toMatchObject({
        type: 'unknown',
        detail: expect.stringMatching(/not set/),
      })
      const away = await show('0', 2, { DATABASE_URL: 'postgres://ada:hush@127.0.0.1:4/none' })
      expect(away.node).toMatchObject({ type: 'unknown', detail: expect.stringMatching(/ECONNREFUSED/) })
      await append([{ value: whole }], 1)
      expect((await show('1', 1)).node).toMatchObject({ type: 'ahead', detail: 'its position is 1' })
      const fresh = await createTestNode(log, 'fresh')
      expect((await show('0', 2, fresh.env)).node).toMatchObject({
        type: 'unknown',
        detail: expect.stringMatching(/has not run/),
      })
      await fresh.drop()
    })

    it.each([
      ['0', '99', /no message at offset 99 of partition 0 .*\n.*ends at 11/],
      ['7', '0', /has no partition 7\n.*2 partitions, numbered from 0/],
      ['definitions', '9223372036854775807', /no message .* the definitions/],
    ])('%s %s does not exist', async (partition, offset, words) => {
      const { code, stdout, stderr } = await run(['show', partition, offset])
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(words)
    })

    it('on a terminal every message is told without a control character of its writer', async () => {
      const showAt =
        (...args: readonly string[]) =>
        (_sent: Sent, i: number) =>
          run(['show', '0', String(i + 1), ...args], AS_TERMINAL)
      const tables = await Promise.all(SENT.map(showAt()))
      for (const [i, { code, stdout, stderr }] of tables.entries()) {
        const words = i + 1 === LONG_OFFSET ? 'Cut off; --json prints all of it.\n' : ''
        expect([i, code, stderr]).toEqual([i, 0, words])
        expect(stdout).toMatch(/place +offset \d+ of partition 0/)
        expect(stdout).toMatch(/verdict +(merged|parked|quarantined|a control record)/)
        expect(stdout).not.toMatch(ACTS_ON_A_TERMINAL)
        expect(stdout.length).toBeLessThan(8_000)
      }
      expect(tables[1]!.stdout).toMatch(/this node +has quarantined it \(bad-avro\)/)
      expect(tables[3]!.stdout).toMatch(/columns +\[\{"column":"n","type":"long","value":1\}\]/)
      const evil = await run(['show', '0', String(SENT.length), '--json'], AS_TERMINAL)
      expect(evil.stdout).not.toMatch(ACTS_ON_A_TERMINAL)
      expect(JSON.parse(evil.stdout).mutation).toMatchObject({
        dataset: EVIL,
        columns: [{ column: EVIL, value: EVIL }],
      })
    })
  })
})
