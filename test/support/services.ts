// Real Kafka, registry and Postgres for tests: shared ones by name, and private ones to kill and restart.
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { inject } from 'vitest'
import { createTemporaryDir, type TemporaryDir } from '../../scripts/services/temporary-dir.ts'
import type { PostgresVersion } from '../../scripts/services/versions.ts'

export { type KafkaService, startKafka } from '../../scripts/services/kafka.ts'
export { type PostgresService, startPostgres } from '../../scripts/services/postgres.ts'
export { type RegistryService, startRegistry } from '../../scripts/services/registry.ts'
export type { PostgresVersion }

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
