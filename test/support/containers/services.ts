// Kafka, Postgres and the registry for tests, each in a container of its official image.

import { imageOf, postgresImage } from '../../../scripts/services/images.ts'
import {
  brokerProperties,
  clusterId,
  type KafkaOptions,
  newClusterId,
} from '../../../scripts/services/kafka.ts'
import type { PostgresOptions } from '../../../scripts/services/postgres.ts'
import { answeredBy, registryUrl } from '../../../scripts/services/registry.ts'
import { dataDirectory } from '../../../src/embedded/server.ts'
import type { StartOptions } from '../../../src/embedded/service.ts'
import { postgresUrl } from '../../../src/embedded/url.ts'
import type { KafkaService, PostgresService, RegistryService } from '../services.ts'
import { startContainer } from './container.ts'

export const kafkaData = '/var/lib/kafka/data'
/** What the image's own start-up takes its settings from. */
export const kafkaSettings = '/mnt/shared/config/server.properties'

const registryData = '/data'

/** `run` is the label of what belongs to this run of the tests. */
export async function startKafka(run: string, options: KafkaOptions): Promise<KafkaService> {
  const service = await startContainer(
    run,
    {
      name: 'Kafka',
      image: imageOf('kafka'),
      dir: options.dir,
      portCount: 2 + (options.broker?.ports ?? 0),
      dataPath: kafkaData,
      // Where the volume has a cluster already, that one's id stays.
      environment: { CLUSTER_ID: newClusterId(), KAFKA_HEAP_OPTS: '-Xmx512m' },
      files: (ports) => ({
        [kafkaSettings]: reachable(brokerProperties(ports, kafkaData, options.broker?.properties(ports))),
      }),
      stopTimeoutMs: 30_000,
      answers: async ([port]) => (await clusterId(port!)) !== undefined,
    },
    options.ports,
  )
  return Object.assign(service, { brokers: [`127.0.0.1:${service.port}`] })
}

/** In a container the loopback is its own: what listens there is not reached by a published port. */
export function reachable(properties: string): string {
  return properties.replace(/^listeners=.*$/m, (line) => line.replaceAll('//127.0.0.1:', '//0.0.0.0:'))
}

export async function startPostgres(run: string, options: PostgresOptions): Promise<PostgresService> {
  const { version, password } = options
  const service = await startContainer(
    run,
    {
      name: `Postgres ${version}`,
      image: postgresImage(version),
      dir: options.dir,
      portCount: 1,
      containerPorts: () => [5432],
      // From 18 on the image keeps each version's data in a directory below.
      dataPath: version >= 18 ? '/var/lib/postgresql' : '/var/lib/postgresql/data',
      environment: {
        ...(password ? { POSTGRES_PASSWORD: password } : { POSTGRES_HOST_AUTH_METHOD: 'trust' }),
        POSTGRES_INITDB_ARGS: '--locale=C -E UTF8',
        TZ: 'UTC',
      },
      command: ['postgres', '-c', 'max_connections=200'],
      stopTimeoutMs: 30_000,
      answers: async ([port]) => (await dataDirectory(postgresUrl(port!, password))) !== undefined,
    },
    options.ports,
  )
  const stop = (mode: 'fast' | 'immediate' = 'fast') =>
    mode === 'immediate' ? service.end('SIGQUIT') : service.stop()
  return {
    ...service,
    url: postgresUrl(service.port, password),
    stop,
    killProcess: async (pid) => void (await service.exec(['sh', '-c', `kill -KILL ${pid}`], 'postgres')),
    touch: async (name) => void (await service.exec(['sh', '-c', `touch "$PGDATA/${name}"`], 'postgres')),
  }
}

export async function startRegistry(run: string, options: StartOptions): Promise<RegistryService> {
  const service = await startContainer(
    run,
    {
      name: 'schema registry',
      image: imageOf('registry'),
      dir: options.dir,
      portCount: 1,
      containerPorts: () => [8080],
      dataPath: registryData,
      // A new volume is root's.
      user: 'root',
      environment: {
        JAVA_TOOL_OPTIONS: '-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1',
        QUARKUS_LOG_LEVEL: 'WARN',
        APICURIO_DATASOURCE_URL: `jdbc:h2:file:${registryData}/registry`,
      },
      stopTimeoutMs: 20_000,
      answers: async ([port]) => (await answeredBy(registryUrl(port!))) !== undefined,
    },
    options.ports,
  )
  return Object.assign(service, { url: registryUrl(service.port) })
}
