// The door to KafkaJS's inner parts (connections.ts mends one of them), with types of our own: its version is pinned exactly, and nobody changes it.

import { createRequire } from 'node:module'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { mendConnections } from './connections.ts'
import { mendHandshake, type SaslOptions } from './login.ts'

const require = createRequire(import.meta.url)

/** An answer with its error codes left for the caller: KafkaJS throws at the first one and drops what came with it. */
export interface Exchange<T> {
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly apiName: string
    readonly encode: () => Promise<Encoder>
  }
  readonly response: {
    readonly decode: (payload: Buffer) => Promise<T>
    readonly parse: (data: T) => Promise<T>
  }
  readonly requestTimeout?: number
}

export interface Encoder {
  readonly buffer: Buffer
  writeInt8(value: number): Encoder
  writeInt16(value: number): Encoder
  writeInt32(value: number): Encoder
  writeInt64(value: string): Encoder
  writeString(value: string | null): Encoder
  writeBytes(value: Buffer): Encoder
  writeUVarInt(value: number): Encoder
  writeUVarIntString(value: string | null): Encoder
  writeUVarIntBytes(value: Buffer): Encoder
}

export interface GroupMember {
  readonly memberId: string
  readonly clientId?: string
  readonly memberMetadata: Buffer
}

export interface JoinRequest {
  readonly groupId: string
  readonly sessionTimeout: number
  readonly rebalanceTimeout: number
  readonly memberId: string
  readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[]
}

export type JoinAnswer =
  | {
      readonly type: 'joined'
      readonly generationId: number
      readonly leaderId: string
      readonly memberId: string
      readonly members: readonly GroupMember[]
    }
  /** The coordinator wants to be asked again, under this id. */
  | { readonly type: 'id-required'; readonly memberId: string }

/** One broker: KafkaJS's requests that suit us, and `connectionPool.send` for those of our own. */
export interface Broker {
  readonly nodeId: number
  /** Asks for topics by name; for all of them when there are no names. */
  metadata(topics: readonly string[]): Promise<Metadata>
  readonly versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>
  readonly connectionPool: {
    send<T>(exchange: Exchange<T>): Promise<T>
    /** 1: the one for fetches; 0: the one for everything else. */
    getConnection(index: 0 | 1): Promise<{ send<T>(exchange: Exchange<T>): Promise<T> }>
  }
  /** The newest version of a request that both sides know. */
  lookupRequest<R, T>(apiKey: number, requests: unknown): (request: R) => Exchange<T>
  disconnect(): Promise<void>
  listOffsets(request: {
    readonly isolationLevel: number
    readonly topics: readonly {
      readonly topic: string
      readonly partitions: readonly { readonly partition: number; readonly timestamp: string }[]
    }[]
  }): Promise<{
    readonly responses: readonly {
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[]
    }[]
  }>
  describeConfigs(request: {
    readonly resources: readonly {
      readonly type: number
      readonly name: string
      readonly configNames: readonly string[]
    }[]
  }): Promise<{
    readonly resources: readonly {
      readonly configEntries: readonly { readonly configName: string; readonly configValue: string | null }[]
    }[]
  }>
  createTopics(request: {
    readonly topics: readonly {
      readonly topic: string
      readonly numPartitions: number
      readonly replicationFactor: number
      readonly configEntries: readonly { readonly name: string; readonly value: string }[]
    }[]
    readonly timeout: number
  }): Promise<unknown>
  initProducerId(request: { readonly transactionTimeout: number }): Promise<{
    readonly producerId: string
    readonly producerEpoch: number
  }>
  findGroupCoordinator(request: { readonly groupId: string; readonly coordinatorType: number }): Promise<{
    readonly coordinator: { readonly nodeId: number }
  }>
  syncGroup(request: {
    readonly groupId: string
    readonly generationId: number
    readonly memberId: string
    readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[]
  }): Promise<{ readonly memberAssignment: Buffer }>
  heartbeat(request: {
    readonly groupId: string
    readonly groupGenerationId: number
    readonly memberId: string
  }): Promise<unknown>
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>
  /** Offset "-1": nothing was committed. */
  offsetFetch(request: {
    readonly groupId: string
    readonly topics: readonly {
      readonly topic: string
      readonly partitions: readonly { readonly partition: number }[]
    }[]
  }): Promise<{
    readonly responses: readonly {
      readonly topic: string
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[]
    }[]
  }>
  offsetCommit(request: {
    readonly groupId: string
    readonly groupGenerationId: number
    readonly memberId: string
    readonly topics: readonly {
      readonly topic: string
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[]
    }[]
  }): Promise<unknown>
  describeGroups(request: { readonly groupIds: readonly string[] }): Promise<{
    readonly groups: readonly { readonly members: readonly GroupMember[] }[]
  }>
}

export interface PartitionMetadata {
  readonly partitionId: number
  readonly leader: number
  readonly replicas: readonly number[]
}

export interface Metadata {
  readonly brokers: readonly { readonly nodeId: number }[]
  readonly controllerId: number
  readonly topicMetadata: readonly {
    readonly topic: string
    /** 32 hex digits; absent or null where the broker is too old to tell. */
    readonly topicId?: string | null
    readonly topicErrorCode: number
    readonly partitionMetadata: readonly PartitionMetadata[]
  }[]
}

export interface Cluster {
  readonly brokerPool: {
    readonly metadata: Metadata | null
    refreshMetadata(topics: readonly string[]): Promise<void>
    findConnectedBroker(): Promise<Broker>
    findBroker(options: { readonly nodeId: number }): Promise<Broker>
    removeBroker(address: { readonly host: string; readonly port: number }): void
    createBroker(options: unknown): Broker
  }
  connect(): Promise<void>
  disconnect(): Promise<void>
}

export type SocketFactory = (options: {
  readonly host: string
  readonly port: number
  readonly ssl: unknown
  readonly onConnect: () => void
}) => import('node:net').Socket

export interface KafkaError extends Error {
  readonly type?: string
  readonly retriable?: boolean
  readonly cause?: unknown
  readonly errors?: readonly KafkaError[]
  readonly host?: string
  readonly port?: number
}

interface LogEntry {
  readonly namespace: string
  readonly label: string
  readonly log: { readonly message: string }
}

interface ClusterOptions {
  readonly logger: unknown
  /** Options of node:tls, or null: no TLS. */
  readonly ssl: TlsOptions | null
  readonly sasl: SaslOptions | null
  readonly socketFactory: SocketFactory
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly connectionTimeout: number
  readonly authenticationTimeout: number
  readonly requestTimeout: number
  readonly metadataMaxAge: number
  readonly allowAutoTopicCreation: boolean
  readonly retry: {
    readonly retries: number
    readonly initialRetryTime: number
    readonly maxRetryTime: number
  }
}

interface RequestQueue {
  readonly pending: readonly unknown[]
  scheduleCheckPendingRequests(): void
}

const ClusterOfKafkaJs: new (options: ClusterOptions) => Cluster = require('kafkajs/src/cluster/index.js')
const EncoderOfKafkaJs: new (size?: number) => Encoder = require('kafkajs/src/protocol/encoder.js')
const { createErrorFromCode: errorFromCode }: { createErrorFromCode: (code: number) => KafkaError } =
  require('kafkajs/src/protocol/error.js')
const { requests: requestsOfKafkaJs } = require('kafkajs/src/protocol/requests/index.js')
const { createLogger, LEVELS } = require('kafkajs/src/loggers/index.js')
const { MemberMetadata, MemberAssignment } = require('kafkajs/src/consumer/assignerProtocol.js')
const defaultSocketFactory: () => SocketFactory = require('kafkajs/src/network/socketFactory.js')

mendConnections()
mendHandshake()

// After each answer KafkaJS arms a timer for throttled requests, with a negative delay when there is none: Node 24
// prints a TimeoutNegativeWarning. Nothing waits then, so no timer is needed.
const { prototype: queue }: { prototype: RequestQueue } = require('kafkajs/src/network/requestQueue/index.js')
const schedule = queue.scheduleCheckPendingRequests
queue.scheduleCheckPendingRequests = function (this: RequestQueue) {
  if (this.pending.length > 0) schedule.call(this)
}

/** What came after KafkaJS: topics are known by ids, and one that was deleted or made anew has not the one asked for. */
const NEWER_ERRORS: ReadonlyMap<number, { readonly type: string; readonly message: string }> = new Map([
  [100, { type: 'UNKNOWN_TOPIC_ID', message: 'The topic was deleted, or made anew' }],
  [103, { type: 'INCONSISTENT_TOPIC_ID', message: 'The topic was made anew' }],
])

export function createErrorFromCode(code: number): KafkaError {
  const newer = NEWER_ERRORS.get(code)
  return newer === undefined
    ? errorFromCode(code)
    : Object.assign(new Error(newer.message), newer, { retriable: true })
}

export function createEncoder(size?: number): Encoder {
  return new EncoderOfKafkaJs(size)
}

export function createSocketFactory(): SocketFactory {
  return defaultSocketFactory()
}

/**
 * A cluster that prints nothing and retries next to nothing: who calls it knows what is worth waiting for.
 * `requestMetadata` takes the place of KafkaJS's own request, unless it answers null.
 */
export function createCluster(options: {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly ssl: TlsOptions | null
  readonly sasl: SaslOptions | null
  readonly socketFactory: SocketFactory
  readonly requestMetadata: (broker: Broker, topics: readonly string[]) => Promise<Metadata> | null
  readonly onLog: (line: string) => void
}): Cluster {
  const write = ({ namespace, label, log }: LogEntry) =>
    options.onLog(`kafkajs ${label.toLowerCase()} [${namespace}] ${log.message}`)
  const cluster = new ClusterOfKafkaJs({
    logger: createLogger({ level: LEVELS.WARN, logCreator: () => write }),
    socketFactory: options.socketFactory,
    brokers: options.brokers,
    clientId: options.clientId,
    ssl: options.ssl,
    sasl: options.sasl,
    connectionTimeout: 5_000,
    authenticationTimeout: 10_000,
    requestTimeout: 15_000,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    // One attempt for each address of the list, since each attempt takes the next one.
    retry: { retries: options.brokers.length, initialRetryTime: 50, maxRetryTime: 500 },
  })
  const { brokerPool } = cluster
  const createBroker = brokerPool.createBroker
  brokerPool.createBroker = (ofBroker) => {
    const broker = createBroker(ofBroker)
    const ask = broker.metadata.bind(broker)
    broker.metadata = async (topics) => (await options.requestMetadata(broker, topics)) ?? ask(topics)
    return broker
  }
  return cluster
}

const JOIN_GROUP = 11
const LEAVE_GROUP = 13

/** KafkaJS's own asks again by itself, and keeps the id from who may have to leave before the answer has come. */
export async function joinGroupOnce(broker: Broker, request: JoinRequest): Promise<JoinAnswer> {
  const exchange = broker.lookupRequest<
    JoinRequest & { readonly protocolType: string },
    Omit<JoinAnswer & { readonly type: 'joined' }, 'type'>
  >(
    JOIN_GROUP,
    requestsOfKafkaJs.JoinGroup,
  )({ ...request, protocolType: 'consumer' })
  try {
    return { type: 'joined', ...(await broker.connectionPool.send(exchange)) }
  } catch (error) {
    const { name, memberId } = error as { readonly name?: string; readonly memberId?: string }
    if (name === 'KafkaJSMemberIdRequired') return { type: 'id-required', memberId: memberId! }
    // As KafkaJS does after requests of its own: both of a broker's connections go together.
    if (name === 'KafkaJSConnectionClosedError') await broker.disconnect()
    throw error
  }
}

/** Over the connection of the fetches: on the other one a broker answers nothing while a join waits for its answer. */
export async function leaveGroupAside(
  broker: Broker,
  request: { readonly groupId: string; readonly memberId: string },
): Promise<void> {
  const connection = await broker.connectionPool.getConnection(1)
  await connection.send(
    broker.lookupRequest<typeof request, unknown>(LEAVE_GROUP, requestsOfKafkaJs.LeaveGroup)(request),
  )
}

/** What a member of a group says of itself, and what it is told: the consumer protocol, so that tools can show it. */
export function encodeMemberMetadata(topic: string, share: readonly number[]): Buffer {
  return MemberMetadata.encode({ version: 0, topics: [topic], userData: Buffer.from(JSON.stringify(share)) })
}

/** The partitions that a member says it reads; none when it does not say so. */
export function decodeMemberMetadata(bytes: Buffer): readonly number[] {
  const userData: Buffer | null = MemberMetadata.decode(bytes).userData
  try {
    const share: unknown = JSON.parse(String(userData ?? '[]'))
    return Array.isArray(share) ? share.filter(Number.isInteger) : []
  } catch {
    return []
  }
}

export function encodeAssignment(topic: string, partitions: readonly number[]): Buffer {
  return MemberAssignment.encode({ version: 0, assignment: { [topic]: partitions } })
}

export function decodeAssignment(bytes: Buffer, topic: string): readonly number[] {
  return MemberAssignment.decode(bytes)?.assignment[topic] ?? []
}
