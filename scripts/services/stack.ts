// Kafka, registry and Postgres for a checkout: brought up, looked at and taken down by separate commands.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { editEnvFile, namesSetOutside, withBlock, withoutBlock } from './env-file.ts'
import { clusterId, kafkaStop, startKafka } from './kafka.ts'
import { withLock } from './lock.ts'
import { dataDirectory, postgresStop, postgresUrl, startPostgres } from './postgres.ts'
import { end, type Identity, isAlive } from './process.ts'
import { answeredBy, registryStop, registryUrl, startRegistry } from './registry.ts'
import type { OrderlyStop, Service, StartOptions } from './service.ts'

/** What is remembered between commands. The ports outlive the processes, so that addresses stay the same. */
interface State {
  password: string
  envCreated: boolean
  services: { [name in Name]?: { ports: readonly number[]; process?: Identity } }
}

type Name = 'kafka' | 'registry' | 'postgres'

interface Member {
  readonly title: string
  readonly orderly: OrderlyStop
  start(options: StartOptions, state: State): Promise<Service>
  answers(port: number, state: State): Promise<boolean>
  address(port: number): string
}

export interface Row {
  readonly name: Name
  readonly title: string
  readonly state: 'running' | 'not answering' | 'stopped'
  readonly address?: string
  readonly pid?: number
}

const database = 'spindexer'
const lockTimeoutMs = 300_000

const members: Record<Name, Member> = {
  kafka: {
    title: 'Kafka',
    orderly: kafkaStop,
    start: (options) => startKafka(options),
    answers: async (port) => (await clusterId(port)) !== undefined,
    address: (port) => `127.0.0.1:${port}`,
  },
  registry: {
    title: 'Schema registry',
    orderly: registryStop,
    start: (options) => startRegistry(options),
    answers: async (port) => (await answeredBy(registryUrl(port))) !== undefined,
    address: registryUrl,
  },
  postgres: {
    title: 'Postgres 18',
    orderly: postgresStop,
    start: (options, { password }) => startPostgres({ ...options, version: 18, password }),
    answers: async (port, { password }) => (await dataDirectory(postgresUrl(port, password))) !== undefined,
    address: (port) => `127.0.0.1:${port}/${database}`,
  },
}
const names = Object.keys(members) as Name[]

export interface Stack {
  readonly dir: string
  /** Starts what does not run, returns when everything answers; `started` is empty when all ran already. */
  up(): Promise<{ started: Name[]; warnings: string[] }>
  /** Stops what up() started, keeps the data; returns what ran. */
  down(): Promise<Name[]>
  status(): Promise<Row[]>
}

/** The services of the checkout at `root`: everything in `.spindexer/services` there, and a block in `.env`. */
export function createStack(root: string): Stack {
  const dir = join(root, '.spindexer/services')
  const envFile = join(root, '.env')
  const alone = <T>(work: () => Promise<T>) => {
    mkdirSync(dir, { recursive: true })
    return withLock(`services of ${realpathSync(root)}`, lockTimeoutMs, work)
  }
  return {
    dir,
    up: () => alone(() => bringUp(dir, envFile)),
    down: () => alone(() => takeDown(dir, envFile)),
    async status() {
      const state = readState(dir)
      return Promise.all(names.map((name) => look(name, state)))
    },
  }
}

async function bringUp(dir: string, envFile: string) {
  // A block that we could not replace at the end is better refused before anything starts.
  editEnvFile(envFile, (text) => {
    withoutBlock(text)
    return text
  })
  const state = readState(dir)
  const missing = names.filter((name) => !processOf(state, name))
  await Promise.all(names.filter((name) => !missing.includes(name)).map((name) => awaitAnswer(name, state)))
  const outcomes = await Promise.allSettled(missing.map((name) => startMember(name, dir, state)))
  const failures = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
  if (failures.length > 0) {
    await Promise.all(missing.map((name) => stopMember(name, state)))
    writeState(dir, state)
    throw new Error(failures.map((failure) => failure.message ?? String(failure)).join('\n\n'))
  }
  await createDatabase(postgresUrl(portOf(state, 'postgres'), state.password))
  const variables = {
    SPINDEXER_LOG: `kafka://127.0.0.1:${portOf(state, 'kafka')}/spindexer`,
    DATABASE_URL: postgresUrl(portOf(state, 'postgres'), state.password, database),
    SCHEMA_REGISTRY_URL: registryUrl(portOf(state, 'registry')),
  }
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  const before = editEnvFile(envFile, (text) => withBlock(text, lines))
  if (before === undefined) {
    state.envCreated = true
    writeState(dir, state)
  }
  const shadowed = namesSetOutside(before ?? '', Object.keys(variables))
  const warnings = shadowed.map((name) => `.env sets ${name} outside our block too, and that one may win`)
  return { started: missing, warnings }
}

async function takeDown(dir: string, envFile: string): Promise<Name[]> {
  const state = readState(dir)
  const running = names.filter((name) => processOf(state, name))
  await Promise.all(names.map((name) => stopMember(name, state)))
  writeState(dir, state)
  editEnvFile(envFile, withoutBlock)
  if (state.envCreated && existsSync(envFile) && readFileSync(envFile).length === 0) rmSync(envFile)
  state.envCreated = false
  writeState(dir, state)
  return running
}

async function startMember(name: Name, dir: string, state: State): Promise<void> {
  const ports = state.services[name]?.ports
  await members[name].start(
    {
      dir: join(dir, name),
      ...(ports && { ports }),
      // Written down before it answers: after Ctrl-C in the middle, `down` still knows what to stop.
      detached(process, ports) {
        state.services[name] = { ports, process }
        writeState(dir, state)
      },
    },
    state,
  )
}

async function stopMember(name: Name, state: State): Promise<void> {
  const { orderly } = members[name]
  const process = processOf(state, name)
  if (process) await end(process, orderly.signal, orderly.timeoutMs)
  delete state.services[name]?.process
}

/** It runs already; perhaps another `up` was interrupted while it started. */
async function awaitAnswer(name: Name, state: State): Promise<void> {
  for (let waited = 0; waited < 30_000; waited += 500) {
    if (await members[name].answers(portOf(state, name), state)) return
    await sleep(500)
  }
  const { title } = members[name]
  const pid = processOf(state, name)?.pid
  throw new Error(`${title} runs (process ${pid}) but does not answer; stop it with make down, then make up`)
}

async function look(name: Name, state: State): Promise<Row> {
  const { title, answers, address } = members[name]
  const process = processOf(state, name)
  if (!process) return { name, title, state: 'stopped' }
  const port = portOf(state, name)
  const running = await answers(port, state)
  return {
    name,
    title,
    state: running ? 'running' : 'not answering',
    address: address(port),
    pid: process.pid,
  }
}

function processOf(state: State, name: Name): Identity | undefined {
  const process = state.services[name]?.process
  return process && isAlive(process) ? process : undefined
}

function portOf(state: State, name: Name): number {
  return state.services[name]!.ports[0]!
}

async function createDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database])
    if (rowCount === 0) await client.query(`create database ${database}`)
  } finally {
    await client.end()
  }
}

function readState(dir: string): State {
  const file = join(dir, 'state.json')
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'))
  return { password: randomBytes(18).toString('base64url'), envCreated: false, services: {} }
}

function writeState(dir: string, state: State): void {
  const file = join(dir, 'state.json')
  writeFileSync(`${file}.partial`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.partial`, file)
}

/** For people: where a path is, from where they are. */
export function fromHere(path: string): string {
  return relative(process.cwd(), path) || '.'
}
