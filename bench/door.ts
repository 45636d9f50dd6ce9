// `node bench/door.ts [--mutations N] [--seconds N] [--json FILE]`: what the HTTP door of a running node takes, on a log in Postgres and on one in Kafka.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startKafka } from '../scripts/services/kafka.ts'
import { startPostgres } from '../scripts/services/postgres.ts'
import { createTemporaryDir } from '../scripts/services/temporary-dir.ts'
import type { Posted } from './door-client.ts'
import { measure } from './measure.ts'
import { createNodeProcess, type NodeProcess } from './node-process.ts'
import { cli, root } from './paths.ts'
import { say } from './section.ts'
import { showRate } from './stats.ts'

export interface DoorServices {
  readonly brokers: readonly string[]
  readonly postgres: { readonly url: string }
}

export interface DoorFlags {
  /** Of each way to send many. */
  readonly mutations: number
  /** Of each way to send one at a time. */
  readonly seconds: number
}

/** A way to post, the arguments of door-client.ts behind the URL, and whether it waits for what it wrote to be seen. */
interface Way {
  readonly name: string
  readonly args: (flags: DoorFlags) => readonly (string | number)[]
  readonly query: string
}

const WAYS: readonly Way[] = [
  { name: 'arrays of 1,000, 4 clients', args: (f) => ['array', 1_000, 4, f.mutations], query: '' },
  { name: 'arrays of 100, 16 clients', args: (f) => ['array', 100, 16, f.mutations], query: '' },
  { name: 'one stream of JSON lines', args: (f) => ['lines', f.mutations], query: '' },
  { name: 'one at a time, 1 client', args: (f) => ['single', 1, f.seconds], query: '' },
  {
    name: 'one at a time, wait=applied, 1 client',
    args: (f) => ['single', 1, f.seconds],
    query: '?wait=applied',
  },
  {
    name: 'one at a time, wait=applied, 32 clients',
    args: (f) => ['single', 32, f.seconds],
    query: '?wait=applied',
  },
]

export interface Figures {
  readonly log: 'postgres' | 'kafka'
  readonly way: string
  readonly perSecond: number
  /** Of a request, milliseconds. */
  readonly p50: number
  readonly p99: number
}

export interface DoorReport {
  readonly figures: readonly Figures[]
  /** The greatest resident set of the node, MiB. */
  readonly peakMiB: Readonly<Record<Figures['log'], number>>
}

/** The services must have no other work meanwhile. */
export async function runDoor(services: DoorServices, flags: DoorFlags): Promise<DoorReport> {
  const postgres = await runOn('postgres', services, flags)
  const kafka = await runOn('kafka', services, flags)
  return {
    figures: [...postgres.figures, ...kafka.figures],
    peakMiB: { postgres: postgres.peakMiB, kafka: kafka.peakMiB },
  }
}

async function runOn(log: Figures['log'], { brokers, postgres }: DoorServices, flags: DoorFlags) {
  const database = `door_${log}`
  const url = new URL(postgres.url)
  url.pathname = `/${database}`
  // A log in Postgres is in the node's own database, as where nothing is configured.
  const logUrl = log === 'postgres' ? url.href : `kafka://${brokers.join(',')}/${database}`
  const env = {
    ...process.env,
    SPINDEXER_LOG: logUrl,
    DATABASE_URL: url.href,
    SCHEMA_REGISTRY_URL: '',
    SPINDEXER_HTTP: '127.0.0.1:0',
  }
  await execute(postgres.url, `create database ${database}`)
  try {
    await measure([cli, 'log', 'create', '--partitions', '1'], env)
    await measure([cli, 'datasets', 'apply', join(root, 'bench/datasets')], env)
    const node = createNodeProcess([cli, 'run'], env)
    node.start()
    try {
      const address = await awaitDoor(node)
      const figures: Figures[] = []
      await post(address, WAYS[0]!, flags)
      for (const way of WAYS) {
        say(`${way.name}, log in ${log}`)
        figures.push({ log, way: way.name, ...(await post(address, way, flags)) })
        node.check()
        await awaitApplied(env)
      }
      return { figures, peakMiB: node.peakMiB() }
    } finally {
      await node.stop()
    }
  } finally {
    await execute(postgres.url, `drop database ${database} with (force)`)
  }
}

async function post(address: string, { args, query }: Way, flags: DoorFlags) {
  const [mode, ...numbers] = args(flags)
  const script = [join(root, 'bench/door-client.ts'), mode, `${address}/v1/mutations${query}`, ...numbers]
  const { stdout } = await measure(script.map(String), process.env)
  const { mutations, seconds, latencies } = JSON.parse(stdout) as Posted
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))]!
  return { perSecond: mutations / seconds, p50: at(0.5), p99: at(0.99) }
}

/** The address that the node says. */
async function awaitDoor(node: NodeProcess): Promise<string> {
  const until = performance.now() + 60_000
  for (;;) {
    node.check()
    const found = /\bhttp:\/\/127\.0\.0\.1:\d+/.exec(node.words())
    if (found !== null) return found[0]
    if (performance.now() > until) throw new Error(`the door did not open within a minute:\n${node.words()}`)
    await sleep(50)
  }
}

/** Until the node has caught up: what one way left behind is no other's burden. */
async function awaitApplied(env: NodeJS.ProcessEnv): Promise<void> {
  const until = performance.now() + 300_000
  for (;;) {
    const { stdout } = await measure([cli, 'status', '--json'], env)
    if (JSON.parse(stdout).lag === 0) return
    if (performance.now() > until) throw new Error('the node did not catch up within five minutes')
    await sleep(200)
  }
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** For a table. */
export function doorRows({ figures }: DoorReport): readonly (readonly string[])[] {
  return figures.map(({ log, way, perSecond, p50, p99 }) => [
    log,
    way,
    perSecond < 10_000 ? `${perSecond.toFixed(0)} /s` : showRate(perSecond),
    p50.toFixed(1),
    p99.toFixed(1),
  ])
}

export const DOOR_COLUMNS = ['log in', '', 'mutations a second', 'p50 of a request, ms', 'p99, ms'] as const

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      mutations: { type: 'string', default: '200000' },
      seconds: { type: 'string', default: '10' },
      json: { type: 'string' },
    },
  })
  const flags = { mutations: Number(values.mutations), seconds: Number(values.seconds) }
  if (!(Number.isInteger(flags.mutations) && flags.mutations >= 1_000)) {
    throw new Error('--mutations: a whole number from 1,000 on')
  }
  if (!(Number.isInteger(flags.seconds) && flags.seconds >= 1)) {
    throw new Error('--seconds: a whole number from 1 on')
  }
  const dir = createTemporaryDir('door')
  const options = (name: string) => ({ dir: join(dir.path, name), removeDirWhenOrphaned: true })
  const kafka = await startKafka(options('kafka'))
  const postgres = await startPostgres({ ...options('postgres'), version: 18 })
  try {
    const report = await runDoor({ brokers: kafka.brokers, postgres }, flags)
    for (const row of [DOOR_COLUMNS, ...doorRows(report)]) console.log(row.join(' | '))
    console.log(`peak memory of the node, MiB: ${JSON.stringify(report.peakMiB)}`)
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
  } finally {
    await kafka.stop()
    await postgres.stop()
    dir.remove()
  }
}

if (import.meta.main) await main()
