// Real Kafka, registry and Postgres for tests: shared ones by name, and private ones to kill and restart.
import { randomBytes } from 'node:crypto'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { inject } from 'vitest'
import * as nativeKafka from '../../scripts/services/kafka.ts'
import * as nativeCluster from '../../scripts/services/kafka-cluster.ts'
import * as nativePostgres from '../../scripts/services/postgres.ts'
import * as nativeRegistry from '../../scripts/services/registry.ts'
import type { Kind } from '../../scripts/services/stack.ts'
import { createTemporaryDir, type TemporaryDir } from '../../scripts/services/temporary-dir.ts'
import type { PostgresVersion } from '../../scripts/services/versions.ts'
import type { Service, StartOptions } from '../../src/embedded/service.ts'

export type { PostgresVersion }

/** A service of a test's own, however it runs. */
export type TestService = Pick<Service, 'name' | 'port' | 'ports' | 'stop' | 'kill' | 'restart'>

/** What it keeps. The service must have ended. */
export interface Disk {
  /** Throws it away: it comes back empty at the next restart. */
  wipe(): Promise<void>
  /** Copies it aside, as a backup would. */
  backUp(): Promise<void>
  /** Puts the copy back in its place. */
  restoreBackup(): Promise<void>
}

export interface KafkaService extends TestService {
  readonly brokers: readonly string[]
  readonly disk: Disk
}

export interface RegistryService extends TestService {
  readonly disk: Pick<Disk, 'wipe'>
  /** Ends in /apis/ccompat/v7. */
  readonly url: string
}

export interface PostgresService extends TestService {
  /** As superuser `postgres`, database `postgres`. */
  readonly url: string
  /** 'fast' ends sessions and writes a checkpoint; 'immediate' is a crash: recovery follows. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** Ends one process of the server, by the pid that the server knows it by, as the kernel does for want of memory. */
  killProcess(pid: number): Promise<void>
  /** Makes an empty file in the data directory of the running server. */
  touch(name: string): Promise<void>
}

export interface KafkaBroker extends TestService {
  readonly nodeId: number
  /** `host:port`, as its clients know it. */
  readonly address: string
  readonly disk: Pick<Disk, 'wipe'>
}

export interface KafkaCluster {
  /** The addresses of all brokers. */
  readonly brokers: readonly string[]
  readonly nodes: readonly KafkaBroker[]
  readonly controller: TestService
  /** The broker with this id; they are numbered from 1. */
  node(nodeId: number): KafkaBroker
  /** Ends a broker in good order and starts it again with its disk, at another address. */
  move(nodeId: number): Promise<void>
  /** Ends all at once. */
  kill(): Promise<void>
}

/** How this run's services run. */
export function servicesKind(): Kind {
  return inject('servicesRun').kind
}

/** What a command that starts services, or containers, needs of the environment. */
export function engineEnvironment(): Readonly<Record<string, string>> {
  const found = ['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CONFIG'].flatMap((name) => {
    const value = process.env[name]
    return value ? [[name, value] as const] : []
  })
  return { SERVICES: servicesKind(), ...Object.fromEntries(found) }
}

/** A private broker: the test ends it. */
export async function startKafka(options: nativeKafka.KafkaOptions): Promise<KafkaService> {
  const { kind, id } = inject('servicesRun')
  if (kind === 'native')
    return Object.assign(await nativeKafka.startKafka(options), { disk: nativeDisk(options.dir) })
  return (await import('./containers/services.ts')).startKafka(id, options)
}

/** Several brokers and a controller: the test kills them. */
export async function startKafkaCluster(options: {
  readonly dir: string
  readonly brokerCount: number
}): Promise<KafkaCluster> {
  const { kind, id } = inject('servicesRun')
  if (kind === 'native') return nativeCluster.startKafkaCluster(options)
  return (await import('./containers/kafka-cluster.ts')).startKafkaCluster(id, options)
}

export async function startRegistry(options: StartOptions): Promise<RegistryService> {
  const { kind, id } = inject('servicesRun')
  if (kind === 'native') {
    return Object.assign(await nativeRegistry.startRegistry(options), { disk: nativeDisk(options.dir) })
  }
  return (await import('./containers/services.ts')).startRegistry(id, options)
}

export async function startPostgres(options: nativePostgres.PostgresOptions): Promise<PostgresService> {
  const { kind, id } = inject('servicesRun')
  if (kind === 'docker') return (await import('./containers/services.ts')).startPostgres(id, options)
  return nativePostgres.startPostgres(options)
}

/** The Kafka broker that all tests of a run share: topics by uniqueTopic(), and nobody stops it. */
export function kafka(): Promise<{ brokers: string[] }> {
  return ask('kafka')
}

/** The shared schema registry; `url` ends in /apis/ccompat/v7. */
export function registry(): Promise<{ url: string }> {
  return ask('registry')
}

/** A shared Postgres as its superuser. Work in a database of createDatabase(). */
export function postgres(version: PostgresVersion): Promise<{ url: string }> {
  return ask(`postgres${version}`)
}

/** A new, empty database in the shared Postgres; `drop` also ends whoever is still connected. */
export async function createDatabase(
  version: PostgresVersion,
  name = 'test',
): Promise<{ url: string; drop(): Promise<void> }> {
  const admin = (await postgres(version)).url
  // 63 bytes are what Postgres keeps of a name.
  const database = `${name.slice(0, 50)}_${randomBytes(6).toString('hex')}`
  await execute(admin, `create database "${database}"`)
  const url = new URL(admin)
  url.pathname = `/${database}`
  return {
    url: url.href,
    drop: () => execute(admin, `drop database if exists "${database}" with (force)`),
  }
}

/** A topic's name that no other test has. */
export function uniqueTopic(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`
}

/** A directory for a private service (startKafka and its like); stop the service before remove(). */
export function temporaryDir(): TemporaryDir {
  return createTemporaryDir('private')
}

function nativeDisk(dir: string): Disk {
  const [data, copy] = [join(dir, 'data'), join(dir, 'copy')]
  const replace = (from: string, to: string) => {
    rmSync(to, { recursive: true, force: true })
    cpSync(from, to, { recursive: true })
  }
  return {
    wipe: async () => rmSync(data, { recursive: true }),
    backUp: async () => replace(data, copy),
    restoreBackup: async () => replace(copy, data),
  }
}

async function ask<T>(name: string): Promise<T> {
  const url = inject('servicesUrl')
  if (!url) throw new Error('vitest.config.ts must name test/support/global-setup.ts as a globalSetup')
  const response = await fetch(`${url}/${name}`)
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return JSON.parse(text)
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
