// What one vitest run shares: real services, each started when the first test asks, all ended at the end.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { findEngine } from '../../scripts/services/engine.ts'
import * as nativeKafka from '../../scripts/services/kafka.ts'
import * as nativePostgres from '../../scripts/services/postgres.ts'
import * as nativeRegistry from '../../scripts/services/registry.ts'
import type { Kind } from '../../scripts/services/stack.ts'
import { createTemporaryDir, type TemporaryDir } from '../../scripts/services/temporary-dir.ts'
import type { TestService } from './services.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where a test asks for a shared service. */
    servicesUrl: string
    /** How services run, and the mark of all containers of this run. */
    servicesRun: { readonly kind: Kind; readonly id: string }
  }
}

type Starters = Readonly<Record<string, (dir: string) => Promise<TestService>>>

const native: Starters = {
  kafka: (dir) => nativeKafka.startKafka({ dir, removeDirWhenOrphaned: true }),
  registry: (dir) => nativeRegistry.startRegistry({ dir, removeDirWhenOrphaned: true }),
  postgres15: (dir) => nativePostgres.startPostgres({ dir, version: 15, removeDirWhenOrphaned: true }),
  postgres18: (dir) => nativePostgres.startPostgres({ dir, version: 18, removeDirWhenOrphaned: true }),
}

async function inContainers(id: string): Promise<Starters> {
  const containers = await import('./containers/services.ts')
  return {
    kafka: (dir) => containers.startKafka(id, { dir }),
    registry: (dir) => containers.startRegistry(id, { dir }),
    postgres15: (dir) => containers.startPostgres(id, { dir, version: 15 }),
    postgres18: (dir) => containers.startPostgres(id, { dir, version: 18 }),
  }
}

/**
 * Tests run in processes of their own and this in the one above them, so this one owns the services and
 * answers GET /<name> with the address once the service is up. A run that asks for none starts none.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const kind = await chooseKind()
  const id = randomBytes(6).toString('hex')
  const starters = kind === 'docker' ? await inContainers(id) : native
  let dir: TemporaryDir | undefined
  const started = new Map<string, Promise<TestService>>()

  const server = createServer(async (request, response) => {
    const name = request.url?.slice(1) ?? ''
    try {
      if (!Object.hasOwn(starters, name)) throw new Error(`no such service: ${name}`)
      dir ??= createTemporaryDir('test')
      const service = started.get(name) ?? starters[name]!(join(dir.path, name))
      started.set(name, service)
      response.end(JSON.stringify(await service))
    } catch (error) {
      response.statusCode = 500
      response.end(error instanceof Error ? error.message : String(error))
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  project.provide('servicesUrl', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  project.provide('servicesRun', { kind, id })

  return async () => {
    server.close()
    server.closeAllConnections()
    const services = await Promise.allSettled(started.values())
    // Nobody needs their data any more, so nothing is gained by an orderly end.
    if (kind === 'docker') await (await import('./containers/container.ts')).removeContainers(id)
    else await Promise.all(services.map((one) => one.status === 'fulfilled' && one.value.kill('SIGKILL')))
    dir?.remove()
  }
}

/** As SERVICES says, else in containers where an engine answers. */
async function chooseKind(): Promise<Kind> {
  const wanted = process.env.SERVICES || undefined
  if (wanted === 'native') return 'native'
  if (wanted !== undefined && wanted !== 'docker')
    throw new Error(`SERVICES=${wanted}: unknown; native or docker`)
  const engine = await findEngine()
  if (wanted === 'docker' && engine.type === 'absent') throw new Error(`SERVICES=docker: ${engine.reason}`)
  return engine.type === 'answers' ? 'docker' : 'native'
}
