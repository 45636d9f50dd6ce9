// The commands on real services, in the order in which a newcomer uses them.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CliResult, cli, ROOT, runCli, startCli } from '../support/cli.ts'
import { createDatabase, kafka, registry, uniqueTopic } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'

/** Said by `log create`, `log check` and the start of `run`, once; by nothing else. */
const ONE_BROKER = /on one broker only/
const countWarnings = (stderr: string) => stderr.split(ONE_BROKER).length - 1

const dir = mkdtempSync(join(tmpdir(), 'spindexer-trip-'))
let env: Record<string, string> = {}
let database: { url: string; drop(): Promise<void> }

beforeAll(async () => {
  database = await createDatabase(18, 'cli')
  const { brokers } = await kafka()
  env = { SPINDEXER_LOG: `kafka://${brokers[0]}/${uniqueTopic('cli')}`, DATABASE_URL: database.url }
})
afterAll(async () => {
  await database?.drop()
  rmSync(dir, { recursive: true })
})

const run = (args: readonly string[], input?: string): Promise<CliResult> =>
  runCli(args, { env, cwd: dir, ...(input === undefined ? {} : { input }) })
const catchUp = () => cli(['run', '--until-end'], { env, cwd: dir })
const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
const track = (id: string, plays: unknown, rest: object = {}) =>
  JSON.stringify({
    ...rest,
    dataset: 'tracks',
    operation: 'upsert',
    data: { id, title: `Song ${id}`, plays },
  })

describe('a first round', () => {
  it('before there is a log every command says what to do', async () => {
    const { code, stderr } = await run(['publish', '-'], '')
    expect([code, stderr]).toEqual([1, expect.stringContaining('spindexer log create')])
    const status = await run(['status'])
    expect([status.code, status.stderr]).toEqual([1, expect.stringContaining('spindexer migrate')])
  })

  it('log create makes the log, and again leaves it as it is', async () => {
    const first = await run(['log', 'create', '--partitions', '2'])
    expect(countWarnings(first.stderr)).toBe(1)
    const created = JSON.parse(first.stdout)
    expect(created).toMatchObject({ partitions: 2, generation: 1, maxClockAheadMs: 60_000, created: true })
    const again = await run(['log', 'create', '--max-clock-ahead', '5'])
    expect(JSON.parse(again.stdout)).toEqual({ ...created, created: false })
    expect(again.stderr).toMatch(/fixed at 60000 ms/)
    expect((await run(['log', 'create', '--partitions', '3'])).stderr).toMatch(
      /exists with 2 partitions, not 3/,
    )
    const checked = await run(['log', 'check'])
    expect(JSON.parse(checked.stdout).logId).toBe(created.logId)
    expect(countWarnings(checked.stderr)).toBe(1)
  })

  it('datasets apply defines them, all or none', async () => {
    const missing = await run(['publish', '-'], track('t1', 1))
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringMatching(/line 1: dataset.*datasets apply/),
    ])
    const applied = jsonLines(
      await cli(['datasets', 'apply', join(ROOT, 'examples/catalogue')], { env, cwd: dir }),
    )
    expect(applied.map(({ dataset, definition }) => [dataset, definition])).toEqual([
      ['artists', 'new'],
      ['tracks', 'new'],
    ])
    const wrong = join(dir, 'wrong.avsc')
    writeFileSync(
      wrong,
      '{"type":"record","name":"tracks","key":["plays"],"fields":[{"name":"plays","type":"long"}]}',
    )
    const refused = await run(['datasets', 'apply', wrong])
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/wrong\.avsc: the key of tracks is id/),
    ])
    expect(jsonLines((await run(['datasets', 'list'])).stdout)).toMatchObject([
      { dataset: 'artists' },
      { dataset: 'tracks' },
    ])
    const shown = jsonLines((await run(['datasets', 'show', 'tracks'])).stdout)
    expect(shown[0]).toMatchObject({ column: 'id', type: 'string', key: 1 })
    expect((await run(['datasets', 'show', 'trakcs'])).stderr).toMatch(/did you mean tracks\?/)
  })

  it('publish checks a file whole, and sends it', async () => {
    const file = join(dir, 'bad.jsonl')
    writeFileSync(file, [track('t1', 1), track('t2', 'many'), track('t3', 3)].join('\n'))
    const refused = await run(['publish', file])
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/1 line cannot.*nothing was sent\n {2}line 2: data\.plays/),
    ])
    const good = join(dir, 'good.jsonl.gz')
    const large = '9007199254740993'
    const lines = Array.from({ length: 5_000 }, (_, i) => track(`t${i}`, i))
    writeFileSync(good, gzipSync([...lines, track('big', large)].join('\n')))
    expect((await run(['publish', good, '--dry-run'])).stderr).toMatch(
      /5,001 messages could be published\. Nothing was sent/,
    )
    const sent = await run(['publish', good])
    expect([sent.code, JSON.parse(sent.stdout)]).toEqual([0, { durable: 5_001, skipped: 0 }])
    const skipped = await run(['publish', file, '--skip-invalid'])
    expect([skipped.code, JSON.parse(skipped.stdout)]).toEqual([0, { durable: 2, skipped: 1 }])
  })

  it('run merges it, and dump shows it, exactly', async () => {
    expect(countWarnings((await run(['run', '--until-end'])).stderr)).toBe(1)
    const rows = (await run(['dump', 'tracks'])).stdout
    expect(jsonLines(rows).length).toBe(5_001)
    expect(rows).toContain('"plays":9007199254740993,')
    expect(jsonLines(rows)[0]).toEqual({
      id: 'big',
      artistId: null,
      title: 'Song big',
      plays: expect.anything(),
      releasedOn: null,
      tags: null,
    })
    const { stdout, stderr } = await run(['dump', '--cells'])
    const hash = createHash('sha256').update(stdout).digest('hex')
    expect(stderr).toContain(`rows: 5,001, cells: 10,002, fingerprint: ${hash}`)
  })

  it('a correction that is published after reading wins; stdin stops at the first bad line', async () => {
    const input = [track('t1', 100), track('t2', 200), '{', track('t3', 300)].join('\n')
    const stopped = await run(['publish', '-'], input)
    expect(stopped.code).toBe(1)
    expect(stopped.stderr).toMatch(
      /2 messages durable in the log: everything before it\n {2}line 3: not valid JSON/,
    )
    expect(stopped.stderr).not.toMatch(/clock alone/)
    await catchUp()
    const plays = new Map(jsonLines((await run(['dump', 'tracks'])).stdout).map((row) => [row.id, row.plays]))
    expect([plays.get('t1'), plays.get('t2'), plays.get('t3')]).toEqual([100, 200, 3])
  })

  it('import can be repeated', async () => {
    const file = join(dir, 'artists.jsonl')
    writeFileSync(file, '{"id":"a1","name":"Ada"}\n{"id":"a2","name":"Ben","country":null}\n')
    const args = ['import', 'artists', file, '--timestamp', '2022-11-01T00:00:00Z']
    const before = await run(args)
    expect([before.code, JSON.parse(before.stdout)]).toEqual([0, { durable: 2, skipped: 0 }])
    expect(before.stderr).toMatch(/importing this file again changes nothing/)
    await catchUp()
    const cells = (await run(['dump', '--cells', 'artists'])).stdout
    expect(cells.trimEnd().split('\n').length).toBe(5)
    await cli(args, { env: { ...env, DATABASE_URL: '' }, cwd: dir })
    await catchUp()
    expect((await run(['dump', '--cells', 'artists'])).stdout).toBe(cells)
  })

  it('import takes CSV', async () => {
    const file = join(dir, 'more.csv')
    writeFileSync(file, '\ufeffid,name,country\r\na3,"Cy, ""the""\nthird",\r\na4,Dee,""\r\n')
    const { code, stdout, stderr } = await run(['import', 'artists', file])
    expect([code, JSON.parse(stdout)]).toEqual([0, { durable: 2, skipped: 0 }])
    expect(stderr).not.toMatch(ONE_BROKER)
    writeFileSync(file, 'id,nmae\na3,x\n')
    const refused = await run(['import', 'artists', file, '--skip-invalid'])
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/line 1.*did you mean name\?/)])
    await catchUp()
    const added = jsonLines((await run(['dump', 'artists'])).stdout).slice(2)
    expect(added).toMatchObject([
      { id: 'a3', name: 'Cy, "the"\nthird', country: null },
      { id: 'a4', name: 'Dee', country: '' },
    ])
  })

  it('lines of one timestamp that disagree are refused, or their order decides', async () => {
    const file = join(dir, 'ties.jsonl')
    const at = { timestamp: new Date().toISOString() }
    writeFileSync(file, [track('tied', 1, at), track('tied', 2, at), track('tied', 3, at)].join('\n'))
    const refused = await run(['publish', file])
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/line 2: .*line 1[\s\S]*--ties=order/),
    ])
    const sent = await run(['publish', file, '--ties=order'])
    expect([sent.code, JSON.parse(sent.stdout)]).toEqual([0, { durable: 3, skipped: 0 }])
    await catchUp()
    expect((await run(['dump', 'tracks'])).stdout).toMatch(/"id":"tied".*"plays":3/)
  })

  it('status says how far the node is and what it has set aside; without the log it says the rest', async () => {
    const printed = await run(['status'])
    expect(printed.stderr).toBe('')
    const status = JSON.parse(printed.stdout)
    expect(status).toMatchObject({ lag: 0, reasons: [], problems: [] })
    expect(status.warnings).toEqual([expect.stringMatching(ONE_BROKER)])
    expect(status.partitions.length).toBe(2)
    expect(status.datasets).toMatchObject([
      { dataset: 'artists', visible: 4 },
      { dataset: 'tracks', visible: 5_002 },
    ])
    const away = await runCli(['status'], {
      env: { ...env, SPINDEXER_LOG: 'kafka://127.0.0.1:4/log' },
      cwd: dir,
    })
    expect(away.code).toBe(0)
    expect(away.stderr).toMatch(/the log does not answer, so the lag is not known/)
    expect(JSON.parse(away.stdout)).toMatchObject({ lag: null, datasets: status.datasets })
  })

  it('a closed pipe ends a dump quietly', async () => {
    const child = spawn(
      'sh',
      ['-c', `"${process.execPath}" "${join(ROOT, 'src/cli/main.ts')}" dump tracks | head -2`],
      {
        cwd: dir,
        env: { PATH: process.env.PATH ?? '', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    const [out, err] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray())
    await once(child, 'close')
    expect((await out)!.join('').split('\n').length).toBe(3)
    expect((await err)!.join('')).toBe('')
  })

  it('with a schema registry messages are framed for it; without one that answers nothing is sent', async () => {
    const { url } = await registry()
    const framed = { ...env, SCHEMA_REGISTRY_URL: url }
    for (let round = 0; round < 2; round++) {
      await cli(['publish', '-'], { env: framed, cwd: dir, input: track('framed', round) })
    }
    const topic = env.SPINDEXER_LOG!.split('/').at(-1)
    const subject = `${topic}-value`
    expect(await new SchemaRegistry({ host: url }).getLatestSchemaId(subject)).toBeGreaterThan(0)
    await catchUp()
    expect((await run(['dump', 'tracks'])).stdout).toContain('"id":"framed"')
    const away = { ...env, SCHEMA_REGISTRY_URL: 'http://ada:hush@127.0.0.1:4' }
    const { code, stderr } = await runCli(['publish', '-'], { env: away, cwd: dir, input: track('x', 1) })
    expect(code).toBe(1)
    expect(stderr).toMatch(/http:\/\/127\.0\.0\.1:4[\s\S]*SCHEMA_REGISTRY_URL[\s\S]*single-object/)
    expect(stderr).not.toMatch(/hush/)
  })

  it('run goes on until it is stopped, and a stream is published as it comes', async () => {
    const node = startCli(['run'], { env, cwd: dir })
    const writer = spawn(process.execPath, [join(ROOT, 'src/cli/main.ts'), 'publish', '-'], {
      cwd: dir,
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    try {
      const words = writer.stderr.setEncoding('utf8').toArray()
      writer.stdin.write(`${track('live', 1)}\n`)
      await waitFor(
        'the first line in the database',
        async () => (await run(['dump', 'tracks'])).stdout.includes('"live"'),
        {
          everyMs: 300,
        },
      )
      writer.kill('SIGINT')
      const [code] = await once(writer, 'close')
      expect([code, (await words).join('')]).toEqual([
        1,
        expect.stringMatching(/interrupted; 1 message durable/),
      ])
      node.kill('SIGTERM')
      const ended = await node.ended
      expect([ended.code, ended.stderr]).toEqual([0, expect.stringMatching(/Stopped: .* processed/)])
      expect(ended.stderr).not.toMatch(/Warning| {4}at /)
    } finally {
      writer.kill('SIGKILL')
      node.kill('SIGKILL')
    }
  })

  it('--fail-on-quarantine fails where a message is quarantined', async () => {
    const { brokers } = await kafka()
    const { createKafkaLog } = await import('../../src/log/kafka/log.ts')
    const log = createKafkaLog({
      connection: { brokers },
      topic: env.SPINDEXER_LOG!.split('/').at(-1)!,
      onLog: () => {},
    })
    await log.append([{ partition: 0, key: null, value: Buffer.from('nonsense') }])
    await log.close()
    const { code, stderr } = await run(['run', '--until-end', '--fail-on-quarantine'])
    expect([code, stderr]).toEqual([1, expect.stringMatching(/1 message quarantined/)])
    const status = JSON.parse((await run(['status'])).stdout)
    expect(status.reasons).toMatchObject([{ kind: 'quarantined', reason: 'unknown-framing', count: 1 }])
    expect(status.reasons[0].meaning).toMatch(/begins like no message/)
  })

  it('node reset-id gives the database another id', async () => {
    const [first, second] = [await run(['node', 'reset-id']), await run(['node', 'reset-id'])]
    expect(JSON.parse(first!.stdout).nodeId).not.toBe(JSON.parse(second!.stdout).nodeId)
    expect((await run(['migrate'])).stderr).toMatch(/Nothing to do/)
    await catchUp()
  })
})
