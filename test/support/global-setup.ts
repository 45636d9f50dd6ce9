// What one vitest run shares: real services, each started when the first test asks, all ended at the end.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startKafka } from '../../scripts/services/kafka.ts'
import { startPostgres } from '../../scripts/services/postgres.ts'
import { startRegistry } from '../../scripts/services/registry.ts'
import type { Service } from '../../scripts/services/service.ts'
import { createTemporaryDir, type TemporaryDir } from '../../scripts/services/temporary-dir.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where a test asks for a shared service. */
    servicesUrl: string
  }
}

const starters = {
  kafka: (dir: string) => startKafka({ dir, removeDirWhenOrphaned: true }),
  registry: (dir: string) => startRegistry({ dir, removeDirWhenOrphaned: true }),
  postgres15: (dir: string) => startPostgres({ dir, version: 15, removeDirWhenOrphaned: true }),
  postgres18: (dir: string) => startPostgres({ dir, version: 18, removeDirWhenOrphaned: true }),
}

/**
 * Tests run in processes of their own and this in the one above them, so this one owns the services and
 * answers GET /<name> with the address once the service is up. A run that asks for none starts none.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let dir: TemporaryDir | undefined
  const started = new Map<string, Promise<Service>>()

  const server = createServer(async (request, response) => {
    const name = request.url?.slice(1) ?? ''
    try {
      if (!isName(name)) throw new Error(`no such service: ${name}`)
      dir ??= createTemporaryDir('test')
      const service = started.get(name) ?? starters[name](join(dir.path, name))
      started.set(name, service)
      response.end(JSON.stringify(await service))
    } catch (error) {
      response.statusCode = 500
      response.end(error instanceof Error ? error.message : String(error))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  project.provide('servicesUrl', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)

  return async () => {
    server.close()
    server.closeAllConnections()
    const services = await Promise.allSettled(started.values())
    // Nobody needs their data any more, so nothing is gained by an orderly end.
    await Promise.all(services.map((one) => one.status === 'fulfilled' && one.value.kill('SIGKILL')))
    dir?.remove()
  }
}

function isName(name: string): name is keyof typeof starters {
  return Object.hasOwn(starters, name)
}
