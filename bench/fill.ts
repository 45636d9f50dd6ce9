// Makes the topics of a case, ours a log with its definitions, and appends passes to them.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { Kafka, logLevel } from 'kafkajs'
import type { Dataset } from '../src/codec/catalogue.ts'
import { checkLog } from '../src/log/check.ts'
import { createKafkaLog } from '../src/log/kafka/log.ts'
import type { NewRecord } from '../src/log/log.ts'
import { type BenchCase, type Pass, readDefinition } from './cases/case.ts'
import { changesOf } from './marks.ts'
import { measure } from './measure.ts'
import { createOursEncoder, createPeerEncoder, type Encode, peerSchema } from './messages.ts'
import { cli } from './paths.ts'
import { type Services, say } from './section.ts'
import type { Signing } from './signing.ts'

const CHUNK_MESSAGES = 5_000
/** Enough to keep the broker busy; memory is bounded by it. */
const CHUNKS_IN_FLIGHT = 8

/** One side's topic of a case. */
interface Topic {
  readonly name: string
  readonly encode: Encode
  /** What becomes of records that are appended together: signed, or as they are. */
  readonly finish: (records: readonly NewRecord[]) => readonly NewRecord[]
}

const asIs: Topic['finish'] = (records) => records

export interface FilledCase {
  readonly benchCase: BenchCase
  readonly dataset: Dataset
  /** For SPINDEXER_LOG. */
  readonly logUrl: string
  readonly oursTopic: string
  /** Null without the peer. */
  readonly peerTopic: string | null
  append(pass: Pass): Promise<void>
}

export interface TopicOptions {
  readonly isPeerWanted: boolean
  /** Absent: nobody signs, and the log is open. */
  readonly signing?: Signing
}

/** Topics of one partition, so that both sides have one reader. `name` makes them unique. */
export async function createTopics(
  services: Services,
  benchCase: BenchCase,
  name: string,
  { isPeerWanted, signing }: TopicOptions,
): Promise<FilledCase> {
  const { brokers, peer } = services
  const dataset = readDefinition(benchCase.definition)
  const oursTopic = `bench-${name}`
  const logUrl = `kafka://${brokers.join(',')}/${oursTopic}`
  await createLog(services, benchCase.definition, logUrl, signing)
  const finish = signing === undefined ? asIs : signing.signerFor(await logIdOf(brokers, oursTopic))
  const ours: Topic = { name: oursTopic, encode: createOursEncoder(dataset), finish }
  const topics = [ours]
  if (peer !== null && isPeerWanted) {
    const topic = `peer-${name}`
    await createPlainTopic(brokers, topic)
    const registry = new SchemaRegistry({ host: peer.registryUrl })
    const schema = { type: SchemaType.AVRO, schema: peerSchema(dataset) } as const
    const { id } = await registry.register(schema, { subject: `${topic}-value` })
    topics.push({ name: topic, encode: createPeerEncoder(dataset, id), finish: asIs })
  }
  return {
    benchCase,
    dataset,
    logUrl,
    oursTopic,
    peerTopic: topics[1]?.name ?? null,
    async append(pass) {
      for (const topic of topics) {
        say(`${pass.name}: appending ${pass.count} messages to ${topic.name}`)
        await appendAll(brokers, topic, changesOf(dataset, benchCase.passes, pass))
      }
    },
  }
}

async function createLog(
  { scratch }: Services,
  definition: unknown,
  logUrl: string,
  signing: Signing | undefined,
): Promise<void> {
  const dir = join(scratch, 'definitions')
  mkdirSync(dir)
  writeFileSync(join(dir, 'dataset.avsc'), JSON.stringify(definition))
  const env = { ...process.env, SPINDEXER_LOG: logUrl, SCHEMA_REGISTRY_URL: '' }
  if (signing === undefined) {
    await measure([cli, 'log', 'create', '--partitions', '1'], env)
    await measure([cli, 'datasets', 'apply', dir], env)
  } else {
    const key = ['--key', writeFile(scratch, 'admin.pem', signing.adminPem)]
    await measure([cli, 'log', 'create', '--partitions', '1', '--admin', signing.admin], env)
    await measure([cli, 'datasets', 'apply', dir, ...key], env)
    const policy = writeFile(scratch, 'policy.json', JSON.stringify(signing.policy))
    await measure([cli, 'policy', 'apply', policy, ...key], env)
  }
  rmSync(dir, { recursive: true })
}

function writeFile(dir: string, name: string, text: string): string {
  const path = join(dir, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

async function logIdOf(brokers: readonly string[], topic: string): Promise<string> {
  const log = createKafkaLog({ connection: { brokers }, topic, onLog: () => {} })
  try {
    const check = checkLog(await log.describe())
    if (check.type === 'refused') throw new Error(check.problems[0]!.what)
    return check.genesis.logId
  } finally {
    await log.close()
  }
}

async function createPlainTopic(brokers: readonly string[], topic: string): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    const configEntries = [{ name: 'retention.ms', value: '-1' }]
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }], waitForLeaders: true })
  } finally {
    await admin.disconnect()
  }
}

async function appendAll(
  brokers: readonly string[],
  { name, encode, finish }: Topic,
  changes: ReturnType<typeof changesOf>,
): Promise<void> {
  const log = createKafkaLog({ connection: { brokers }, topic: name, onLog: () => {} })
  const inFlight: Promise<unknown>[] = []
  let chunk: NewRecord[] = []
  const flush = async () => {
    inFlight.push(log.append(finish(chunk)))
    chunk = []
    if (inFlight.length >= CHUNKS_IN_FLIGHT) await inFlight.shift()
  }
  try {
    for (const change of changes) {
      chunk.push(encode(change))
      if (chunk.length === CHUNK_MESSAGES) await flush()
    }
    await flush()
    await Promise.all(inFlight)
  } finally {
    await log.close()
  }
}
