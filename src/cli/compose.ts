// The only file that sees every adapter: turns settings into ports.

import type { Pool, PoolClient } from 'pg'
import { EMPTY_CATALOGUE } from '../codec/catalogue.ts'
import { DEFINITIONS } from '../codec/record.ts'
import type { KafkaConnection } from '../log/kafka/client.ts'
import { isTransient as isKafkaTransient } from '../log/kafka/errors.ts'
import { createKafkaLog } from '../log/kafka/log.ts'
import { readKafkaSecurity } from '../log/kafka/security.ts'
import { type CreateTopicsResult, createKafkaTopics } from '../log/kafka/topics.ts'
import { parseKafkaUrl } from '../log/kafka/url.ts'
import type { KeptLog } from '../log/log.ts'
import { isTransient as isPostgresLogTransient, SEALED } from '../log/postgres/errors.ts'
import { createPostgresLog } from '../log/postgres/log.ts'
import { makePostgresLog } from '../log/postgres/make.ts'
import { isPostgresUrl, type PostgresAddress, parsePostgresUrl } from '../log/postgres/url.ts'
import { codeOf } from '../postgres/errors.ts'
import { createPool, endPool, inTransaction, isConnectionString, READ_SNAPSHOT } from '../postgres/pool.ts'
import { readPostgresUrl } from '../postgres/url.ts'
import { isSameIdentity } from '../store/identity.ts'
import { isTransient as isPostgresTransient } from '../store/postgres/errors.ts'
import { type Migrated, migrate } from '../store/postgres/migrate.ts'
import { type OffsetRange, readQuarantined } from '../store/postgres/quarantined.ts'
import { createPostgresReader } from '../store/postgres/reader.ts'
import { type CureName, countWaiting } from '../store/postgres/sql/pending-parked.ts'
import { readStandings } from '../store/postgres/sql/read-standings.ts'
import { createCatalogueCache, type Head, readHead, readPositions, toState } from '../store/postgres/state.ts'
import { createPostgresStore } from '../store/postgres/store.ts'
import { refuseSchema } from '../store/postgres/version.ts'
import {
  forgetWorkers,
  readNodeId,
  registeredWorkers,
  registerWorker,
  resetNodeId,
} from '../store/postgres/workers.ts'
import type { LogIdentity, Store, StoreReader, StoreRefusal, StoreState } from '../store/store.ts'
import type { Newest } from '../writer/start.ts'
import { type Config, requireSetting } from './config.ts'
import { usageFailure } from './errors.ts'

/** Errors that pass by themselves, of the log and of the database. */
export function isTransient(error: unknown): boolean {
  return isKafkaTransient(error) || isPostgresTransient(error) || isPostgresLogTransient(error)
}

/** True for what a log says that was sealed: it was copied, and takes nothing any more. */
export function isLogClosed(error: unknown): boolean {
  for (let each = error, depth = 0; each instanceof Error && depth < 10; each = each.cause, depth++) {
    if (codeOf(each) === SEALED) return true
  }
  return false
}

/** What libraries say while they work, for those who debug. */
type OnLog = (line: string) => void

export interface OpenedLog {
  readonly log: KeptLog
  /** The subject in the schema registry that belongs to this log's messages. */
  readonly subject: string
}

/** `onTrouble` is given words for people, while the log has kept a command waiting for some seconds. */
export function openLog(config: Config, onLog: OnLog, onTrouble: OnLog): OpenedLog {
  const postgres = postgresLogOf(config)
  if (postgres !== null) {
    const { connectionString, database } = postgres
    return { log: createPostgresLog({ connectionString, onLog, onTrouble }), subject: `${database}-value` }
  }
  const { connection, topic } = addressOf(config)
  const log = createKafkaLog({ connection, topic, onLog, onTrouble })
  return { log, subject: `${topic}-value` }
}

export interface MakeLogOptions {
  /** Null: as many as there are, else as is usual for its kind. */
  readonly partitions: number | null
  readonly replicationFactor: number | null
  /** How many partitions there are already; null where there is no log. */
  readonly countPartitions: () => Promise<number | null>
  readonly onLog: OnLog
}

/** Of a new log, unless it is told otherwise: one server gains nothing by more, and order is kept within one. */
export const PARTITIONS = { kafka: 6, postgres: 1 } as const

/** Makes what keeps the log, its topics or its tables; what exists is left alone. */
export async function makeLog(
  config: Config,
  { replicationFactor, countPartitions, onLog, ...options }: MakeLogOptions,
): Promise<CreateTopicsResult> {
  const postgres = postgresLogOf(config)
  if (postgres === null) {
    const { connection, topic } = addressOf(config)
    const partitions = options.partitions ?? (await countPartitions()) ?? PARTITIONS.kafka
    return createKafkaTopics({ connection, topic, partitions, replicationFactor, onLog })
  }
  if (replicationFactor !== null) {
    throw usageFailure(
      '--replication-factor is for a log in Kafka; SPINDEXER_LOG names a Postgres',
      'leave it out: copies of a Postgres are made by its standbys',
    )
  }
  const { connectionString } = postgres
  const { partitions } = options
  return makePostgresLog({ connectionString, partitions, usualPartitions: PARTITIONS.postgres })
}

/** Null for a log that is not in Postgres. */
function postgresLogOf(config: Config): PostgresAddress | null {
  const url = requireSetting(config, 'SPINDEXER_LOG')
  if (!isPostgresUrl(url)) return null
  const parsed = parsePostgresUrl(url)
  if (parsed.type === 'refused') throw usageFailure(`SPINDEXER_LOG: ${parsed.what}`, parsed.remedy)
  return parsed.address
}

/** Throws a usage failure for an address, or settings of TLS and SASL, that cannot be. */
function addressOf(config: Config): { readonly connection: KafkaConnection; readonly topic: string } {
  const parsed = parseKafkaUrl(requireSetting(config, 'SPINDEXER_LOG'))
  if (parsed.type === 'refused') throw usageFailure(`SPINDEXER_LOG: ${parsed.what}`, parsed.remedy)
  const { brokers, topic } = parsed.address
  const read = readKafkaSecurity(config.get)
  if (read.type === 'refused') throw usageFailure(read.what, read.remedy)
  return { connection: { brokers, ...read.security }, topic }
}

/** How far a node is, and the newest that it has seen. */
export interface NodeLook extends Newest {
  /** By partition, DEFINITIONS included. Absent: 0. */
  readonly positions: ReadonlyMap<number, bigint>
  /** What holds there, as `StoreState` has it. */
  readonly standings: StoreState['standings']
  /** True while parked messages are being judged under newer definitions. */
  readonly isJudgingAgain: boolean
}

/** A node's database. Whoever opens it closes it. */
export interface Database {
  migrate(onWarning: (text: string) => void): Promise<Migrated | StoreRefusal>
  store(): Store
  reader(): Promise<StoreReader | StoreRefusal>
  nodeId(): Promise<string>
  resetNodeId(): Promise<string | StoreRefusal>
  /** Says that this worker lives. */
  registerWorker(workerId: string): Promise<void>
  /** Of each worker of this node when it was last seen: a text that changes each time. */
  registeredWorkers(): Promise<ReadonlyMap<string, string>>
  /** Removes workers that were not seen for long and are none of these. */
  forgetWorkers(atWork: readonly string[]): Promise<void>
  /** How far the node is. Null when the database follows another log, or none yet. */
  look(identity: LogIdentity): Promise<NodeLook | null>
  /**
   * The offsets of [from, next) that the node has quarantined. Null when the database follows another log, or none yet,
   * or has not processed all of them.
   */
  quarantined(identity: LogIdentity, range: OffsetRange): Promise<readonly bigint[] | null>
  /** How many parked messages wait for one of these; null when the database follows another log, or none yet. */
  countWaiting(identity: LogIdentity, cures: readonly CureName[]): Promise<bigint | null>
  close(): Promise<void>
}

export interface DatabaseOptions {
  readonly connectionsMax?: number
  /** How long one statement of a reader may take, in milliseconds; for ever unless set. */
  readonly statementMs?: number
}

export function openDatabase(config: Config, options: DatabaseOptions = {}): Database {
  const url = requireSetting(config, 'DATABASE_URL')
  if (!/^postgres(ql)?:\/\//.test(url) || !isConnectionString(url)) {
    throw usageFailure(
      'DATABASE_URL is no URL of a Postgres database',
      'write postgres://user:password@host:port/database; in the password, %40 for @, %2F for /, %3A for :',
    )
  }
  const read = readPostgresUrl(url)
  if (read.type === 'refused') throw usageFailure(`DATABASE_URL: ${read.what}`, read.remedy)
  const { connectionsMax, ...readerOptions } = options
  const pool = createPool(url, connectionsMax)
  const catalogues = createCatalogueCache()
  const dataSchema = config.get('SPINDEXER_DATA_SCHEMA') ?? 'data'
  return {
    migrate: (onWarning) => migrate(pool, { dataSchema, onWarning }),
    store: () => createPostgresStore({ pool }),
    reader: () => createPostgresReader(pool, { catalogues, ...readerOptions }),
    nodeId: () => readNodeId(pool),
    resetNodeId: () => resetNodeId(pool),
    registerWorker: (workerId) => registerWorker(pool, workerId),
    registeredWorkers: () => registeredWorkers(pool),
    forgetWorkers: (atWork) => forgetWorkers(pool, atWork),
    look: (identity) => lookAt(pool, identity),
    quarantined: (identity, range) =>
      readIfFollows(pool, identity, (client, head) => readQuarantined(client, head, range)),
    countWaiting: (identity, cures) => readIfFollows(pool, identity, (client) => countWaiting(client, cures)),
    close: () => endPool(pool),
  }
}

function lookAt(pool: Pool, identity: LogIdentity): Promise<NodeLook | null> {
  return readIfFollows(pool, identity, async (client, head) => {
    const partitions = await readPositions(client)
    const standings = await readStandings(client)
    const { positions, newestStamp, newestAppendMs } = toState(head, EMPTY_CATALOGUE, partitions, standings)
    return {
      standings,
      stamp: newestStamp,
      appendMs: newestAppendMs,
      positions: new Map(positions).set(DEFINITIONS, head.offset),
      isJudgingAgain: head.rejudgedTo !== head.offset,
    }
  })
}

/** Only a look: `Store.load` would bind a fresh database to the log. */
function readIfFollows<T>(
  pool: Pool,
  identity: LogIdentity,
  read: (client: PoolClient, head: Head) => Promise<T>,
): Promise<T | null> {
  return inTransaction(pool, READ_SNAPSHOT, async (client) => {
    if ((await refuseSchema(client)) !== null) return null
    const head = await readHead(client)
    return head.identity !== null && isSameIdentity(head.identity, identity) ? read(client, head) : null
  })
}
