// Several Kafka brokers and their controller (KRaft), each a plain process of its own, for tests that kill some of them.

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import { choosePort } from '../../src/embedded/ports.ts'
import { type Service, type ServiceSpec, startService } from '../../src/embedded/service.ts'
import { kafkaStop } from './kafka.ts'
import { javaProgram, kafkaJars } from './maven.ts'

const run = promisify(execFile)

export interface KafkaBroker extends Service {
  readonly nodeId: number
  /** `host:port`, as its clients know it. */
  readonly address: string
  /** Its wipe() throws away what it keeps: it comes back empty at the next restart. It must have ended. */
  readonly disk: { wipe(): Promise<void> }
}

export interface KafkaCluster {
  /** The addresses of all brokers. */
  readonly brokers: readonly string[]
  readonly nodes: readonly KafkaBroker[]
  readonly controller: Service
  /** The broker with this id. */
  node(nodeId: number): KafkaBroker
  /** Ends a broker in good order and starts it again with its disk, at another address. */
  move(nodeId: number): Promise<void>
  /** Ends all processes at once. */
  kill(): Promise<void>
}

/** Brokers are numbered from 1. */
const CONTROLLER_ID = 100

/** What all nodes of a cluster must know alike. */
export interface Layout {
  readonly controllerPort: number
  readonly brokerCount: number
}

interface Shared extends Layout {
  readonly dir: string
  readonly java: string
  readonly classpath: string
  readonly clusterId: string
}

/** Starts `brokerCount` brokers and one controller; ends with this process, and `dir` is removed when that crashes. */
export async function startKafkaCluster(options: {
  readonly dir: string
  readonly brokerCount: number
}): Promise<KafkaCluster> {
  const dir = resolve(options.dir)
  mkdirSync(dir, { recursive: true })
  const shared: Shared = {
    dir,
    java: javaProgram('Kafka'),
    classpath: join(await kafkaJars(), '*'),
    // Kafka's notation of a uuid; one that begins with a dash would be read as an option.
    clusterId: Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url').replace(/^-/, '_'),
    controllerPort: await choosePort(),
    brokerCount: options.brokerCount,
  }
  const ids = Array.from({ length: options.brokerCount }, (_, i) => i + 1)
  const brokersById = new Map<number, KafkaBroker>()
  const startNode = async (id: number) => void brokersById.set(id, await startBroker(shared, id))
  const controller = await startController(shared)
  const kill = async () => {
    await Promise.all([controller, ...brokersById.values()].map((service) => service.kill('SIGKILL')))
  }
  const outcomes = await Promise.allSettled(ids.map(startNode))
  const failed = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failed !== undefined) {
    await kill()
    throw failed.reason
  }
  const nodes = () => ids.map((id) => brokersById.get(id)!)
  return {
    get brokers() {
      return nodes().map(({ address }) => address)
    },
    get nodes() {
      return nodes()
    },
    controller,
    node: (nodeId) => brokersById.get(nodeId)!,
    async move(nodeId) {
      await brokersById.get(nodeId)!.stop()
      await startNode(nodeId)
    },
    kill,
  }
}

function startController(shared: Shared): Promise<Service> {
  const dir = join(shared.dir, 'controller')
  const spec = createSpec(shared, {
    name: 'Kafka controller',
    dir,
    heap: '-Xmx192m',
    properties: () => controllerProperties(shared, join(dir, 'data')),
    // It speaks no protocol of clients; the brokers answer only when it does.
    answers: async () => true,
    portCount: 1,
  })
  return startService(spec, { dir, ports: [shared.controllerPort], removeDirWhenOrphaned: true })
}

async function startBroker(shared: Shared, nodeId: number): Promise<KafkaBroker> {
  const dir = join(shared.dir, `broker-${nodeId}`)
  const data = join(dir, 'data')
  const spec = createSpec(shared, {
    name: `Kafka broker ${nodeId}`,
    dir,
    heap: '-Xmx320m',
    properties: ([port]) => brokerProperties(shared, data, nodeId, port!),
    answers: ([port]) => isAnswering(port!),
    portCount: 1,
  })
  const service = await startService(spec, { dir, removeDirWhenOrphaned: true })
  return Object.defineProperties(
    {
      nodeId,
      address: `127.0.0.1:${service.port}`,
      disk: { wipe: async () => rmSync(data, { recursive: true }) },
    },
    Object.getOwnPropertyDescriptors(service),
  ) as KafkaBroker
}

interface Role {
  readonly name: string
  readonly dir: string
  readonly heap: string
  readonly portCount: number
  /** The text of its settings. */
  properties(ports: readonly number[]): string
  answers(ports: readonly number[]): Promise<boolean>
}

function createSpec(shared: Shared, role: Role): ServiceSpec {
  const { java, classpath } = shared
  const config = join(role.dir, 'server.properties')
  const logFile = join(role.dir, 'kafka.log')
  const data = join(role.dir, 'data')
  const logging = ['defaultLogLevel=warn', 'showDateTime=true', 'dateTimeFormat=HH:mm:ss.SSS']
  const small = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', role.heap]
  const args = [...small, ...logging.map((one) => `-Dorg.slf4j.simpleLogger.${one}`), '-cp', classpath]
  return {
    name: role.name,
    dir: role.dir,
    logFile,
    portCount: role.portCount,
    orderly: kafkaStop,
    orphan: { signal: 'KILL' },
    async prepare(ports) {
      writeFileSync(config, role.properties(ports))
      if (!existsSync(join(data, 'meta.properties'))) {
        await run(java, [...args, 'kafka.tools.StorageTool', 'format', '-t', shared.clusterId, '-c', config])
      }
      return { file: java, args: [...args, 'kafka.Kafka', config], cwd: role.dir, logFile }
    },
    answers: role.answers,
  }
}

/** The settings of the controller, whose data is in `data`. */
export function controllerProperties(layout: Layout, data: string): string {
  return toText({
    ...commonProperties(layout, data),
    'process.roles': 'controller',
    'node.id': CONTROLLER_ID,
    listeners: `CONTROLLER://127.0.0.1:${layout.controllerPort}`,
  })
}

/** The settings of a broker, whose clients know it by `port` on 127.0.0.1. */
export function brokerProperties(layout: Layout, data: string, nodeId: number, port: number): string {
  return toText({
    ...commonProperties(layout, data),
    'process.roles': 'broker',
    'node.id': nodeId,
    listeners: `PLAINTEXT://127.0.0.1:${port}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
  })
}

function toText(properties: Readonly<Record<string, string | number | boolean>>): string {
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`)
  return `${lines.join('\n')}\n`
}

function commonProperties(layout: Layout, data: string): Readonly<Record<string, string | number | boolean>> {
  const copies = Math.min(3, layout.brokerCount)
  return {
    'controller.quorum.voters': `${CONTROLLER_ID}@127.0.0.1:${layout.controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    // In a properties file a backslash begins an escape.
    'log.dirs': data.replaceAll('\\', '\\\\'),
    'auto.create.topics.enable': false,
    // By default a dead broker is noticed after 9 s and a slow replica is left behind after 30 s.
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 1_000,
    'replica.lag.time.max.ms': 5_000,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 3,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': Math.min(2, copies),
    'transaction.state.log.num.partitions': 3,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': Math.min(2, copies),
    'group.initial.rebalance.delay.ms': 0,
    'num.network.threads': 2,
    'num.io.threads': 4,
  }
}

/** True once the broker at this port answers: it does only when its controller has let it in. */
export async function isAnswering(port: number): Promise<boolean> {
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
    return true
  } catch {
    return false
  } finally {
    await admin.disconnect().catch(() => {})
  }
}
