// `node bench/latency.ts [--seconds N] [--json FILE]`: from written to visible in a node's Postgres, beside KafkaJS's own produce to consume.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startKafka } from '../scripts/services/kafka.ts'
import { startPostgres } from '../scripts/services/postgres.ts'
import { createTemporaryDir } from '../scripts/services/temporary-dir.ts'
import type { Consumed } from './latency-bare.ts'
import { startWatch } from './latency-poll.ts'
import { type Report, type Turn, toReport } from './latency-report.ts'
import type { Written } from './latency-writer.ts'
import { measure } from './measure.ts'
import { createNodeProcess } from './node-process.ts'
import { cli, root } from './paths.ts'

const RATES = [10, 1_000, 10_000]
/** Our turn and the bare client's, and again. */
const ROUNDS = 2
const WARM_UP = { rate: 1_000, seconds: 5 }
const DATABASE = 'latency'

export interface LatencyServices {
  readonly brokers: readonly string[]
  readonly postgres: { readonly url: string }
}

export interface LatencyFlags {
  /** Of each turn: how long it is written at one rate. */
  readonly seconds: number
}

/** The table, and its figures in `json`. The services must have no other work meanwhile. */
export async function runLatency(services: LatencyServices, { seconds }: LatencyFlags): Promise<Report> {
  const { brokers, postgres } = services
  const ours = await openTopic(brokers, 'latency')
  const bare = await openTopic(brokers, 'latency-bare')
  const turns: Turn[] = []
  await withDatabase(postgres.url, async (url) => {
    const node = createNodeProcess([cli, 'run'], { ...ours.env, DATABASE_URL: url })
    node.start()
    try {
      await awaitState(url, node.check)
      await takeTurn(ours, url, WARM_UP.rate, WARM_UP.seconds)
      await takeBareTurn(bare, WARM_UP.rate, WARM_UP.seconds)
      for (const rate of RATES) {
        for (let round = 0; round < ROUNDS; round++) {
          say(`${rate} a second, round ${round + 1} of ${ROUNDS}`)
          const visible = await takeTurn(ours, url, rate, seconds)
          node.check()
          turns.push({ rate, ours: visible, bare: await takeBareTurn(bare, rate, seconds) })
        }
      }
    } finally {
      await node.stop()
    }
  })
  return toReport(turns, seconds, availableParallelism())
}

/** A log of one partition, and where it ends. */
interface Topic {
  readonly brokers: string
  readonly name: string
  readonly env: NodeJS.ProcessEnv
  /** The offset that the next message gets; the numbers of messages are their offsets. */
  end: number
}

async function openTopic(brokers: readonly string[], name: string): Promise<Topic> {
  const env = {
    ...process.env,
    SPINDEXER_LOG: `kafka://${brokers.join(',')}/${name}`,
    SCHEMA_REGISTRY_URL: '',
  }
  await measure([cli, 'log', 'create', '--partitions', '1'], env)
  await measure([cli, 'datasets', 'apply', join(root, 'bench/datasets')], env)
  // The genesis record stands at offset 0.
  return { brokers: brokers.join(','), name, env, end: 1 }
}

async function takeTurn(topic: Topic, url: string, rate: number, seconds: number): Promise<Turn['ours']> {
  const first = topic.end
  const watch = await startWatch(url, (offset) => (offset >= first ? offset : -1))
  try {
    const written = await write(topic, rate, seconds)
    await watch.reaches(topic.end)
    return { written, seen: await watch.stop(written.offsets) }
  } finally {
    await watch.close()
  }
}

async function takeBareTurn(topic: Topic, rate: number, seconds: number): Promise<Turn['bare']> {
  const args = [topic.brokers, topic.name, topic.end, rate * seconds].map(String)
  const reader = startScript('bench/latency-bare.ts', args)
  await reader.ready
  const written = await write(topic, rate, seconds)
  return { written, seen: JSON.parse(await reader.output) as Consumed }
}

async function write(topic: Topic, rate: number, seconds: number): Promise<Written> {
  const args = [topic.brokers, topic.name, topic.end, rate, seconds].map(String)
  const written = JSON.parse(await startScript('bench/latency-writer.ts', args).output) as Written
  const wrong = written.offsets.findIndex((offset, i) => offset !== topic.end + i)
  if (wrong !== -1) throw new Error(`message ${wrong} has offset ${written.offsets[wrong]}`)
  topic.end += written.offsets.length
  return written
}

/** A script of the benchmark in a process of its own, ended when it takes ten minutes. */
function startScript(path: string, args: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [join(root, path), ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    timeout: 600_000,
    killSignal: 'SIGKILL',
  })
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  child.stdout!.on('data', (chunk) => stdout.push(chunk))
  child.stderr!.on('data', (chunk) => stderr.push(chunk))
  const output = once(child, 'close').then(([code, signal]) => {
    if (code === 0) return Buffer.concat(stdout).toString('utf8')
    throw new Error(`${path} ended with ${code ?? signal}:\n${Buffer.concat(stderr)}`)
  })
  output.catch(() => {})
  return { ready: Promise.race([once(child, 'message'), output]), output }
}

async function withDatabase(serverUrl: string, work: (url: string) => Promise<void>): Promise<void> {
  const url = new URL(serverUrl)
  url.pathname = `/${DATABASE}`
  await execute(serverUrl, `create database ${DATABASE}`)
  try {
    await work(url.href)
  } finally {
    await execute(serverUrl, `drop database ${DATABASE} with (force)`)
  }
}

/** Resolves once the node has read what the log holds; throws with its words when it ends. */
async function awaitState(url: string, check: () => void): Promise<void> {
  const until = performance.now() + 60_000
  for (;;) {
    check()
    const found = await execute(url, 'select from data.bench').catch(() => null)
    if (found !== null) return
    if (performance.now() > until) throw new Error('the node did not come up within a minute')
    await sleep(100)
  }
}

async function execute(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

function say(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '20' }, json: { type: 'string' } },
  })
  const seconds = Number(values.seconds)
  if (!(Number.isInteger(seconds) && seconds >= 2)) throw new Error('--seconds: a whole number from 2 on')
  const dir = createTemporaryDir('latency')
  const options = (name: string) => ({ dir: join(dir.path, name), removeDirWhenOrphaned: true })
  const kafka = await startKafka(options('kafka'))
  const postgres = await startPostgres({ ...options('postgres'), version: 18 })
  try {
    const report = await runLatency({ brokers: kafka.brokers, postgres }, { seconds })
    console.log(report.name)
    const lines = [report.columns, ...report.rows]
    const widths = report.columns.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)))
    for (const line of lines) console.log(line.map((text, i) => text.padStart(widths[i]!)).join('  '))
    for (const note of report.notes) console.log(note)
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report.json, null, 2)}\n`)
  } finally {
    await kafka.stop()
    await postgres.stop()
    dir.remove()
  }
}

if (import.meta.main) await main()
