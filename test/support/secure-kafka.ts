// A Kafka with a listener for each way to secure one: passwords with and without TLS, client certificates, and
// certificates that are wrong.

import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Authority, type Certificate, createAuthority } from './certificates.ts'
import { kafkaTool } from './kafka-tool.ts'
import { type KafkaService, startKafka } from './services.ts'

/**
 * plain: no security at all. saslSsl and saslPlain: PLAIN and both SCRAMs, with and without TLS. scramOnly:
 * SCRAM-SHA-256 alone, with TLS. mutual: TLS that demands a client's certificate. wrongHost and expired: TLS with
 * such a certificate. brief: as saslPlain, but every login holds for a short time.
 */
const LISTENERS = [
  'plain',
  'saslSsl',
  'saslPlain',
  'scramOnly',
  'mutual',
  'wrongHost',
  'expired',
  'brief',
] as const
export type ListenerName = (typeof LISTENERS)[number]

export interface SecureKafka extends KafkaService {
  /** `host:port` of a listener. */
  address(listener: ListenerName): string
  readonly authority: Authority
  /** Signed by the authority of the broker. */
  readonly client: Certificate
  /** Knows PLAIN alone. */
  readonly plainUser: User
  /** Makes a user of this mechanism, or gives it another password. */
  setScramPassword(user: User, mechanism: ScramMechanism): Promise<void>
}

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export interface User {
  readonly name: string
  readonly password: string
}

/** How long a login holds on the listener `brief`. */
export const BRIEF_MS = 3_000

const PROTOCOLS: Readonly<Record<ListenerName, string>> = {
  plain: 'PLAINTEXT',
  saslSsl: 'SASL_SSL',
  saslPlain: 'SASL_PLAINTEXT',
  scramOnly: 'SASL_SSL',
  mutual: 'SSL',
  wrongHost: 'SSL',
  expired: 'SSL',
  brief: 'SASL_PLAINTEXT',
}

export async function startSecureKafka(dir: string, plainUser: User): Promise<SecureKafka> {
  const authority = createAuthority('Test authority')
  const good = authority.issue({ name: 'broker', hosts: ['localhost', '127.0.0.1'] })
  const certificates: Readonly<Partial<Record<ListenerName, Certificate>>> = {
    saslSsl: good,
    scramOnly: good,
    mutual: good,
    wrongHost: authority.issue({ name: 'broker', hosts: ['elsewhere.example'] }),
    expired: authority.issue({
      name: 'broker',
      hosts: ['localhost', '127.0.0.1'],
      until: new Date(Date.now() - 60_000),
    }),
  }
  const portOf = (ports: readonly number[], listener: ListenerName) =>
    ports[LISTENERS.indexOf(listener) === 0 ? 0 : LISTENERS.indexOf(listener) + 1]!
  // A name, so that it is looked at and sent (SNI), where there is a certificate for it.
  const hostOf = (listener: ListenerName) => (listener === 'saslSsl' ? 'localhost' : '127.0.0.1')
  const kafka = await startKafka({
    dir,
    removeDirWhenOrphaned: true,
    broker: {
      ports: LISTENERS.length - 1,
      properties: (ports) => ({
        listeners: [
          ...LISTENERS.map((one) => `${one.toUpperCase()}://127.0.0.1:${portOf(ports, one)}`),
          `CONTROLLER://127.0.0.1:${ports[1]}`,
        ].join(','),
        'advertised.listeners': LISTENERS.map(
          (one) => `${one.toUpperCase()}://${hostOf(one)}:${portOf(ports, one)}`,
        ).join(','),
        'listener.security.protocol.map': [
          ...LISTENERS.map((one) => `${one.toUpperCase()}:${PROTOCOLS[one]}`),
          'CONTROLLER:PLAINTEXT',
        ].join(','),
        'inter.broker.listener.name': 'PLAIN',
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        ...Object.assign({}, ...LISTENERS.map((one) => ofListener(one, certificates[one], plainUser))),
        'listener.name.scramonly.sasl.enabled.mechanisms': 'SCRAM-SHA-256',
        'listener.name.mutual.ssl.client.auth': 'required',
        ...inPem('listener.name.mutual.ssl.truststore', { 'truststore.certificates': authority.certificate }),
        'listener.name.brief.connections.max.reauth.ms': String(BRIEF_MS),
      }),
    },
  })
  return Object.assign(kafka, {
    address: (listener: ListenerName) => `${hostOf(listener)}:${portOf(kafka.ports, listener)}`,
    authority,
    client: authority.issue({ name: 'ada' }),
    plainUser,
    setScramPassword: (user: User, mechanism: ScramMechanism) =>
      setScramPassword(kafka.brokers[0]!, user, mechanism, dir),
  })
}

type Properties = Readonly<Record<string, string>>

function ofListener(name: ListenerName, certificate: Certificate | undefined, user: User): Properties {
  const prefix = `listener.name.${name.toLowerCase()}`
  const login = 'org.apache.kafka.common.security'
  const jaas = {
    [`${prefix}.plain.sasl.jaas.config`]: `${login}.plain.PlainLoginModule required user_${user.name}="${user.password}";`,
    [`${prefix}.scram-sha-256.sasl.jaas.config`]: `${login}.scram.ScramLoginModule required;`,
    [`${prefix}.scram-sha-512.sasl.jaas.config`]: `${login}.scram.ScramLoginModule required;`,
  }
  return {
    ...(PROTOCOLS[name].startsWith('SASL') ? jaas : {}),
    ...(certificate === undefined
      ? {}
      : inPem(`${prefix}.ssl.keystore`, {
          'keystore.certificate.chain': certificate.certificate,
          'keystore.key': certificate.key,
        })),
  }
}

/** A store of keys or certificates that stands in the settings themselves; a line of them holds the breaks as escapes. */
function inPem(store: string, parts: Properties): Properties {
  const prefix = store.replace(/\.\w+$/, '')
  const lines = Object.entries(parts).map(([name, pem]) => [`${prefix}.${name}`, pem.replaceAll('\n', '\\n')])
  return { [`${store}.type`]: 'PEM', ...Object.fromEntries(lines) }
}

async function setScramPassword(
  broker: string,
  { name, password }: User,
  mechanism: ScramMechanism,
  dir: string,
): Promise<void> {
  // From a file: a command line is for everyone to read.
  const credentials = join(dir, 'tool', `${name}.properties`)
  mkdirSync(join(dir, 'tool'), { recursive: true })
  writeFileSync(credentials, `${mechanism}=password=${password}\n`)
  const [file, ...args] = await kafkaTool('kafka.admin.ConfigCommand', [join(dir, 'tool')])
  await promisify(execFile)(file!, [
    ...args,
    ...['--bootstrap-server', broker, '--alter', '--entity-type', 'users', '--entity-name', name],
    ...['--add-config-file', credentials],
  ])
}
