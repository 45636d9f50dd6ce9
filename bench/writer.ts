// `node bench/writer.ts`: how fast messages become durable, through KafkaJS's producer and through ours, in one run on one machine.

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startKafka } from '../scripts/services/kafka.ts'
import { createTemporaryDir } from '../scripts/services/temporary-dir.ts'
import { decodeMutation } from '../src/codec/avro.ts'
import { findAvro } from '../src/codec/framing.ts'
import { createKafkaLog } from '../src/log/kafka/log.ts'
import { measure } from './measure.ts'
import { cli, root } from './paths.ts'
import { keyOf, toColumns } from './produce.ts'
import type { WriterRun } from './writer-run.ts'

export interface WriterOptions {
  readonly messages: number
  readonly rows: number
  readonly partitions: number
  readonly runs: number
  /** Words on how far it is. */
  readonly onProgress: (line: string) => void
}

export interface WriterCase {
  readonly variant: Variant
  readonly secondsOfRuns: readonly number[]
  /** Medians. */
  readonly seconds: number
  readonly cpuSeconds: number
  readonly messagesPerSecond: number
  /** Against the faster of KafkaJS's two. */
  readonly ratioToKafkaJs: number
}

export interface WriterResults {
  readonly node: string
  readonly messages: number
  readonly rows: number
  readonly partitions: number
  readonly cases: readonly WriterCase[]
}

const VARIANTS = ['kafkajs', 'kafkajs-5', 'session', 'append', 'publish'] as const
type Variant = (typeof VARIANTS)[number]

/** What each is, for people. */
export const WRITERS: Readonly<Record<Variant, string>> = {
  kafkajs: 'KafkaJS, ready-made bytes, one send at a time',
  'kafkajs-5': 'KafkaJS, ready-made bytes, 5 sends under way',
  session: 'session, from typed changes',
  append: 'Log.append, ready-made records',
  publish: 'spindexer publish FILE, whole process',
}

/** Starts a broker, measures every variant `runs` times in alternating order, checks each log, and ends the broker. */
export async function measureWriter(options: WriterOptions): Promise<WriterResults> {
  const { messages, rows, partitions, runs, onProgress } = options
  const dir = createTemporaryDir('writer')
  const kafka = await startKafka({ dir: join(dir.path, 'kafka'), removeDirWhenOrphaned: true })
  const file = join(dir.path, 'changes.jsonl')
  const measured = new Map<Variant, WriterRun[]>(VARIANTS.map((variant) => [variant, []]))
  try {
    writeChanges(file, options)
    for (let run = 0; run < runs; run++) {
      for (const variant of run % 2 === 0 ? VARIANTS : VARIANTS.toReversed()) {
        const topic = `writer-${variant}-${run}`
        const one = await runVariant(variant, { ...options, brokers: kafka.brokers, topic, file })
        measured.get(variant)!.push(one)
        onProgress(`run ${run + 1} of ${runs}: ${WRITERS[variant]}: ${rate(messages / one.seconds)}`)
      }
    }
  } finally {
    await kafka.stop()
    rmSync(file, { force: true })
    dir.remove()
  }
  const secondsOf = (variant: Variant) => measured.get(variant)!.map(({ seconds }) => seconds)
  const peer = Math.min(median(secondsOf('kafkajs')), median(secondsOf('kafkajs-5')))
  const cases = VARIANTS.map((variant): WriterCase => {
    const seconds = median(secondsOf(variant))
    return {
      variant,
      secondsOfRuns: secondsOf(variant),
      seconds,
      cpuSeconds: median(measured.get(variant)!.map(({ cpuSeconds }) => cpuSeconds)),
      messagesPerSecond: messages / seconds,
      ratioToKafkaJs: peer / seconds,
    }
  })
  return { node: process.version, messages, rows, partitions, cases }
}

interface Run extends WriterOptions {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly file: string
}

async function runVariant(variant: Variant, run: Run): Promise<WriterRun> {
  const { brokers, topic, messages, rows, partitions } = run
  const address = `kafka://${brokers.join(',')}/${topic}`
  const env = { ...process.env, SPINDEXER_LOG: address, SCHEMA_REGISTRY_URL: '', DATABASE_URL: '' }
  await measure([cli, 'log', 'create', '--partitions', String(partitions)], env)
  await measure([cli, 'datasets', 'apply', join(root, 'bench/datasets')], env)
  const sent = await (variant === 'publish' ? publish(run.file, env) : sendAlone())
  await checkLog(run)
  return sent

  async function sendAlone(): Promise<WriterRun> {
    const args = [variant, brokers.join(','), topic, String(messages), String(rows)]
    const { stdout } = await measure([join(root, 'bench/writer-run.ts'), ...args], env)
    return JSON.parse(stdout)
  }
}

async function publish(file: string, env: NodeJS.ProcessEnv): Promise<WriterRun> {
  const { seconds } = await measure([cli, 'publish', file], env)
  return { seconds, cpuSeconds: Number.NaN }
}

function writeChanges(file: string, { messages, rows }: WriterOptions): void {
  const lines: string[] = []
  for (let n = 0; n < messages; n++) {
    const [id] = keyOf(n, rows)
    const data = { id, plays: n, title: `title ${n}` }
    lines.push(JSON.stringify({ dataset: 'bench', operation: 'upsert', data }))
    if (lines.length < 50_000 && n + 1 < messages) continue
    writeFileSync(file, `${lines.join('\n')}\n`, { flag: 'a' })
    lines.length = 0
  }
}

/** A fast writer that is wrong is no writer: as many records as were sent, and some decode to what they say they are. */
async function checkLog({ brokers, topic, messages, rows }: Run): Promise<void> {
  const log = createKafkaLog({ connection: { brokers }, topic, onLog: () => {} })
  try {
    const { partitions } = await log.describe()
    const found = partitions.reduce((sum, { end }) => sum + Number(end) - 1, 0)
    if (found !== messages) throw new Error(`${topic} has ${found} messages, not ${messages}`)
    const last = partitions.flatMap(({ partition, end }) =>
      [1n, end / 2n, end - 1n].filter((at) => at > 0n && at < end).map((offset) => ({ partition, offset })),
    )
    for (const record of await log.pick(last)) {
      const start = findAvro(record!.value!)
      const decoded = typeof start === 'number' ? decodeMutation(record!.value!, start) : null
      if (decoded?.type !== 'mutation') throw new Error(`a message of ${topic} does not decode`)
      const { key, columns } = decoded.mutation
      const n = Number(columns.get('plays'))
      const isRight = key[0] === keyOf(n, rows)[0] && columns.get('title') === toColumns(n).get('title')
      if (!isRight) throw new Error(`message ${n} of ${topic} is not what was sent`)
    }
  } finally {
    await log.close()
  }
}

export function writerTable({ messages, cases }: WriterResults): string {
  const lines = cases.map(({ variant, messagesPerSecond, cpuSeconds, ratioToKafkaJs }) => {
    const cpu = Number.isNaN(cpuSeconds) ? '–' : `${((cpuSeconds / messages) * 1e6).toFixed(2)} s`
    return `| ${WRITERS[variant]} | ${rate(messagesPerSecond)} | ${ratioToKafkaJs.toFixed(2)} | ${cpu} |`
  })
  const head = [
    '| writer | messages a second | against KafkaJS | its CPU a million |',
    '| --- | --- | --- | --- |',
  ]
  return [...head, ...lines].join('\n')
}

function rate(perSecond: number): string {
  return `${(perSecond / 1_000).toFixed(0)} k/s`
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}

if (import.meta.main) {
  const { values: flags } = parseArgs({
    options: {
      messages: { type: 'string', default: '1000000' },
      rows: { type: 'string', default: '100000' },
      partitions: { type: 'string', default: '1' },
      runs: { type: 'string', default: '3' },
      json: { type: 'string' },
    },
  })
  const results = await measureWriter({
    messages: Number(flags.messages),
    rows: Number(flags.rows),
    partitions: Number(flags.partitions),
    runs: Number(flags.runs),
    onProgress: (line) => console.error(line),
  })
  console.log(writerTable(results))
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(results, null, 2)}\n`)
}
