// One Kafka broker, its own controller (KRaft), as a plain process.

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import {
  type OrderlyStop,
  type Service,
  type StartOptions,
  startService,
} from '../../src/embedded/service.ts'
import { javaProgram, kafkaJars } from './maven.ts'

const run = promisify(execFile)

export const kafkaStop: OrderlyStop = { signal: 'SIGTERM', timeoutMs: 30_000 }

export interface KafkaService extends Service {
  readonly brokers: readonly string[]
}

export interface KafkaOptions extends StartOptions {
  /** Set over what a single broker needs: listeners on further ports, an authorizer. */
  readonly broker?: {
    readonly ports: number
    properties(ports: readonly number[]): Readonly<Record<string, string>>
  }
}

export async function startKafka(options: KafkaOptions): Promise<KafkaService> {
  const dir = resolve(options.dir)
  const data = join(dir, 'data')
  const config = join(dir, 'server.properties')
  const java = javaProgram('Kafka')
  const classpath = join(await kafkaJars(), '*')
  const service = await startService(
    {
      name: 'Kafka',
      dir,
      logFile: join(dir, 'kafka.log'),
      portCount: 2 + (options.broker?.ports ?? 0),
      orderly: kafkaStop,
      orphan: { signal: 'KILL' },
      async prepare(ports) {
        const more = options.broker?.properties(ports)
        const properties = (dataDir: string) => brokerProperties(ports, dataDir, more)
        if (!existsSync(data)) await format(java, classpath, dir, data, properties)
        writeFileSync(config, properties(data))
        const logging = [
          'defaultLogLevel=warn',
          'showDateTime=true',
          'dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS',
        ]
        const args = ['-Xmx512m', ...logging.map((option) => `-Dorg.slf4j.simpleLogger.${option}`)]
        return {
          file: java,
          args: [...args, '-cp', classpath, 'kafka.Kafka', config],
          cwd: dir,
          logFile: join(dir, 'kafka.log'),
        }
      },
      answers: async (ports) => (await clusterId(ports[0]!)) === formattedClusterId(data),
    },
    options,
  )
  return Object.assign(service, { brokers: [`127.0.0.1:${service.port}`] })
}

/** The id of the cluster that answers at this port; undefined as long as none does. */
export async function clusterId(port: number): Promise<string | undefined> {
  const kafka = new Kafka({
    clientId: 'spindexer-services',
    brokers: [`127.0.0.1:${port}`],
    connectionTimeout: 1_000,
    requestTimeout: 3_000,
    retry: { retries: 0 },
    logLevel: logLevel.NOTHING,
  })
  const admin = kafka.admin()
  try {
    await admin.connect()
    const cluster = await admin.describeCluster()
    // A broker that is listed is not fenced any more: it takes produce and fetch requests.
    return cluster.brokers.length > 0 ? cluster.clusterId : undefined
  } catch {
    return undefined
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

function formattedClusterId(data: string): string | undefined {
  return /^cluster\.id=(.+)$/m.exec(readFileSync(join(data, 'meta.properties'), 'utf8'))?.[1]
}

/** Formats beside and renames: a directory half formatted would never start. */
async function format(
  java: string,
  classpath: string,
  dir: string,
  data: string,
  properties: (dataDir: string) => string,
) {
  const fresh = join(dir, 'data.new')
  const config = join(dir, 'format.properties')
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh)
  writeFileSync(config, properties(fresh))
  const args = [
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
  ]
  args.push('-cp', classpath, 'kafka.tools.StorageTool')
  await run(java, [...args, 'format', '-t', newClusterId(), '-c', config])
  rmSync(config)
  renameSync(fresh, data)
}

/** A uuid in Kafka's notation. One that begins with a dash would be read as an option. */
export function newClusterId(): string {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url').replace(/^-/, '_')
}

/** What a single broker needs; anything else is Kafka's default. */
export function brokerProperties(
  [port, controllerPort]: readonly number[],
  data: string,
  more: Readonly<Record<string, string>> = {},
): string {
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    // In a properties file a backslash begins an escape.
    'log.dirs': data.replaceAll('\\', '\\\\'),
    'auto.create.topics.enable': false,
    // A broker that comes back after SIGKILL is let in when its old session ends: 9 s by default.
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 1_000,
    'offsets.topic.replication.factor': 1,
    // 50 by default: as many directories more on disk, loaded at each start.
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    ...more,
  }
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`)
  return `${lines.join('\n')}\n`
}
