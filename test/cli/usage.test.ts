// The command line from outside: help that teaches, wrong usage with exit 2, settings and where they come from.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'

const dir = mkdtempSync(join(tmpdir(), 'spindexer-cli-'))
afterAll(() => rmSync(dir, { recursive: true }))

const COMMANDS = [
  'log create',
  'log check',
  'datasets apply',
  'datasets list',
  'datasets show',
  'publish',
  'import',
  'run',
  'dump',
  'status',
  'quarantine list',
  'quarantine show',
  'migrate',
  'node reset-id',
  'config',
]
/** Nothing listens on the ports below 1024 that nobody has assigned. */
const NOWHERE = { log: 'kafka://127.0.0.1:4/log', database: 'postgres://ada:hush%40@127.0.0.1:4/none' }

async function configOf(args: readonly string[], env: Record<string, string> = {}) {
  const { stdout, stderr, code } = await runCli(['config', ...args], { env, cwd: dir })
  const lines = stdout.trimEnd().split('\n')
  const settings = code === 0 ? lines.map((line) => JSON.parse(line)) : []
  return { settings: new Map(settings.map((setting) => [setting.name, setting])), stdout, stderr, code }
}

describe('help', () => {
  it('of every command says what it does, its options, and an example', async () => {
    const results = await Promise.all(COMMANDS.map((command) => runCli([...command.split(' '), '--help'])))
    for (const [i, { code, stdout, stderr }] of results.entries()) {
      expect([COMMANDS[i], code, stderr]).toEqual([COMMANDS[i], 0, ''])
      expect(stdout).toMatch(/Usage: spindexer/)
      expect(stdout).toMatch(/Examples?:\n {2}\$ spindexer /)
      expect(stdout).toMatch(/SPINDEXER_LOG/)
    }
  })

  it('of the whole names every command and nothing that is not there', async () => {
    const { stdout } = await runCli(['--help'])
    for (const command of COMMANDS) expect(stdout).toContain(command.split(' ')[0])
    expect(stdout).not.toMatch(/rebuild|verify|policy|log copy/)
    expect((await runCli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('wrong usage', () => {
  const cases: readonly (readonly [string[], RegExp, Record<string, string>?])[] = [
    [['nonsense'], /unknown command/],
    [['dump', '--nonsense'], /unknown option/],
    [['dump'], /dump needs a dataset/],
    [['publish'], /missing required argument/],
    [['publish', 'x.jsonl'], /no file x\.jsonl/, { SPINDEXER_LOG: NOWHERE.log }],
    [['import', 'a', 'x', '--timestamp', '1666283719896'], /nanoseconds/, { SPINDEXER_LOG: NOWHERE.log }],
    [['publish', '-', '--ties=order'], /--ties=order needs a file/, { SPINDEXER_LOG: NOWHERE.log }],
    [['publish', 'x', '--ties=chance'], /Allowed choices are order/],
    [['log', 'create', '--partitions', '0'], /whole number from 1 to 10000/],
    [['log', 'create', '--admin', 'x'], /signatures are not in this version/, { SPINDEXER_LOG: NOWHERE.log }],
    [['status'], /neither SPINDEXER_LOG .* nor DATABASE_URL[\s\S]*`spindexer run` makes one[\s\S]*make up/],
    [['publish', '-'], /nothing is configured[\s\S]*no embedded Postgres in this folder/],
    [['run'], /DATABASE_URL is not set[\s\S]*DATABASE_URL=postgres:\/\//, { SPINDEXER_LOG: NOWHERE.log }],
    [['run'], /SPINDEXER_LOG is not set[\s\S]*SPINDEXER_LOG=kafka:\/\//, { DATABASE_URL: NOWHERE.database }],
    [
      ['log', 'check'],
      /the log's URL is wrong: it names no database[\s\S]*%40/,
      { SPINDEXER_LOG: 'postgres://a' },
    ],
    [['log', 'check'], /neither kafka:\/\/ nor postgres:\/\//, { SPINDEXER_LOG: 'amqp://a/b' }],
    [
      ['log', 'create', '--replication-factor', '3'],
      /--replication-factor is for a log in Kafka/,
      { SPINDEXER_LOG: 'postgres://127.0.0.1:4/b' },
    ],
    [['log', 'check'], /names no topic/, { SPINDEXER_LOG: 'kafka://a:1' }],
    [['status'], /no URL of a Postgres/, { DATABASE_URL: 'mysql://a/b' }],
    [['migrate'], /no URL of a Postgres[\s\S]*%40 for @/, { DATABASE_URL: 'postgres://ada@host:port/db' }],
    [['migrate', 'now'], /too many arguments/],
    [['node', 'reset-di'], /Did you mean reset-id/],
    [['node', 'reset-id'], /DATABASE_URL is not set/, { SPINDEXER_LOG: NOWHERE.log }],
    [['config', '--database'], /argument missing/],
    [['config', 'SPINDEXER_LOG'], /too many arguments/],
    [
      ['publish', '-'],
      /SCHEMA_REGISTRY_URL is no URL/,
      { SPINDEXER_LOG: NOWHERE.log, SCHEMA_REGISTRY_URL: 'a:1' },
    ],
    [['import', 'a', 'x', '--only-changed'], /there is no file x/, { SPINDEXER_LOG: NOWHERE.log }],
    [['quarantine', 'list'], /DATABASE_URL is not set/, { SPINDEXER_LOG: NOWHERE.log }],
    [['quarantine', 'show', '0', '1'], /SPINDEXER_LOG is not set/, { DATABASE_URL: NOWHERE.database }],
    [['quarantine', 'show', '0', '-1'], /an offset: a whole number/, { SPINDEXER_LOG: NOWHERE.log }],
    [['quarantine', 'show', '-2', '1'], /number of a partition, from 0, or definitions/],
    [['datasets', 'apply', 'nowhere'], /there is no nowhere/, { SPINDEXER_LOG: NOWHERE.log }],
  ]

  it('is told on stderr with the remedy, and exit code 2', async () => {
    const results = await Promise.all(cases.map(([args, , env = {}]) => runCli(args, { env, cwd: dir })))
    for (const [i, [args, message]] of cases.entries()) {
      const { code, stdout, stderr } = results[i]!
      expect([args.join(' '), code, stdout]).toEqual([args.join(' '), 2, ''])
      expect(stderr).toMatch(message)
      expect(stderr).not.toMatch(/ {4}at /)
    }
  })
})

describe('failures', () => {
  it('have exit code 1, no stack trace and no secret; SPINDEXER_DEBUG=1 brings the trace, and still no secret', async () => {
    const env = { DATABASE_URL: NOWHERE.database }
    const plain = await runCli(['status'], { env, cwd: dir })
    expect(plain.code).toBe(1)
    expect(plain.stderr).toMatch(/database.*ECONNREFUSED/)
    expect(plain.stderr).toMatch(/make up/)
    expect(plain.stderr).not.toMatch(/ {4}at |hush/)
    const debugged = await runCli(['status'], { env: { ...env, SPINDEXER_DEBUG: '1' }, cwd: dir })
    expect(debugged.stderr).toMatch(/ {4}at /)
    expect(debugged.stderr).not.toMatch(/hush/)
  })

  it('of a log that cannot be reached name it', async () => {
    const { code, stderr } = await runCli(['log', 'check'], { env: { SPINDEXER_LOG: NOWHERE.log }, cwd: dir })
    expect(code).toBe(1)
    expect(stderr).toMatch(/127\.0\.0\.1:4/)
    expect(stderr).not.toMatch(/Warning/)
  })
})

describe('settings', () => {
  it('come from flags before the environment before .env', async () => {
    writeFileSync(
      join(dir, '.env'),
      `SPINDEXER_LOG=kafka://dotenv:1/a\nDATABASE_URL=postgres://dotenv/a\nSCHEMA_REGISTRY_URL=http://dotenv\n`,
    )
    const env = { SPINDEXER_LOG: 'kafka://env:1/a', SCHEMA_REGISTRY_URL: '' }
    const { settings, stderr } = await configOf(['--log', 'kafka://flag:1/a'], env)
    expect(settings.get('SPINDEXER_LOG')).toMatchObject({ value: 'kafka://flag:1/a', source: 'flag --log' })
    expect(settings.get('DATABASE_URL')).toMatchObject({ value: 'postgres://dotenv/a', source: '.env' })
    expect(settings.get('SCHEMA_REGISTRY_URL')).toMatchObject({ value: null, source: 'environment' })
    expect(settings.get('SPINDEXER_DATA_SCHEMA')).toMatchObject({ value: 'data', source: 'default' })
    expect((await configOf([], env)).settings.get('SPINDEXER_LOG').source).toBe('environment')
    expect(stderr).not.toMatch(/warning/)
    rmSync(join(dir, '.env'))
  })

  it('that are secret are masked, and may come from files', async () => {
    writeFileSync(join(dir, 'secret'), 'postgres://ada:hu/sh@w:0rd@host/db?sslpassword=hush\n')
    const { settings, stdout } = await configOf([], { DATABASE_URL_FILE: join(dir, 'secret') })
    expect(settings.get('DATABASE_URL')).toMatchObject({
      value: 'postgres://ada:****@host/db?sslpassword=****',
      source: `file ${join(dir, 'secret')} (environment)`,
    })
    expect(stdout).not.toMatch(/hush|hu\/sh|0rd/)
  })

  it('that are given twice, or in a file that is not there, are refused', async () => {
    const both = await configOf([], {
      DATABASE_URL: 'postgres://a/b',
      DATABASE_URL_FILE: join(dir, 'secret'),
    })
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('both set')])
    const none = await configOf([], { DATABASE_URL_FILE: join(dir, 'nowhere') })
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('cannot be read')])
  })

  it('that do not exist are warned of, with those that may have been meant', async () => {
    const env = {
      SPINDEXER_LOGS: 'kafka://a:1/b',
      SPINDEXER_COLOUR: 'red',
      DATABASE_URI: 'of another program',
    }
    const { stderr, code } = await configOf([], env)
    expect(code).toBe(0)
    expect(stderr).toMatch(
      /warning: SPINDEXER_LOGS \(in the environment\) is not a setting.*did you mean SPINDEXER_LOG/,
    )
    expect(stderr).toMatch(/SPINDEXER_COLOUR .*`spindexer config` lists them/)
    expect(stderr).not.toMatch(/URI/)
    writeFileSync(
      join(dir, '.env'),
      'DATABSE_URL=postgres://a/b\nPORT=1\nDATABASE_USER=x\nDATABASE_URL_FILES=x\n',
    )
    const fromFile = await configOf([])
    expect(fromFile.stderr).toMatch(/DATABSE_URL \(in \.env\) is not a setting.*did you mean DATABASE_URL/)
    expect(fromFile.stderr).toMatch(/DATABASE_URL_FILES .*did you mean DATABASE_URL_FILE/)
    expect(fromFile.stderr).not.toMatch(/PORT|DATABASE_USER/)
    rmSync(join(dir, '.env'))
  })

  it('of a value without effect are warned of; a file .env that cannot be read is refused', async () => {
    expect((await configOf([], { SPINDEXER_DEBUG: 'yes' })).stderr).toMatch(
      /SPINDEXER_DEBUG is "yes".*1 turns it on/,
    )
    mkdirSync(join(dir, '.env'))
    const unreadable = await configOf([])
    expect([unreadable.code, unreadable.stderr]).toEqual([2, expect.stringMatching(/\.env cannot be read/)])
    rmSync(join(dir, '.env'), { recursive: true })
  })
})
