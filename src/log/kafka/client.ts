// Connections to one Kafka cluster: layouts of topics, brokers by id, and an end that waits for nobody.

import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorType, explain, isTransient } from './errors.ts'
import {
  type Broker,
  createCluster,
  createErrorFromCode,
  createSocketFactory,
  type SocketFactory,
} from './kafkajs.ts'
import { type KafkaLogin, loginToSasl } from './login.ts'
import { requestMetadata } from './metadata.ts'
import { type KafkaTls, noticeTls, tlsToOptions } from './tls.ts'

/** How to reach a cluster. */
export interface KafkaConnection {
  /** `host:port` of some of its brokers. */
  readonly brokers: readonly string[]
  /** Absent: no TLS. */
  readonly tls?: KafkaTls
  /** Absent: no SASL. */
  readonly login?: KafkaLogin
}

export interface TopicPartition {
  readonly partition: number
  /** The id of its topic: another one when the topic was made anew. Null where the brokers are too old to tell. */
  readonly topicId: string | null
  /** The broker that leads it; -1 while there is none. */
  readonly leader: number
  readonly replicas: number
}

export interface KafkaClient {
  /** The partitions of a topic, ascending, asked for anew; null when there is no such topic. */
  layout(topic: string): Promise<readonly TopicPartition[] | null>
  broker(nodeId: number): Promise<Broker>
  anyBroker(): Promise<Broker>
  controller(): Promise<Broker>
  brokerCount(): Promise<number>
  /** The broker that keeps a group; of those that `layout` made known. */
  coordinator(group: string): Promise<Broker>
  /** Ends every connection at once; requests that wait for an answer fail. */
  close(): Promise<void>
}

const NO_BROKER = -1
const LEADER_NOT_AVAILABLE = 5

export interface ClientOptions {
  readonly connection: KafkaConnection
  readonly clientId: string
  readonly onLog: (line: string) => void
}

export function createClient({ connection, clientId, onLog }: ClientOptions): KafkaClient {
  const sockets = new Set<Socket>()
  let isClosed = false
  const openSocket = createSocketFactory()
  const socketFactory: SocketFactory = (options) => {
    const socket = openSocket(options)
    // Requests are small, and the next answer waits for each.
    socket.setNoDelay(true)
    if (connection.tls === undefined) noticeTls(socket)
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    if (isClosed) socket.destroy(new Error('the client is closed'))
    return socket
  }
  const cluster = createCluster({
    brokers: connection.brokers,
    clientId,
    ssl: connection.tls === undefined ? null : tlsToOptions(connection.tls),
    sasl: connection.login === undefined ? null : loginToSasl(connection.login),
    socketFactory,
    requestMetadata,
    onLog: (line) => isClosed || onLog(line),
  })
  const { brokerPool } = cluster

  const connected = async () => {
    if (isClosed) throw new Error('the log is closed')
    await cluster.connect()
  }
  let refreshed: Promise<unknown> = Promise.resolve()
  /** One after the other: the answer is left where the next one is, and two topics that are asked for at once lose one. */
  const refresh = (topics: readonly string[]) => {
    const turn = refreshed.then(async () => {
      await connected()
      await brokerPool.refreshMetadata(topics)
      return brokerPool.metadata!
    })
    refreshed = turn.catch(() => {})
    return turn
  }

  return {
    async layout(topic) {
      try {
        const { topicMetadata } = await refresh([topic])
        const found = topicMetadata.find((metadata) => metadata.topic === topic)
        if (found === undefined) return null
        if (found.topicErrorCode !== 0) throw createErrorFromCode(found.topicErrorCode)
        const partitions = found.partitionMetadata.map(({ partitionId, leader, replicas }) => ({
          partition: partitionId,
          topicId: found.topicId ?? null,
          leader,
          replicas: replicas.length,
        }))
        return partitions.sort((a, b) => a.partition - b.partition)
      } catch (error) {
        if (errorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return null
        throw error
      }
    },
    async broker(nodeId) {
      await connected()
      if (nodeId === NO_BROKER) throw createErrorFromCode(LEADER_NOT_AVAILABLE)
      return brokerPool.findBroker({ nodeId })
    },
    async anyBroker() {
      await connected()
      return brokerPool.findConnectedBroker()
    },
    async controller() {
      const { controllerId } = await refresh([])
      return brokerPool.findBroker({ nodeId: controllerId })
    },
    async brokerCount() {
      return (await refresh([])).brokers.length
    },
    async coordinator(group) {
      await connected()
      const asked = await brokerPool.findConnectedBroker()
      const { coordinator } = await asked.findGroupCoordinator({ groupId: group, coordinatorType: 0 })
      return brokerPool.findBroker({ nodeId: coordinator.nodeId })
    },
    async close() {
      isClosed = true
      // KafkaJS would wait for the answers to all requests; a long poll, or a dead broker's, may take long.
      for (const socket of sockets) socket.destroy(new Error('the client is closed'))
      await cluster.disconnect()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Tries again what failed for a reason that may pass, for `forMs`; then throws, saying what was attempted. */
export async function withRetry<T>(
  attempt: string,
  options: { readonly forMs: number; readonly signal: AbortSignal },
  task: () => Promise<T>,
): Promise<T> {
  const until = performance.now() + options.forMs
  for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 1_000)) {
    try {
      return await task()
    } catch (error) {
      if (options.signal.aborted) throw new Error('the log is closed')
      if (!isTransient(error) || performance.now() + delayMs > until) throw explain(attempt, error)
      await pause(delayMs, options.signal)
    }
  }
}

/** Waits; ends early, without an error, when the signal is aborted. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(delayMs, undefined, { signal }).catch(() => {})
}
