// `node bench/parked.ts --messages N`: N messages are parked, then their definition comes, and the node is killed once while it judges them again.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startKafka } from '../scripts/services/kafka.ts'
import { startPostgres } from '../scripts/services/postgres.ts'
import { createTemporaryDir } from '../scripts/services/temporary-dir.ts'
import { createLiveWriter } from './live-writer.ts'
import { measure } from './measure.ts'
import { createNodeProcess, type NodeProcess } from './node-process.ts'
import { cli, root } from './paths.ts'
import { expectedState, fillLog } from './produce.ts'

const TOPIC = 'parked'
const LIMIT_MS = 2 * 3_600_000
const REPORT_EVERY_MS = 20_000

const { values: flags } = parseArgs({
  options: {
    messages: { type: 'string', default: '1000000' },
    partitions: { type: 'string', default: '3' },
    /** Processes of `run` on the one database while messages are judged again. */
    workers: { type: 'string', default: '1' },
  },
})
const messages = Number(flags.messages)
const rows = Math.ceil(messages / 10)

async function main(): Promise<void> {
  const dir = createTemporaryDir('bench')
  const options = { removeDirWhenOrphaned: true }
  const kafka = await startKafka({ dir: join(dir.path, 'kafka'), ...options })
  const postgres = await startPostgres({ dir: join(dir.path, 'postgres'), version: 18, ...options })
  const database = new pg.Pool({ connectionString: postgres.url, max: 3 })
  const SPINDEXER_LOG = `kafka://${kafka.brokers.join(',')}/${TOPIC}`
  const env = { ...process.env, SPINDEXER_LOG, DATABASE_URL: postgres.url, SCHEMA_REGISTRY_URL: '' }
  try {
    await measure([cli, 'log', 'create', '--partitions', flags.partitions], env)
    await apply(env, 'bench/parked-datasets/live.avsc')
    say(`filling the log: ${messages} messages of a dataset that is not defined`)
    await fillLog(kafka.brokers, TOPIC, messages, rows)
    const parked = await measureParking(env, database)
    const rejudged = await measureRejudging(env, kafka.brokers, database)
    const diskMiB = { log: usedMiB(join(dir.path, 'kafka')), database: (await sizesOf(database)).databaseMiB }
    const results = { ...flags, messages, parked, rejudged, diskMiB }
    mkdirSync(join(root, 'bench/results'), { recursive: true })
    writeFileSync(
      join(root, `bench/results/parked-${flags.messages}.json`),
      `${JSON.stringify(results, null, 2)}\n`,
    )
    console.log(JSON.stringify(results, null, 2))
  } finally {
    await database.end()
    await kafka.stop()
    await postgres.stop()
    dir.remove()
  }
}

async function measureParking(env: NodeJS.ProcessEnv, database: pg.Pool) {
  say('parking')
  const { seconds, peakMiB } = await measure([cli, 'run', '--until-end'], env, LIMIT_MS)
  const { parked } = await countsOf(database)
  if (parked !== messages) throw new Error(`${parked} messages are parked, not ${messages}`)
  return { ...rate(seconds), peakMiB: Math.round(peakMiB), ...(await sizesOf(database)) }
}

async function measureRejudging(env: NodeJS.ProcessEnv, brokers: readonly string[], database: pg.Pool) {
  const nodes = Array.from({ length: Number(flags.workers) }, () => createNodeProcess([cli, 'run'], env))
  const writer = createLiveWriter(brokers, TOPIC, database)
  try {
    for (const node of nodes) node.start()
    await writer.write('live')
    const liveBefore = await writer.during('live', sleep(5_000))
    say('defining, and judging again')
    const began = performance.now()
    await apply(env, 'bench/datasets')
    const appliedMs = performance.now() - began
    const firstVisibleMs = await writer.write('bench')
    const judging = awaitJudged(database, nodes, async () => {
      say(`half of it after ${((performance.now() - began) / 1_000).toFixed(1)} s: kill -9`)
      await nodes[0]!.kill()
      nodes[0]!.start()
    })
    const liveDuring = await writer.during('bench', judging)
    const { seconds } = rate((performance.now() - began) / 1_000)
    await checkState(database, 1 + liveDuring.count)
    const peakMiB = Math.max(...nodes.map((node) => node.peakMiB()))
    const curesNothing = performance.now()
    await apply(env, 'bench/parked-datasets/wider')
    await until('the last definition', async () => (await countsOf(database)).isJudged)
    return {
      ...rate(seconds),
      peakMiB,
      appliedMs: Math.round(appliedMs),
      firstVisibleMs: Math.round(firstVisibleMs),
      liveBefore,
      liveDuring,
      definitionThatCuresNothingMs: Math.round(performance.now() - curesNothing),
      ...(await sizesOf(database)),
    }
  } finally {
    await writer.close()
    for (const node of nodes) await node.stop()
  }
}

/** Resolves when everything has been judged again; calls `onHalf` once on the way. */
async function awaitJudged(
  database: pg.Pool,
  nodes: readonly NodeProcess[],
  onHalf: () => Promise<void>,
): Promise<void> {
  let isHalf = false
  let said = performance.now()
  await until('everything to be judged again', async () => {
    for (const node of nodes) node.check()
    const counts = await countsOf(database)
    if (!isHalf && counts.parked <= messages / 2) {
      isHalf = true
      await onHalf()
    }
    if (performance.now() - said > REPORT_EVERY_MS) {
      said = performance.now()
      say(`${counts.parked} left`)
    }
    return counts.parked === 0 && counts.isJudged
  })
}

async function apply(env: NodeJS.ProcessEnv, path: string): Promise<void> {
  await measure([cli, 'datasets', 'apply', join(root, path)], env)
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await sleep(100)
  }
}

async function countsOf(database: pg.Pool) {
  const { rows } = await database.query(
    `select sum(parked)::float8 as parked, sum(merged)::float8 as merged,
       (select next_offset = rejudged_to from spindexer.definitions) as judged
     from spindexer.positions`,
  )
  const { parked, merged, judged } = rows[0]
  return { parked: Number(parked), merged: Number(merged), isJudged: Boolean(judged) }
}

async function sizesOf(database: pg.Pool) {
  const { rows } = await database.query(
    `select pg_table_size('spindexer.parked') as heap, pg_indexes_size('spindexer.parked') as indexes,
       pg_database_size(current_database()) as database`,
  )
  const { heap, indexes, database: whole } = rows[0]
  return {
    parkedTableMiB: mebibytes(heap),
    parkedIndexesMiB: mebibytes(indexes),
    databaseMiB: mebibytes(whole),
  }
}

/** A fast node that is wrong is no node: every row is there, with its last value, and `fresh` rows that came meanwhile. */
async function checkState(database: pg.Pool, fresh: number): Promise<void> {
  const found = await database.query('select count(*) as rows, sum(plays) as sum from data.bench')
  const expected = expectedState(messages, rows)
  const { rows: count, sum } = found.rows[0]
  if (Number(count) !== expected.rows + fresh || BigInt(sum) !== expected.sum) {
    throw new Error(`the node's table is wrong: ${JSON.stringify(found.rows[0])}`)
  }
}

function rate(seconds: number) {
  return { seconds: Math.round(seconds * 10) / 10, perSecond: Math.round(messages / seconds) }
}

function mebibytes(bytes: string | number): number {
  return Math.round(Number(bytes) / 1_048_576)
}

function usedMiB(path: string): number {
  return Number(execFileSync('du', ['-sm', path], { encoding: 'utf8' }).split('\t')[0])
}

function say(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)
}

await main()
