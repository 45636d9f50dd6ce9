// A Kafka that demands logins and TLS: every way in, from the log's creation to the dump of a node; what is said where
// settings and brokers disagree; logins that end, and passwords that change, while a node runs.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isTransient } from '../../src/log/kafka/errors.ts'
import { createKafkaLog } from '../../src/log/kafka/log.ts'
import { createAuthority } from '../support/certificates.ts'
import { cli, ROOT, type RunningCli, runCli, startCli } from '../support/cli.ts'
import { startProxy } from '../support/proxy.ts'
import { BRIEF_MS, type ListenerName, type SecureKafka, startSecureKafka } from '../support/secure-kafka.ts'
import { createDatabase, temporaryDir, uniqueTopic } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'

type Env = Readonly<Record<string, string>>

const PLAIN_USER = { name: 'ada', password: 'hush-plain' }
// Commas and equal signs are special in SCRAM's messages.
const SCRAM_256_USER = { name: 'ben', password: 'hush,=256' }
const SCRAM_512_USER = { name: 'cleo', password: 'hush,=512' }

const dir = temporaryDir()
const nodes: RunningCli[] = []
const databases: Awaited<ReturnType<typeof createDatabase>>[] = []
let kafka: SecureKafka

beforeAll(async () => {
  kafka = await startSecureKafka(join(dir.path, 'kafka'), PLAIN_USER)
  await Promise.all([
    kafka.setScramPassword(SCRAM_256_USER, 'SCRAM-SHA-256'),
    kafka.setScramPassword(SCRAM_512_USER, 'SCRAM-SHA-512'),
  ])
})

afterAll(async () => {
  for (const node of nodes) node.kill('SIGKILL')
  for (const database of databases) await database.drop()
  await kafka?.kill('SIGKILL')
  dir.remove()
})

/** Writes a file; gives its path. */
function file(name: string, content: string): string {
  mkdirSync(join(dir.path, 'files'), { recursive: true })
  const path = join(dir.path, 'files', name)
  writeFileSync(path, content)
  return path
}

function login(mechanism: string, { name, password }: { name: string; password: string }): Env {
  return {
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: name,
    KAFKA_SASL_PASSWORD_FILE: file(`${name}-${Buffer.from(password).toString('hex')}.txt`, `${password}\n`),
  }
}

const trust = (): Env => ({ KAFKA_SSL_CA: file('ca.pem', kafka.authority.certificate) })
const client = (): Env => ({
  KAFKA_SSL_CERT: file('client.pem', kafka.client.certificate),
  KAFKA_SSL_KEY: file('client.key', kafka.client.key),
})
const logAt = (listener: ListenerName, topic = 'nothing'): Env => ({
  SPINDEXER_LOG: `kafka://${kafka.address(listener)}/${topic}`,
})

const track = (id: string) =>
  `{"dataset":"tracks","operation":"upsert","data":{"id":"${id}","title":"Blue","plays":7}}\n`

/** The environment of a new log and a new node, with one row published. */
async function prepareNode(listener: ListenerName, security: Env): Promise<Env> {
  const database = await createDatabase(18, 'kafka_security')
  databases.push(database)
  const env = { ...logAt(listener, uniqueTopic('secure')), ...security, DATABASE_URL: database.url }
  await cli(['log', 'create', '--partitions', '2'], { env })
  await cli(['datasets', 'apply', join(ROOT, 'examples/catalogue')], { env })
  await cli(['publish', '-'], { env, input: track('t1') })
  return env
}

describe('a log is made, written, read and merged', () => {
  const ways: readonly (readonly [string, ListenerName, () => Env])[] = [
    ['PLAIN over TLS', 'saslSsl', () => ({ ...trust(), ...login('plain', PLAIN_USER) })],
    ['SCRAM-SHA-256 over TLS', 'saslSsl', () => ({ ...trust(), ...login('SCRAM-SHA-256', SCRAM_256_USER) })],
    ['SCRAM-SHA-512 over TLS', 'saslSsl', () => ({ ...trust(), ...login('scram-sha-512', SCRAM_512_USER) })],
    ['PLAIN without TLS', 'saslPlain', () => login('Plain', PLAIN_USER)],
    ['a client certificate', 'mutual', () => ({ ...trust(), ...client() })],
  ]
  it.concurrent.each(ways)('by %s', async (_name, listener, security) => {
    const env = await prepareNode(listener, security())
    const checked = await runCli(['log', 'check'], { env })
    expect([checked.code, checked.stderr]).toEqual([0, expect.stringContaining('is sound')])
    const ran = await runCli(['run', '--until-end'], { env })
    expect([ran.code, ran.stderr]).toEqual([0, expect.stringContaining('1 message processed')])
    expect(ran.stderr).not.toMatch(/KAFKA_S|Warning/)
    expect(await cli(['dump', 'tracks'], { env })).toContain('"title":"Blue"')
  })
})

describe('what is said where settings and brokers disagree', () => {
  const wrong = { ...PLAIN_USER, password: 'hush-wrong' }
  const otherCa = createAuthority('Authority of others')
  const foreign = (): Env => ({
    KAFKA_SSL_CERT: file('foreign.pem', otherCa.certificate),
    KAFKA_SSL_KEY: file('foreign.key', otherCa.key),
  })
  const cases: readonly (readonly [string, ListenerName, () => Env, RegExp])[] = [
    [
      'a wrong password, PLAIN',
      'saslPlain',
      () => login('plain', wrong),
      /broker refuses the login .*; check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD/,
    ],
    [
      'a wrong password, SCRAM',
      'saslSsl',
      () => ({ ...trust(), ...login('scram-sha-256', { ...wrong, name: SCRAM_256_USER.name }) }),
      /broker refuses the login .*; check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD/,
    ],
    [
      'a user of another mechanism',
      'saslSsl',
      () => ({ ...trust(), ...login('scram-sha-512', SCRAM_256_USER) }),
      /broker refuses the login .*KAFKA_SASL_MECHANISM/,
    ],
    [
      'a mechanism that the broker does not offer',
      'scramOnly',
      () => ({ ...trust(), ...login('plain', PLAIN_USER) }),
      /does not take this way to log in \(it offers SCRAM-SHA-256\); set KAFKA_SASL_MECHANISM/,
    ],
    [
      'a login where none is taken',
      'plain',
      () => login('plain', PLAIN_USER),
      /takes no login at this port; name its port for SASL .*unset KAFKA_SASL_MECHANISM/,
    ],
    ['no login where one is asked for', 'saslPlain', () => ({}), /Closed connection.*KAFKA_SASL_MECHANISM/],
    [
      'TLS where there is none',
      'plain',
      trust,
      /closed the connection instead of beginning TLS; name a port .*unset KAFKA_SSL/,
    ],
    [
      'TLS and a login where there is no TLS',
      'saslPlain',
      () => ({ KAFKA_SSL: 'true', ...login('plain', PLAIN_USER) }),
      /closed the connection instead of beginning TLS/,
    ],
    [
      'no TLS where it is demanded',
      'mutual',
      () => ({}),
      /the broker speaks TLS at this port; set KAFKA_SSL=true, or KAFKA_SSL_CA/,
    ],
    [
      'a login without TLS where it is demanded',
      'saslSsl',
      () => login('plain', PLAIN_USER),
      /the broker speaks TLS at this port/,
    ],
    [
      'an authority that is not known',
      'saslSsl',
      () => ({ KAFKA_SSL: 'TRUE', ...login('plain', PLAIN_USER) }),
      /not signed by an authority that is trusted here .*; set KAFKA_SSL_CA/,
    ],
    [
      "another authority than the broker's",
      'mutual',
      () => ({ ...client(), KAFKA_SSL_CA: file('other.pem', otherCa.certificate) }),
      /not signed by an authority that is trusted here/,
    ],
    [
      'a certificate for another host',
      'wrongHost',
      trust,
      /for another host \(.*127\.0\.0\.1.*\); name the broker as its certificate does/,
    ],
    ['a certificate that has expired', 'expired', trust, /has expired; have it renewed/],
    [
      'no client certificate where one is demanded',
      'mutual',
      trust,
      /demands a client certificate that it trusts .*; set KAFKA_SSL_CERT and KAFKA_SSL_KEY/,
    ],
    [
      'a client certificate that the broker does not trust',
      'mutual',
      () => ({ ...trust(), ...foreign() }),
      /demands a client certificate that it trusts .*; set KAFKA_SSL_CERT and KAFKA_SSL_KEY/,
    ],
  ]

  it.concurrent.each(cases)('%s', async (_name, listener, security, message) => {
    const env = { ...logAt(listener), ...security(), NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    const { code, stdout, stderr } = await runCli(['log', 'check'], { env })
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringMatching(message)])
    expect(stderr).not.toMatch(/hush| {4}at |use-system-ca/)
  })

  it('is free of passwords for those who debug, too', async () => {
    const env = { ...logAt('saslPlain'), ...login('plain', wrong), SPINDEXER_DEBUG: '1' }
    const { stdout, stderr } = await runCli(['log', 'check'], { env })
    expect(stderr).toMatch(/kafkajs error[\s\S]* {4}at /)
    expect(`${stdout}${stderr}`).not.toMatch(/hush/)
  })
})

describe('a node that runs', () => {
  it('outlives its logins, and ends when its password is not taken any more', async () => {
    const env = await prepareNode('brief', login('scram-sha-256', SCRAM_256_USER))
    const node = startCli(['run'], { env: { ...env, SPINDEXER_DEBUG: '1' } })
    nodes.push(node)
    const isShown = async (id: string) =>
      (await runCli(['dump', 'tracks'], { env })).stdout.includes(`"id":"${id}"`)
    await waitFor('the first row', () => isShown('t1'), { everyMs: 300 })
    const untilMs = performance.now() + 2.5 * BRIEF_MS
    // One writer whose login ends several times while it has nothing to send.
    const writer = startCli(['publish', '-'], { env, keepStdin: true })
    nodes.push(writer)
    let sent = 1
    while (performance.now() < untilMs) {
      writer.child.stdin.write(track(`t${++sent}`))
      await waitFor('the next row', () => isShown(`t${sent}`), { everyMs: 300 })
      await new Promise((resolve) => setTimeout(resolve, BRIEF_MS / 2))
    }
    writer.child.stdin.end()
    const written = await writer.ended
    expect([written.code, written.stdout]).toEqual([0, `{"durable":${sent - 1},"skipped":0}\n`])
    expect(node.stderr()).not.toMatch(/kafkajs error|interrupted|to be joined again/)

    await kafka.setScramPassword({ ...SCRAM_256_USER, password: 'hush-another' }, 'SCRAM-SHA-256')
    const { code, stderr } = await node.ended
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/spindexer: .*the broker refuses the login .*; check KAFKA_SASL_USERNAME/),
    ])
    expect(stderr).not.toMatch(/hush/)
  })

  it('waits for a broker whose certificate has expired, and can be stopped', async () => {
    const database = await createDatabase(18, 'kafka_expired')
    databases.push(database)
    const node = startCli(['run'], { env: { ...logAt('expired'), ...trust(), DATABASE_URL: database.url } })
    nodes.push(node)
    await waitFor('words of waiting', () => /waiting: .*has expired; have it renewed/.test(node.stderr()))
    node.kill('SIGTERM')
    expect((await node.ended).code).toBe(0)
  })
})

it('a broker that goes away during a login has refused nothing', async () => {
  const [host, port] = kafka.address('saslPlain').split(':')
  const SASL_AUTHENTICATE = 36
  const proxy = await startProxy(
    { host: host!, port: Number(port) },
    {
      createFilter: () => ({
        toTarget: (bytes) => (bytes.length > 6 && bytes.readInt16BE(4) === SASL_AUTHENTICATE ? null : bytes),
        toClient: (bytes) => bytes,
      }),
    },
  )
  const connection = {
    brokers: [`127.0.0.1:${proxy.port}`],
    login: { mechanism: 'PLAIN', username: PLAIN_USER.name, password: PLAIN_USER.password },
  } as const
  const log = createKafkaLog({ connection, topic: 'nothing', onLog: () => {} })
  try {
    const error = await log.describe().catch((thrown: unknown) => thrown)
    expect(String(error)).not.toMatch(/refuses the login/)
    expect(isTransient(error)).toBe(true)
  } finally {
    await log.close()
    await proxy.close()
  }
})
