// Several Kafka brokers and their controller, each in a container, all in one network of their own.

import { imageOf } from '../../../scripts/services/images.ts'
import { newClusterId } from '../../../scripts/services/kafka.ts'
import {
  brokerProperties,
  controllerProperties,
  isAnswering,
  type Layout,
} from '../../../scripts/services/kafka-cluster.ts'
import type { KafkaBroker, KafkaCluster } from '../services.ts'
import { type ContainerService, type ContainerSpec, startContainer } from './container.ts'
import { kafkaData, kafkaSettings, reachable } from './services.ts'

/** Each broker has one to live at and one to move to. */
const PORTS_PER_BROKER = 2

interface Shared extends Layout {
  readonly run: string
  readonly dir: string
  readonly clusterId: string
  /** Whose network all live in: what it publishes is theirs, and 127.0.0.1 is the same to all. */
  readonly network: ContainerService
}

export async function startKafkaCluster(
  run: string,
  { dir, brokerCount }: { readonly dir: string; readonly brokerCount: number },
): Promise<KafkaCluster> {
  const network = await startContainer(run, {
    name: 'network of Kafka',
    image: imageOf('kafka'),
    dir,
    portCount: 1 + brokerCount * PORTS_PER_BROKER,
    environment: {},
    command: ['sleep', 'infinity'],
    stopTimeoutMs: 10_000,
    answers: async () => true,
  })
  const shared: Shared = {
    run,
    dir,
    network,
    clusterId: newClusterId(),
    controllerPort: network.port,
    brokerCount,
  }
  const controller = await startNode(shared, {
    name: 'controller',
    heap: '-Xmx192m',
    ports: [shared.controllerPort],
    properties: controllerProperties(shared, kafkaData),
    answers: async () => true,
  })
  const nodes = await Promise.all(
    Array.from({ length: brokerCount }, (_, i) => startBroker(shared, i + 1, 0)),
  )
  const node = (nodeId: number) => nodes[nodeId - 1]!
  return {
    get brokers() {
      return nodes.map(({ address }) => address)
    },
    get nodes() {
      return [...nodes]
    },
    controller,
    node,
    async move(nodeId) {
      const before = node(nodeId)
      await before.stop()
      const [home] = portsOf(shared, nodeId)
      nodes[nodeId - 1] = await startBroker(shared, nodeId, before.port === home ? 1 : 0)
    },
    async kill() {
      await Promise.all([controller, ...nodes].map((service) => service.kill('SIGKILL')))
    },
  }
}

function portsOf({ network }: Shared, nodeId: number): readonly number[] {
  const from = 1 + (nodeId - 1) * PORTS_PER_BROKER
  return network.ports.slice(from, from + PORTS_PER_BROKER)
}

async function startBroker(shared: Shared, nodeId: number, which: number): Promise<KafkaBroker> {
  const name = `broker-${nodeId}`
  const port = portsOf(shared, nodeId)[which]!
  const service = await startNode(shared, {
    name,
    heap: '-Xmx320m',
    ports: [port],
    properties: brokerProperties(shared, kafkaData, nodeId, port),
    answers: () => isAnswering(port),
  })
  return {
    ...service,
    nodeId,
    address: `127.0.0.1:${port}`,
  }
}

interface Role {
  readonly name: string
  readonly heap: string
  readonly ports: readonly number[]
  readonly properties: string
  readonly answers: ContainerSpec['answers']
}

function startNode(shared: Shared, role: Role): Promise<ContainerService> {
  return startContainer(
    shared.run,
    {
      name: `Kafka ${role.name}`,
      image: imageOf('kafka'),
      dir: `${shared.dir}/${role.name}`,
      portCount: 1,
      dataPath: kafkaData,
      environment: { CLUSTER_ID: shared.clusterId, KAFKA_HEAP_OPTS: role.heap },
      files: () => ({ [kafkaSettings]: reachable(role.properties) }),
      networkOf: shared.network.id,
      stopTimeoutMs: 30_000,
      answers: role.answers,
    },
    role.ports,
  )
}
