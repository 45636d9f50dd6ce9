// A stack's services as processes of this machine, known by a state file under .spindexer/services.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Identity, isAlive } from '../../src/embedded/identity.ts'
import { end } from '../../src/embedded/process.ts'
import { postgresStop } from '../../src/embedded/server.ts'
import type { OrderlyStop, Service, StartOptions } from '../../src/embedded/service.ts'
import { kafkaStop, startKafka } from './kafka.ts'
import { members, type Name, names, type Provider, type Row } from './member.ts'
import { fromHere } from './paths.ts'
import { startPostgres } from './postgres.ts'
import { registryStop, startRegistry } from './registry.ts'

/** What is remembered between commands. The ports outlive the processes, so that addresses stay the same. */
interface State {
  password: string
  services: { [name in Name]?: { ports: readonly number[]; process?: Identity } }
}

interface Program {
  readonly orderly: OrderlyStop
  start(options: StartOptions, state: State): Promise<Service>
}

const programs: Record<Name, Program> = {
  kafka: { orderly: kafkaStop, start: (options) => startKafka(options) },
  registry: { orderly: registryStop, start: (options) => startRegistry(options) },
  postgres: {
    orderly: postgresStop,
    start: (options, { password }) => startPostgres({ ...options, version: 18, password }),
  },
}

/** Native services whose data, logs and state are in `dir`. */
export function createNativeProvider(dir: string): Provider {
  return {
    place: fromHere(dir),
    start: () => startAll(dir),
    async stop() {
      const state = readState(dir)
      const running = names.filter((name) => processOf(state, name))
      await Promise.all(names.map((name) => stopMember(name, state)))
      writeState(dir, state)
      return running
    },
    async look() {
      const state = readState(dir)
      return Promise.all(names.map((name) => look(name, state)))
    },
    addresses() {
      const state = readState(dir)
      const ports = { kafka: portOf(state, 'kafka'), registry: portOf(state, 'registry') }
      return { ports: { ...ports, postgres: portOf(state, 'postgres') }, password: state.password }
    },
  }
}

async function startAll(dir: string): Promise<readonly Name[]> {
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
  return missing
}

async function startMember(name: Name, dir: string, state: State): Promise<void> {
  const ports = state.services[name]?.ports
  await programs[name].start(
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
  const { orderly } = programs[name]
  const process = processOf(state, name)
  if (process) await end(process, orderly.signal, orderly.timeoutMs)
  delete state.services[name]?.process
}

/** It runs already; perhaps another `up` was interrupted while it started. */
async function awaitAnswer(name: Name, state: State): Promise<void> {
  for (let waited = 0; waited < 30_000; waited += 500) {
    if (await members[name].answers(portOf(state, name), state.password)) return
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
  const running = await answers(port, state.password)
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

function readState(dir: string): State {
  const file = join(dir, 'state.json')
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'))
  return { password: randomBytes(18).toString('base64url'), services: {} }
}

function writeState(dir: string, state: State): void {
  const file = join(dir, 'state.json')
  writeFileSync(`${file}.partial`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.partial`, file)
}
