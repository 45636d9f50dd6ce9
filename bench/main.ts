// `npm run bench`: bare KafkaJS reading and then the node, on the same messages, in one run on one machine; ratios, and memory.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startKafka } from '../scripts/services/kafka.ts'
import { type PostgresService, startPostgres } from '../scripts/services/postgres.ts'
import { createTemporaryDir } from '../scripts/services/temporary-dir.ts'
import { measure } from './measure.ts'
import { expectedState, fillLog } from './produce.ts'

const root = join(import.meta.dirname, '..')
const cli = join(root, 'src/cli/main.ts')

const { values: flags } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    rows: { type: 'string', default: '100000' },
    'memory-messages': { type: 'string', default: '4000000' },
    runs: { type: 'string', default: '3' },
  },
})
const rows = Number(flags.rows)

interface Case {
  readonly messages: number
  readonly bareSeconds: number
  readonly nodeSeconds: number
  readonly peakMiB: number
}

async function main(): Promise<void> {
  const dir = createTemporaryDir('bench')
  const kafka = await startKafka({ dir: join(dir.path, 'kafka'), removeDirWhenOrphaned: true })
  const postgres = await startPostgres({
    dir: join(dir.path, 'postgres'),
    version: 18,
    removeDirWhenOrphaned: true,
  })
  try {
    const small = await runCase(kafka.brokers, postgres, Number(flags.messages), Number(flags.runs))
    const large = await runCase(kafka.brokers, postgres, Number(flags['memory-messages']), 1)
    report(small, large)
  } finally {
    await kafka.stop()
    await postgres.stop()
    dir.remove()
  }
}

async function runCase(
  brokers: readonly string[],
  postgres: PostgresService,
  messages: number,
  runs: number,
): Promise<readonly Case[]> {
  const topic = `bench-${messages}`
  const log = `kafka://${brokers.join(',')}/${topic}`
  const env = { ...process.env, SPINDEXER_LOG: log, SCHEMA_REGISTRY_URL: '' }
  await measure([cli, 'log', 'create', '--partitions', '1'], env)
  await measure([cli, 'datasets', 'apply', join(root, 'bench/datasets')], env)
  console.error(`filling ${topic}: ${messages} messages over ${rows} rows …`)
  await fillLog(brokers, topic, messages, rows)
  const cases: Case[] = []
  for (let run = 0; run < runs; run++) {
    const bare = await measure(
      [join(root, 'bench/bare-read.ts'), brokers.join(','), topic, String(messages)],
      env,
    )
    const database = `bench_${messages}_${run}`
    await execute(postgres.url, `create database ${database}`)
    const url = new URL(postgres.url)
    url.pathname = `/${database}`
    const node = await measure([cli, 'run', '--until-end'], { ...env, DATABASE_URL: url.href })
    await checkState(url.href, messages)
    await execute(postgres.url, `drop database ${database} with (force)`)
    const one = {
      messages,
      bareSeconds: JSON.parse(bare.stdout).ms / 1_000,
      nodeSeconds: node.seconds,
      peakMiB: node.peakMiB,
    }
    console.error(`run ${run + 1} of ${runs}: ${describe(one)}`)
    cases.push(one)
  }
  return cases
}

/** A fast node that is wrong is no node: every row is there, with its last value. */
async function checkState(url: string, messages: number): Promise<void> {
  const [row] = await execute(url, 'select count(*) as rows, sum(plays) as sum from data.bench')
  const expected = expectedState(messages, rows)
  if (Number(row.rows) !== expected.rows || BigInt(row.sum) !== expected.sum) {
    throw new Error(`the node's table is wrong: ${JSON.stringify(row)}`)
  }
}

async function execute(url: string, sql: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

function report(small: readonly Case[], large: readonly Case[]): void {
  const ratios = small.map((one) => one.bareSeconds / one.nodeSeconds)
  const memory = median(large.map(({ peakMiB }) => peakMiB)) / median(small.map(({ peakMiB }) => peakMiB))
  const results = {
    node: process.version,
    cases: [...small, ...large],
    ratioToBareKafkaJs: median(ratios),
    peakMiB: median(small.map(({ peakMiB }) => peakMiB)),
    peakMiBLarge: median(large.map(({ peakMiB }) => peakMiB)),
    memoryRatio: memory,
  }
  mkdirSync(join(root, 'bench/results'), { recursive: true })
  writeFileSync(join(root, 'bench/results/latest.json'), `${JSON.stringify(results, null, 2)}\n`)
  for (const one of [...small, ...large]) console.log(describe(one))
  console.log(`the node, whole process, against bare KafkaJS reading: ${median(ratios).toFixed(2)} (median)`)
  console.log(
    `peak memory: ${results.peakMiB.toFixed(0)} MiB; with ${large[0]!.messages} messages ${memory.toFixed(2)} times that`,
  )
}

function describe({ messages, bareSeconds, nodeSeconds, peakMiB }: Case): string {
  const rate = (seconds: number) => `${(messages / seconds / 1_000).toFixed(0)} k/s`
  return `${messages} messages: bare KafkaJS ${rate(bareSeconds)}, node ${rate(nodeSeconds)} (${(bareSeconds / nodeSeconds).toFixed(2)} of it), peak ${peakMiB.toFixed(0)} MiB`
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}

await main()
