// Services of a test's own: they crash, come back with their data, and never outlive their owner.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { Client } from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { startPostgres as startNativePostgres } from '../../scripts/services/postgres.ts'
import { identify } from '../../src/embedded/identity.ts'
import { startKafka, startPostgres, startRegistry, temporaryDir } from '../support/services.ts'

const dir = temporaryDir()
const inDir = (name: string) => ({ dir: join(dir.path, name), removeDirWhenOrphaned: true })
afterAll(() => dir.remove())

describe('Kafka', () => {
  test('keeps its port and what it acknowledged over SIGKILL', async () => {
    const service = await startKafka(inDir('kafka'))
    const { port } = service
    const kafka = new Kafka({ brokers: [...service.brokers], logLevel: logLevel.NOTHING })
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }], waitForLeaders: true })
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic: 'kept', acks: -1, messages: [{ value: 'a' }, { value: 'b' }] })
    await producer.disconnect()

    await service.kill('SIGKILL')
    await expect
      .poll(() => connect(port).catch((error: Error) => error.message), { timeout: 10_000 })
      .toMatch(/ECONNREFUSED/)
    await service.restart()
    expect(service.port).toBe(port)
    expect(await admin.fetchTopicOffsets('kept')).toMatchObject([{ low: '0', high: '2' }])
    await admin.disconnect()
    await service.stop()
    await expect(connect(port)).rejects.toThrow(/ECONNREFUSED/)
  })
})

describe('the schema registry', () => {
  test('keeps its schemas over a restart', async () => {
    const service = await startRegistry(inDir('registry'))
    const response = await fetch(`${service.url}/subjects/kept-value/versions`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ schema: '"string"' }),
    })
    expect(response.status).toBe(200)
    await service.restart()
    expect(await (await fetch(`${service.url}/subjects`)).json()).toEqual(['kept-value'])
    await service.stop()
  })
})

describe.each([15, 18] as const)('Postgres %i', (version) => {
  test('recovers what it committed from every way to end', async () => {
    const service = await startPostgres({ ...inDir(`postgres${version}`), version, password: 'secret' })
    await query(service.url, 'create table kept (n int)')
    const ends = [
      () => service.kill('SIGKILL'),
      () => service.stop('immediate'),
      () => service.stop(),
      async () => {},
    ]
    for (const [n, end] of ends.entries()) {
      await query(service.url, `insert into kept values (${n})`)
      await end()
      await service.restart()
      expect(await query(service.url, 'select n from kept order by n')).toHaveLength(n + 1)
    }
    await expect(query(service.url.replace('secret', 'wrong'), 'select 1')).rejects.toThrow(/password/)
    await service.stop()
  })
})

test('a port of a native one that is taken is not waited for: another is chosen', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const taken = (other.address() as { port: number }).port
  const service = await startNativePostgres({ ...inDir('taken'), version: 18, ports: [taken] })
  expect(service.port).not.toBe(taken)
  await service.stop()
  other.close()
})

test('a native service ends with its owner, even when that is killed', async () => {
  const own = temporaryDir()
  const module = join(import.meta.dirname, '../../scripts/services/postgres.ts')
  const program = `
    const { startPostgres } = await import(${JSON.stringify(module)})
    const options = { dir: ${JSON.stringify(own.path)}, version: 18, removeDirWhenOrphaned: true }
    const service = await startPostgres(options)
    process.stdout.write(String(service.pid))
    setInterval(() => {}, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pid = await new Promise<number>((resolve) =>
    owner.stdout.once('data', (data) => resolve(Number(data))),
  )
  expect(identify(pid)).toBeDefined()
  owner.kill('SIGKILL')
  const until = Date.now() + 10_000
  while ((identify(pid) || existsSync(own.path)) && Date.now() < until) await sleep(50)
  expect(identify(pid)).toBeUndefined()
  expect(existsSync(own.path)).toBe(false)
})

async function query(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function connect(port: number): Promise<void> {
  const socket = createConnection({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  socket.destroy()
}
