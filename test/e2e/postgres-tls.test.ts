// A node whose Postgres demands TLS: with a password and with a client certificate, on the oldest and the newest
// version; and what is said where the URL and the server disagree.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPool, endPool, inTransaction, READ_SNAPSHOT } from '../../src/postgres/pool.ts'
import { readPostgresUrl } from '../../src/postgres/url.ts'
import { createAuthority } from '../support/certificates.ts'
import { cli, ROOT, runCli, startCli } from '../support/cli.ts'
import { CERTIFICATE_USER, demandTls, PASSWORD_USER, prepareUsers } from '../support/postgres-tls.ts'
import {
  createDatabase,
  type PostgresService,
  type PostgresVersion,
  startPostgres,
  temporaryDir,
} from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { createTestLog, type TestLog } from './support.ts'

const dir = temporaryDir()
const authority = createAuthority('Authority of the test')
const others = createAuthority('Authority of others')
const server = authority.issue({ name: 'postgres', hosts: ['localhost'] })
const versions: readonly PostgresVersion[] = [15, 18]
const servers = new Map<PostgresVersion, PostgresService>()
let log: TestLog

/** Writes a PEM file; gives its path. */
function file(name: string, content: string): string {
  const path = join(dir.path, 'pem', name)
  mkdirSync(join(dir.path, 'pem'), { recursive: true })
  writeFileSync(path, content)
  return path
}

const carl = authority.issue({ name: CERTIFICATE_USER.name })
const stranger = others.issue({ name: CERTIFICATE_USER.name })
const ben = authority.issue({ name: 'ben' })
const files = {
  ca: file('ca.pem', authority.certificate),
  otherCa: file('other-ca.pem', others.certificate),
  carl: `sslcert=${file('carl.pem', carl.certificate)}&sslkey=${file('carl.key', carl.key)}`,
  ben: `sslcert=${file('ben.pem', ben.certificate)}&sslkey=${file('ben.key', ben.key)}`,
  stranger: `sslcert=${file('stranger.pem', stranger.certificate)}&sslkey=${file('stranger.key', stranger.key)}`,
}
const VERIFIED = `sslmode=verify-full&sslrootcert=${files.ca}`

interface UrlParts {
  readonly user?: string
  readonly host?: string
  readonly query?: string
  readonly database?: string
}

const withPassword = `${PASSWORD_USER.name}:${PASSWORD_USER.password}`

function urlOf(
  version: PostgresVersion,
  { user = withPassword, host = 'localhost', query, database = 'node' }: UrlParts,
): string {
  const question = query === undefined ? '' : `?${query}`
  return `postgres://${user}@${host}:${servers.get(version)!.port}/${database}${question}`
}

beforeAll(async () => {
  const start = async (version: PostgresVersion) => {
    const started = await startPostgres({
      version,
      dir: join(dir.path, `postgres-${version}`),
      removeDirWhenOrphaned: true,
    })
    servers.set(version, started)
    await prepareUsers(started.url, ['node', 'log', 'reader'])
    await demandTls(started.url, server, authority.certificate)
  }
  log = await createTestLog('postgres-tls', { partitions: 2, datasets: 'examples/catalogue' })
  await Promise.all(versions.map(start))
  await cli(['publish', '-'], {
    env: log.env,
    input: '{"dataset":"tracks","operation":"upsert","data":{"id":"t1","title":"Blue","plays":7}}\n',
  })
})

afterAll(async () => {
  await Promise.all([...servers.values()].map((started) => started.kill('SIGKILL')))
  dir.remove()
})

describe.each(versions)('Postgres %i that demands TLS', (version) => {
  it('run and dump, with a password and with a client certificate', async () => {
    const ways = [
      { query: VERIFIED },
      { user: CERTIFICATE_USER.name, query: `${VERIFIED}&${files.carl}` },
      // What node-postgres warns of, and will take for less one day: here it stays what it is.
      { query: `sslmode=require&sslrootcert=${files.ca}` },
    ]
    for (const way of ways) {
      const env = { ...log.env, DATABASE_URL: urlOf(version, way), SPINDEXER_DEBUG: '1' }
      const ran = await runCli(['run', '--until-end'], { env })
      expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining('Caught up')])
      expect(ran.stderr).not.toMatch(/SECURITY|without TLS|hush/)
      const dumped = await runCli(['dump', 'tracks'], { env })
      expect([dumped.code, dumped.stdout]).toEqual([0, expect.stringContaining('"title":"Blue"')])
    }
  })

  it('keeps a log, too', async () => {
    const way = { user: CERTIFICATE_USER.name, query: `${VERIFIED}&${files.carl}` }
    const env = {
      SPINDEXER_LOG: urlOf(version, { ...way, database: 'log' }),
      DATABASE_URL: urlOf(version, { ...way, database: 'reader' }),
    }
    await cli(['log', 'create'], { env })
    await cli(['datasets', 'apply', join(ROOT, 'examples/catalogue')], { env })
    await cli(['publish', '-'], {
      env,
      input: '{"dataset":"tracks","operation":"upsert","data":{"id":"t1","title":"Red"}}\n',
    })
    await cli(['run', '--until-end'], { env })
    expect(await cli(['dump', 'tracks'], { env })).toContain('"title":"Red"')
    const query = `sslmode=verify-full&sslrootcert=${files.otherCa}`
    const untrusted = { ...env, SPINDEXER_LOG: urlOf(version, { ...way, database: 'log', query }) }
    const { code, stderr } = await runCli(['log', 'check'], { env: untrusted })
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /Postgres's certificate is not signed by an authority .*; add sslrootcert=ca\.pem/,
      ),
    ])
  })

  it('says what is wrong, and what to do', async () => {
    const plain = await createDatabase(version, 'without_tls')
    const cases: readonly (readonly [string, RegExp])[] = [
      [urlOf(version, {}), /no encryption[\s\S]*add \?sslmode=verify-full/],
      [urlOf(version, { query: 'sslmode=disable' }), /no encryption[\s\S]*add \?sslmode=verify-full/],
      [
        urlOf(version, { query: `sslmode=verify-full&sslrootcert=${files.otherCa}` }),
        /Postgres's certificate is not signed by an authority that is trusted here[\s\S]*add sslrootcert=ca\.pem/,
      ],
      [urlOf(version, { query: 'sslmode=verify-full' }), /not signed by an authority[\s\S]*add sslrootcert/],
      [urlOf(version, { query: 'sslmode=prefer' }), /not signed by an authority[\s\S]*add sslrootcert/],
      [
        urlOf(version, { host: '127.0.0.1', query: VERIFIED }),
        /certificate is for another host \(IP: 127\.0\.0\.1[\s\S]*name the server in its URL as/,
      ],
      [
        urlOf(version, { host: '127.0.0.1', query: VERIFIED.replace('verify-full', 'verify-ca') }),
        /certificate is for another host/,
      ],
      [
        urlOf(version, { user: CERTIFICATE_USER.name, query: VERIFIED }),
        /requires a valid client certificate[\s\S]*add sslcert=cert\.pem&sslkey=key\.pem/,
      ],
      [
        urlOf(version, { user: CERTIFICATE_USER.name, query: `${VERIFIED}&${files.stranger}` }),
        /demands a client certificate that it trusts[\s\S]*add sslcert=cert\.pem&sslkey=key\.pem/,
      ],
      [
        urlOf(version, { user: CERTIFICATE_USER.name, query: `${VERIFIED}&${files.ben}` }),
        /certificate authentication failed for user "carl"[\s\S]*of a certificate for this very user/,
      ],
      [`${plain.url}?${VERIFIED}`, /does not support SSL connections[\s\S]*turn on ssl.*sslmode=disable/],
    ]
    const results = await Promise.all(
      cases.map(([url]) => runCli(['status'], { env: { DATABASE_URL: url } })),
    )
    await plain.drop()
    for (const [i, [url, message]] of cases.entries()) {
      expect([url, results[i]!.code]).toEqual([url, 1])
      expect(results[i]!.stderr).toMatch(message)
      expect(results[i]!.stderr).not.toMatch(/hush|use-system-ca/)
    }
  })
})

it('no-verify takes any server, and is warned of', async () => {
  const env = { ...log.env, DATABASE_URL: urlOf(18, { host: '127.0.0.1', query: 'sslmode=no-verify' }) }
  const { code, stderr } = await runCli(['dump', 'tracks'], { env })
  expect([code, stderr]).toEqual([0, expect.stringMatching(/warning: DATABASE_URL says no-verify/)])
})

it('the connection that asks after a silent one speaks TLS too', async () => {
  const admin = new pg.Client({ connectionString: urlOf(18, { query: VERIFIED }) })
  await admin.connect()
  await admin.query(`create table logins (pid int, ssl boolean);
    create function note_login() returns event_trigger language plpgsql as $$
    begin insert into logins select pid, ssl from pg_stat_ssl where pid = pg_backend_pid(); end $$;
    create event trigger noting on login execute function note_login()`)
  const pool = createPool(urlOf(18, { query: VERIFIED }))
  try {
    await inTransaction(pool, READ_SNAPSHOT, (client) => client.query('select pg_sleep(13)'))
    const { rows } = await admin.query('select ssl, count(*)::int as count from logins group by 1')
    expect(rows).toEqual([{ ssl: true, count: 2 }])
  } finally {
    await admin.query('drop event trigger noting')
    await admin.end()
    await endPool(pool)
  }
})

it('a certificate that has expired is waited for, and renewed without a restart of the node', async () => {
  const expired = authority.issue({
    name: 'postgres',
    hosts: ['localhost'],
    until: new Date(Date.now() - 60_000),
  })
  const { url } = servers.get(15)!
  await demandTls(url, expired, authority.certificate)
  const env = { ...log.env, DATABASE_URL: urlOf(15, { query: VERIFIED }) }
  const words = (await runCli(['status'], { env })).stderr
  expect(words).toMatch(/Postgres's certificate, or that of its authority, has expired[\s\S]*renewed/)
  const node = startCli(['run', '--until-end'], { env })
  try {
    await waitFor('the node to wait', () => /waiting: could not .* has expired/.test(node.stderr()))
    await demandTls(url, server, authority.certificate)
    expect((await node.ended).code).toBe(0)
  } finally {
    node.kill('SIGKILL')
  }
})

it('a URL means nothing less than it says', () => {
  const sslOf = (query: string) => {
    const read = readPostgresUrl(`postgres://a:b@c:1/d?x=1&${query}&application_name=e`)
    if (read.type === 'refused') return `${read.what}; ${read.remedy}`
    expect(read.address.connectionString).toBe('postgres://a:b@c:1/d?x=1&application_name=e')
    const { ssl } = read.address
    return ssl === undefined || ssl === false ? ssl : ssl.rejectUnauthorized
  }
  for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full']) {
    expect([mode, sslOf(`sslmode=${mode}`)]).toEqual([mode, true])
    expect([mode, sslOf(`sslmode=${mode}&uselibpqcompat=true`)]).toEqual([mode, true])
  }
  expect(sslOf(`sslrootcert=${encodeURIComponent(files.ca)}`)).toBe(true)
  expect(sslOf('sslrootcert=system')).toBe(true)
  expect(sslOf('ssl=true')).toBe(true)
  expect(sslOf('sslnegotiation=direct')).toBe(true)
  expect(sslOf('sslmode=disable')).toBe(false)
  expect(sslOf('ssl=false')).toBe(false)
  expect(sslOf('sslmode=no-verify')).toBe(false)
  expect(sslOf('')).toBe(undefined)
  expect(sslOf('sslmode=verify_full')).toMatch(/sslmode=verify_full, which is not known.*verify-full/)
  expect(sslOf('sslmode=allow')).toMatch(/not known/)
  expect(sslOf('ssl=maybe')).toMatch(/ssl=maybe/)
  expect(sslOf('sslrootcert=/nowhere.pem')).toMatch(/sslrootcert names \/nowhere\.pem.*ENOENT/)
  expect(sslOf(`${files.carl.split('&')[0]}`)).toMatch(/sslcert, but no sslkey/)
})
