// One Apicurio Registry, which speaks Confluent's API, with its data in a file.
import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import {
  type OrderlyStop,
  type Service,
  type StartOptions,
  startService,
} from '../../src/embedded/service.ts'
import { javaProgram, registryJarFile } from './maven.ts'

export const registryStop: OrderlyStop = { signal: 'SIGTERM', timeoutMs: 20_000 }

export interface RegistryService extends Service {
  /** For SCHEMA_REGISTRY_URL and for clients of Confluent's API. */
  readonly url: string
}

const ownerHeader = 'x-spindexer-instance'

export async function startRegistry(options: StartOptions): Promise<RegistryService> {
  const dir = resolve(options.dir)
  const java = javaProgram('the schema registry')
  const jar = await registryJarFile()
  const instance = randomBytes(8).toString('hex')
  const service = await startService(
    {
      name: 'schema registry',
      dir,
      logFile: join(dir, 'registry.log'),
      portCount: 1,
      orderly: registryStop,
      orphan: { signal: 'KILL' },
      async prepare([port]) {
        const settings = {
          'quarkus.http.host': '127.0.0.1',
          'quarkus.http.port': port,
          [`quarkus.http.header."${ownerHeader}".value`]: instance,
          'quarkus.http.access-log.enabled': false,
          'quarkus.banner.enabled': false,
          'quarkus.log.level': 'WARN',
          'quarkus.log.category."io.apicurio".level': 'WARN',
          'java.io.tmpdir': dir,
          // Relative to cwd: a `;` in the path of the checkout would end the path in a JDBC URL.
          'apicurio.datasource.url': 'jdbc:h2:file:./data/registry',
        }
        const properties = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)
        // Small and soon up matters here, throughput does not: one thread's collector, no second compiler.
        const args = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...properties, '-jar', jar]
        return { file: java, args, cwd: dir, logFile: join(dir, 'registry.log') }
      },
      answers: async ([port]) => (await answeredBy(registryUrl(port!)))?.instance === instance,
    },
    options,
  )
  return Object.assign(service, { url: registryUrl(service.port) })
}

export function registryUrl(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`
}

/** Undefined unless a registry lists its subjects at this URL; the instance tells ours from a neighbour's. */
export async function answeredBy(url: string): Promise<{ instance: string | null } | undefined> {
  try {
    const response = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(3_000) })
    if (!response.ok || !Array.isArray(await response.json())) return undefined
    return { instance: response.headers.get(ownerHeader) }
  } catch {
    return undefined
  }
}
