// The command line from outside: help that teaches, wrong usage with exit 2, settings and where they come from.

import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { nodeWarnings } from '../../src/cli/connection-warnings.ts'
import { createAuthority } from '../support/certificates.ts'
import { runCli } from '../support/cli.ts'
import { testKey } from '../support/signers.ts'

const dir = mkdtempSync(join(tmpdir(), 'spindexer-cli-'))
afterAll(() => rmSync(dir, { recursive: true }))

const authority = createAuthority('Authority of the test')
const pem = {
  certificate: join(dir, 'certificate.pem'),
  key: join(dir, 'key.pem'),
  otherKey: join(dir, 'other.key'),
  none: join(dir, 'none.pem'),
}
writeFileSync(pem.certificate, authority.certificate)
writeFileSync(pem.key, authority.key)
writeFileSync(pem.otherKey, createAuthority('Another').key)
writeFileSync(pem.none, 'hush')

const COMMANDS = [
  'log create',
  'log check',
  'log copy',
  'datasets apply',
  'datasets list',
  'datasets show',
  'policy apply',
  'policy show',
  'policy check',
  'publish',
  'import',
  'run',
  'dump',
  'status',
  'quarantine list',
  'quarantine show',
  'keys create',
  'keys show',
  'migrate',
  'node reset-id',
  'config',
]
const SIGNER = 'eip191:00112233445566778899aabbccddeeff00112233'
const POLICY = JSON.stringify({ admins: [SIGNER] })
function policyFile(text: string): string {
  const path = join(dir, `${createHash('sha256').update(text).digest('hex')}.json`)
  writeFileSync(path, text)
  return path
}
/** Nothing listens on the ports below 1024 that nobody has assigned. */
const NOWHERE = { log: 'kafka://127.0.0.1:4/log', database: 'postgres://ada:hush%40@127.0.0.1:4/none' }

const NOWHERE_ENV = { SPINDEXER_LOG: NOWHERE.log }

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
    expect(stdout).not.toMatch(/rebuild|verify(?!-full)/)
    expect((await runCli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

type Case = readonly [string[], RegExp, Record<string, string>?]

/** `log check` with these settings of a login. */
function secured(cases: readonly (readonly [RegExp, Record<string, string>])[]): readonly Case[] {
  const named = (settings: Record<string, string>) =>
    Object.fromEntries(Object.entries(settings).map(([name, value]) => [`KAFKA_SASL_${name}`, value]))
  return encrypted(cases.map(([message, settings]) => [message, named(settings)]))
}

const KEY = testKey('admin').signer

/** `log create` with these admins. */
function withAdmins(cases: readonly (readonly [RegExp, readonly string[]])[]): readonly Case[] {
  return cases.map(([message, admins]) => [
    ['log', 'create', ...admins.flatMap((admin) => ['--admin', admin])],
    message,
    NOWHERE_ENV,
  ])
}

/** `log check` with these settings. */
function encrypted(cases: readonly (readonly [RegExp, Record<string, string>])[]): readonly Case[] {
  return cases.map(([message, env]) => [['log', 'check'], message, { SPINDEXER_LOG: NOWHERE.log, ...env }])
}

describe('wrong usage', () => {
  const cases: readonly Case[] = [
    [['nonsense'], /unknown command/],
    [['dump', '--nonsense'], /unknown option/],
    [['dump'], /dump needs a dataset/],
    [['publish'], /missing required argument/],
    [['publish', 'x.jsonl'], /no file x\.jsonl/, { SPINDEXER_LOG: NOWHERE.log }],
    [['import', 'a', 'x', '--timestamp', '1666283719896'], /nanoseconds/, { SPINDEXER_LOG: NOWHERE.log }],
    [['publish', '-', '--ties=order'], /--ties=order needs a file/, { SPINDEXER_LOG: NOWHERE.log }],
    [['publish', 'x', '--ties=chance'], /Allowed choices are order/],
    [['log', 'create', '--partitions', '0'], /whole number from 1 to 10000/],
    [['log', 'copy', '--from', 'kafka://a:1/b'], /--to <url>' not specified/],
    [['log', 'copy', '--to', 'kafka://a:1/b'], /neither SPINDEXER_LOG /],
    [
      ['log', 'copy', '--from', 'amqp://a', '--to', 'kafka://a:1/b'],
      /--from: .* neither kafka:\/\/ nor postgres:\/\//,
    ],
    [['log', 'copy', '--from', NOWHERE.log, '--to', 'kafka://a:1'], /--to: .* names no topic/],
    ...withAdmins([
      [/--admin is not the name of a signer\n.*ed25519: and 64 hex/, ['hush']],
      [/--admin is not the name of a signer/, [`ed25519:${'AB'.repeat(32)}`]],
      [/--admin is not the name of a signer, and may be a secret/, ['0x'.padEnd(66, 'f')]],
      [/--admin, number 2, is no Ed25519 key that can sign/, [KEY, `ed25519:${'0'.repeat(64)}`]],
      [/--admin is no Ed25519 key that can sign/, [`ed25519:01${'0'.repeat(62)}`]],
      [/--admin is no Ed25519 key: it is not on the curve/, [`ed25519:02${'0'.repeat(62)}`]],
      [/--admin is the address of nobody/, [`eip191:${'0'.repeat(40)}`]],
    ]),
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
    [['policy', 'apply', 'nowhere'], /there is no nowhere/, NOWHERE_ENV],
    [['policy', 'apply', policyFile('[]')], /should be an object, not an array/, NOWHERE_ENV],
    [
      ['policy', 'apply', policyFile('{"admin":[],"rules":[{}]}')],
      /is no policy:\n {2}- admin is unknown \(did you mean admins\?\)[\s\S]*rule 1: signers is missing/,
      NOWHERE_ENV,
    ],
    [['policy', 'apply', policyFile(POLICY)], /no key is set: a policy is signed by an admin/, NOWHERE_ENV],
    [
      ['policy', 'apply', policyFile(POLICY.replace(SIGNER, `ed25519:${'0'.repeat(64)}`))],
      /nobody can sign as an admin: ed25519:0+ is no Ed25519 key/,
      NOWHERE_ENV,
    ],
    [['policy', 'check', policyFile(POLICY)], /there is no message to check/, NOWHERE_ENV],
    [['policy', 'check', '--current', 'a', 'b'], /--current takes the place of the policy file/, NOWHERE_ENV],
    [['policy', 'check', policyFile(POLICY), 'nowhere'], /there is no file nowhere/, NOWHERE_ENV],
    [
      ['policy', 'check', '--current', '-', '--signer', 'me'],
      /--signer is not the name of a signer/,
      NOWHERE_ENV,
    ],
    [['datasets', 'apply', 'nowhere'], /there is no nowhere/, { SPINDEXER_LOG: NOWHERE.log }],
    ...secured([
      [/is "scram", which is not known[\s\S]*plain, scram-sha-256, scram-sha-512/, { MECHANISM: 'scram' }],
      [/did you mean scram-sha-512/, { MECHANISM: 'SCRAM-SHA512' }],
      [/MECHANISM is set, but KAFKA_SASL_USERNAME is not/, { MECHANISM: 'plain' }],
      [/but KAFKA_SASL_PASSWORD is not[\s\S]*PASSWORD_FILE/, { MECHANISM: 'plain', USERNAME: 'ada' }],
      [/PASSWORD is set, but KAFKA_SASL_MECHANISM is not/, { PASSWORD: 'hush' }],
      [/USERNAME is set, but KAFKA_SASL_MECHANISM is not/, { USERNAME: 'ada', PASSWORD: 'hush' }],
    ]),
    ...encrypted([
      [/KAFKA_SSL is "yes", neither true nor false/, { KAFKA_SSL: 'yes' }],
      [/KAFKA_SSL is false, but KAFKA_SSL_CA is set/, { KAFKA_SSL: 'false', KAFKA_SSL_CA: pem.certificate }],
      [/KAFKA_SSL_CA names .*nowhere.pem, which cannot be read \(ENOENT\)/, { KAFKA_SSL_CA: 'nowhere.pem' }],
      [/KAFKA_SSL_CA names .*none.pem, which holds no certificate in PEM/, { KAFKA_SSL_CA: pem.none }],
      [/KAFKA_SSL_CA names .*key.pem, which holds no certificate/, { KAFKA_SSL_CA: pem.key }],
      [/KAFKA_SSL_CERT is set, but KAFKA_SSL_KEY is not/, { KAFKA_SSL_CERT: pem.certificate }],
      [/KAFKA_SSL_KEY is set, but KAFKA_SSL_CERT is not/, { KAFKA_SSL_KEY: pem.key }],
      [/holds no private key/, { KAFKA_SSL_CERT: pem.certificate, KAFKA_SSL_KEY: pem.certificate }],
      [/does not fit the certificate/, { KAFKA_SSL_CERT: pem.certificate, KAFKA_SSL_KEY: pem.otherKey }],
    ]),
    [['status'], /sslmode=full, which is not known/, { DATABASE_URL: `${NOWHERE.database}?sslmode=full` }],
    [
      ['status'],
      /DATABASE_URL: sslrootcert names .*none.pem, which holds no certificate/,
      { DATABASE_URL: `${NOWHERE.database}?sslmode=verify-full&sslrootcert=${pem.none}` },
    ],
    [
      ['log', 'check'],
      /the log's URL is wrong: it says sslmode=full, which is not known/,
      { SPINDEXER_LOG: 'postgres://ada:hush@a/b?sslmode=full' },
    ],
    [
      ['publish', '-'],
      /SCHEMA_REGISTRY_SSL_CA names .*none.pem, which holds no certificate/,
      {
        SPINDEXER_LOG: NOWHERE.log,
        SCHEMA_REGISTRY_URL: 'https://a:1',
        SCHEMA_REGISTRY_SSL_CA: pem.none,
      },
    ],
  ]

  it('is told on stderr with the remedy, and exit code 2', async () => {
    const results = await Promise.all(cases.map(([args, , env = {}]) => runCli(args, { env, cwd: dir })))
    for (const [i, [args, message]] of cases.entries()) {
      const { code, stdout, stderr } = results[i]!
      expect([args.join(' '), code, stdout]).toEqual([args.join(' '), 2, ''])
      expect(stderr).toMatch(message)
      expect(stderr).not.toMatch(/ {4}at |hush/)
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

  it('that are nothing but secret are not shown at all; a name may come from a file too', async () => {
    writeFileSync(join(dir, 'password'), 'hush,=@"\n')
    writeFileSync(join(dir, 'user'), 'ada\n')
    const { settings, stdout, stderr } = await configOf([], {
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME_FILE: join(dir, 'user'),
      KAFKA_SASL_PASSWORD_FILE: join(dir, 'password'),
    })
    expect(settings.get('KAFKA_SASL_USERNAME').value).toBe('ada')
    expect(settings.get('KAFKA_SASL_PASSWORD')).toMatchObject({
      value: '****',
      source: `file ${join(dir, 'password')} (environment)`,
    })
    expect(`${stdout}${stderr}`).not.toMatch(/hush/)
  })

  it('that are insecure are warned of', async () => {
    const warningsOf = async (env: Record<string, string>) =>
      (await configOf([], env)).stderr.split('\n').filter((line) => line.startsWith('warning'))
    const login = {
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: 'ada',
      KAFKA_SASL_PASSWORD: 'hush',
    }
    const away = { SPINDEXER_LOG: 'kafka://127.0.0.1:1,kafka.example:1/log' }
    expect(await warningsOf({ ...away, ...login })).toEqual([
      expect.stringMatching(
        /without TLS: the password goes over the network in the clear; set KAFKA_SSL=true/,
      ),
    ])
    const scram = { ...login, KAFKA_SASL_MECHANISM: 'scram-sha-256' }
    expect(await warningsOf({ ...away, ...scram })).toEqual([expect.stringMatching(/without TLS: whoever/)])
    expect(await warningsOf({ ...away, ...login, KAFKA_SSL: 'true' })).toEqual([])
    expect(await warningsOf({ ...NOWHERE_ENV, ...login })).toEqual([])
    expect(await warningsOf({ DATABASE_URL: 'postgres://a:b@c/d?sslmode=no-verify' })).toEqual([
      expect.stringMatching(/DATABASE_URL says no-verify.*sslmode=verify-full/),
    ])
  })

  it('that are insecure for a node that runs are warned of as it starts', () => {
    const warningsOf = (url: string) => nodeWarnings((name) => (name === 'DATABASE_URL' ? url : null))
    expect(warningsOf('postgres://a:b@db.example/d')).toEqual([
      expect.stringMatching(/goes to db\.example without TLS.*add \?sslmode=verify-full/),
    ])
    const without = [
      'postgres://a:b@db.example/d?sslmode=verify-full',
      NOWHERE.database,
      'postgres://a@[::1]/d',
    ]
    for (const url of [...without, 'postgres://%2Frun%2Fpostgres/d', 'postgres:///d']) {
      expect([url, warningsOf(url)]).toEqual([url, []])
    }
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
      KAFKA_SASL_PASWORD: 'hush',
      KAFKA_SSL_KEYSTORE_LOCATION: 'of another program',
    }
    const { stderr, code } = await configOf([], env)
    expect(code).toBe(0)
    expect(stderr).toMatch(
      /warning: SPINDEXER_LOGS \(in the environment\) is not a setting.*did you mean SPINDEXER_LOG/,
    )
    expect(stderr).toMatch(/SPINDEXER_COLOUR .*`spindexer config` lists them/)
    expect(stderr).toMatch(/KAFKA_SASL_PASWORD .*did you mean KAFKA_SASL_PASSWORD/)
    expect(stderr).not.toMatch(/URI|KEYSTORE/)
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
