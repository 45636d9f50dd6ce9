// The commands on a log in Postgres: in the node's own database, and in one of its own.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPostgresLog } from '../../src/log/postgres/log.ts'
import { createLogDatabase, execute } from '../log/postgres-admin.ts'
import { text } from '../log/samples.ts'
import { cli, ROOT, runCli, startCli } from '../support/cli.ts'
import { createDatabase, type PostgresVersion } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'

const dir = mkdtempSync(join(tmpdir(), 'spindexer-pglog-'))
const drops: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const drop of drops) await drop()
  rmSync(dir, { recursive: true })
})

async function databaseOf(version: PostgresVersion, name: string): Promise<string> {
  const { url, drop } = await createDatabase(version, name)
  drops.push(drop)
  return url
}

const jsonLines = (lines: string) =>
  lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
const track = (id: string, plays: number) =>
  JSON.stringify({ dataset: 'tracks', operation: 'upsert', data: { id, title: `Song ${id}`, plays } })

describe('a log beside the tables of its node, on the oldest Postgres', () => {
  let env: Record<string, string> = {}
  beforeAll(async () => {
    const url = await databaseOf(15, 'log')
    env = { SPINDEXER_LOG: url, DATABASE_URL: url }
  })
  const options = (input?: string) => ({ env, cwd: dir, ...(input === undefined ? {} : { input }) })
  const run = (args: readonly string[], input?: string) => runCli(args, options(input))
  const must = (args: readonly string[], input?: string) => cli(args, options(input))
  const cells = () => must(['dump', '--cells'])

  it('before there is a log every command says what to do', async () => {
    const commands = [
      ['publish', '-'],
      ['log', 'check'],
      ['datasets', 'list'],
      ['run', '--until-end'],
    ]
    const results = await Promise.all(commands.map((args) => run(args, '')))
    const missing = expect.stringMatching(/does not exist[\s\S]*spindexer log create/)
    for (const { code, stderr } of results) expect([code, stderr]).toEqual([1, missing])
  })

  it('log create makes it, once; log check finds it sound', async () => {
    const created = JSON.parse(await must(['log', 'create']))
    expect(created).toMatchObject({ partitions: 1, created: true })
    expect(JSON.parse(await must(['log', 'create']))).toEqual({ ...created, created: false })
    const [more, checked] = await Promise.all([
      run(['log', 'create', '--partitions', '5']),
      run(['log', 'check']),
    ])
    expect([more.code, more.stderr]).toEqual([1, expect.stringMatching(/exists with . partitions?, not 5/)])
    expect([checked.code, checked.stderr]).toEqual([
      0,
      expect.stringMatching(/^postgres log in database "log_\w+" at 127\.0\.0\.1:\d+ is sound\.$/m),
    ])
    expect(JSON.parse(checked.stdout).logId).toBe(created.logId)
  })

  it('what is defined, published and imported is merged by run, and shown by dump and status', async () => {
    await must(['datasets', 'apply', join(ROOT, 'examples/catalogue')])
    expect(jsonLines(await must(['datasets', 'list'])).map(({ dataset }) => dataset)).toEqual([
      'artists',
      'tracks',
    ])
    expect(jsonLines(await must(['datasets', 'show', 'tracks']))[0]).toMatchObject({ column: 'id', key: 1 })
    const file = join(dir, 'tracks.jsonl')
    writeFileSync(file, Array.from({ length: 3_000 }, (_, i) => track(`t${i}`, i)).join('\n'))
    expect(JSON.parse(await must(['publish', file]))).toEqual({ durable: 3_000, skipped: 0 })
    const artists = join(dir, 'artists.csv')
    writeFileSync(artists, 'id,name\na1,Ada\na2,Ben\n')
    const importing = ['import', 'artists', artists, '--timestamp', '2022-11-01T00:00:00Z']
    expect(JSON.parse(await must(importing))).toEqual({ durable: 2, skipped: 0 })
    expect((await run(['run', '--until-end'])).stderr).toMatch(
      /3,002 messages processed in this run: 3,002 merged/,
    )
    const before = await cells()
    await must(importing)
    await must(['run', '--until-end'])
    expect(await cells()).toBe(before)
    const onlyChanged = await run(['import', 'artists', artists, '--only-changed'])
    expect([onlyChanged.code, JSON.parse(onlyChanged.stdout).durable]).toEqual([0, 0])
    // A correction after reading wins.
    await must(['publish', '-'], track('t1', 100))
    await must(['run', '--until-end'])
    expect(await must(['dump', 'tracks'])).toMatch(/"id":"t1",.*"plays":100/)
    const status = JSON.parse(await must(['status']))
    expect(status).toMatchObject({ lag: 0, reasons: [], problems: [], warnings: [] })
  })

  it('what cannot be merged is set aside, and quarantine show reads it from the log', async () => {
    const log = createPostgresLog({ connectionString: env.SPINDEXER_LOG!, onLog: () => {} })
    const [appended] = await log.append(text(0, 'nonsense'))
    await log.close()
    const { code, stderr } = await run(['run', '--until-end', '--fail-on-quarantine'])
    expect([code, stderr]).toEqual([1, expect.stringMatching(/1 message quarantined/)])
    expect(jsonLines(await must(['quarantine', 'list']))[0]).toMatchObject({ reason: 'unknown-framing' })
    const shown = JSON.parse(await must(['quarantine', 'show', '0', String(appended!.offset)]))
    expect(shown).toMatchObject({ log: expect.stringMatching(/^postgres log in database/), partition: 0 })
  })

  it('a node whose tables are dropped reads the log again, which is still there', async () => {
    const before = await cells()
    await execute(env.DATABASE_URL!, 'drop schema spindexer cascade; drop schema data cascade')
    await must(['run', '--until-end'])
    expect(await cells()).toBe(before)
    expect((await run(['migrate'])).stderr).toMatch(/Nothing to do/)
  })

  it('run goes on as several processes, merges what is published within moments, and ends when asked', async () => {
    const nodes = [startCli(['run'], options()), startCli(['run'], options())]
    try {
      await waitFor('both to read', () => nodes.every((node) => node.stderr().includes('Node of log')))
      for (let i = 0; i < 3; i++) {
        await must(['publish', '-'], track(`live${i}`, i))
        await waitFor(
          'it to be merged',
          async () =>
            (await execute(env.DATABASE_URL!, `select from data.tracks where id = 'live${i}'`)).rowCount ===
            1,
        )
      }
      for (const node of nodes) node.kill('SIGTERM')
      for (const { ended } of nodes) {
        const { code, stderr } = await ended
        expect([code, stderr]).toEqual([0, expect.stringMatching(/Stopped: /)])
        expect(stderr).not.toMatch(/Warning| {4}at /)
      }
    } finally {
      for (const node of nodes) node.kill('SIGKILL')
    }
  })

  it('a log that was closed refuses what is published, with the remedy', async () => {
    const log = createPostgresLog({ connectionString: env.SPINDEXER_LOG!, onLog: () => {} })
    await log.seal([])
    await log.close()
    const { code, stderr } = await run(['publish', '-'], track('late', 1))
    expect(code).toBe(1)
    expect(stderr).toMatch(/the log was closed on .* UTC: it was copied; point SPINDEXER_LOG at the copy/)
    expect(stderr).toMatch(/no message durable|0 messages durable|nothing/i)
    await must(['run', '--until-end'])
  })
})

describe('a log in a database of its own, on the newest Postgres', () => {
  it('of several partitions, is merged by a node elsewhere', async () => {
    const env = { SPINDEXER_LOG: await databaseOf(18, 'log'), DATABASE_URL: await databaseOf(18, 'node') }
    const must = (args: readonly string[], input = '') => cli(args, { env, cwd: dir, input })
    expect(JSON.parse(await must(['log', 'create', '--partitions', '3']))).toMatchObject({ partitions: 3 })
    await must(['datasets', 'apply', join(ROOT, 'examples/catalogue')])
    await must(['publish', '-'], Array.from({ length: 300 }, (_, i) => track(`t${i}`, i)).join('\n'))
    await must(['run', '--until-end'])
    expect(jsonLines(await must(['dump', 'tracks']))).toHaveLength(300)
    const { partitions, lag } = JSON.parse(await must(['status']))
    expect([partitions.length, lag]).toEqual([3, 0])
    const { rows } = await execute(env.DATABASE_URL, `select to_regclass('spindexer_log.records') as found`)
    expect(rows).toEqual([{ found: null }])
  })
})

describe('what is wrong with a log in Postgres is said of the log', () => {
  it('a password, a database, a right: not of DATABASE_URL', async () => {
    const { url, drop } = await createLogDatabase(18, 1)
    drops.push(drop)
    const role = `nobody_${Date.now()}`
    await execute(url, `create role ${role} login`)
    drops.unshift(() => execute(url, `drop role ${role}`).then(() => {}))
    const cases: [string, RegExp][] = [
      [url.replace(/\/[^/]*$/, '/nowhere'), /"nowhere" does not exist.*SPINDEXER_LOG/],
      [url.replace('//postgres@', `//${role}@`), /permission denied.*; grant the role of SPINDEXER_LOG/],
      ['postgres://127.0.0.1:4/log', /ECONNREFUSED.*; check that Postgres runs there/],
    ]
    const results = await Promise.all(
      cases.map(([log]) => runCli(['log', 'check'], { env: { SPINDEXER_LOG: log }, cwd: dir })),
    )
    for (const [i, { code, stderr }] of results.entries()) {
      expect([code, stderr]).toEqual([1, expect.stringMatching(cases[i]![1])])
      expect(stderr).not.toMatch(/DATABASE_URL|set SPINDEXER_DEBUG/)
    }
    const making = {
      env: { SPINDEXER_LOG: (await databaseOf(18, 'made')).replace('//postgres@', `//${role}@`) },
      cwd: dir,
    }
    const { stderr } = await runCli(['log', 'create'], making)
    expect(stderr).toMatch(/making postgres log .*: permission denied for database .*; grant/)
  })
})
