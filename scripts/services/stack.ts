// Kafka, registry and Postgres for a checkout: brought up, looked at and taken down by separate commands.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createDatabase } from '../../src/embedded/server.ts'
import { postgresUrl } from '../../src/embedded/url.ts'
import { createComposeProvider } from './compose-stack.ts'
import { findEngine } from './engine.ts'
import { editEnvFile, namesSetOutside, withBlock, withoutBlock } from './env-file.ts'
import { withLock } from './lock.ts'
import { database, type Name, type Provider, type Row } from './member.ts'
import { createNativeProvider } from './native-stack.ts'
import { registryUrl } from './registry.ts'

/** How services run: as containers, or as processes of this machine. */
export type Kind = 'docker' | 'native'

/** What was asked for cannot be had here, or not while something else is so; the message says what to do. */
export class StackRefusal extends Error {}

export interface Stack {
  /** Starts what does not run, returns when everything answers; `started` is empty when all ran already. */
  up(): Promise<{
    started: readonly Name[]
    rows: readonly Row[]
    place: string
    warnings: readonly string[]
  }>
  /** Stops what up() started, keeps the data; returns what ran. */
  down(): Promise<{ stopped: readonly Name[]; place: string }>
  status(): Promise<readonly Row[]>
}

const lockTimeoutMs = 300_000

/**
 * The services of the checkout at `root`: everything in `.spindexer/services` there, and a block in `.env`. How they
 * run: as `wanted`, else as they run now, else in containers where an engine answers.
 */
export function createStack(root: string, wanted: Kind | undefined): Stack {
  const dir = join(root, '.spindexer/services')
  const files = {
    env: join(root, '.env'),
    /** How the services run that are up. */
    kind: join(dir, 'running-as'),
    /** There while .env is there only because of us. */
    madeEnv: join(dir, 'made-env'),
  }
  const choose = () => {
    const now = existsSync(files.kind) ? (readFileSync(files.kind, 'utf8') as Kind) : undefined
    if (now && wanted && now !== wanted) {
      const remedy = `SERVICES=${now} make down ends them`
      throw new StackRefusal(
        `SERVICES=${wanted}: the services of this checkout run as ${now} ones; ${remedy}`,
      )
    }
    mkdirSync(dir, { recursive: true })
    return chooseProvider(dir, wanted ?? now)
  }
  const alone = <T>(work: (chosen: Chosen) => Promise<T>) => {
    mkdirSync(dir, { recursive: true })
    return withLock(join(dir, 'lock'), lockTimeoutMs, async () => work(await choose()))
  }
  return {
    up: () => alone((chosen) => bringUp(chosen, files)),
    down: () => alone(({ provider }) => takeDown(provider, files)),
    status: async () => (await choose()).provider.look(),
  }
}

interface Chosen {
  readonly kind: Kind
  readonly provider: Provider
}

type Files = { readonly env: string; readonly kind: string; readonly madeEnv: string }

async function chooseProvider(dir: string, wanted: Kind | undefined): Promise<Chosen> {
  if (wanted === 'native') return { kind: 'native', provider: createNativeProvider(dir) }
  const engine = await findEngine()
  if (engine.type === 'answers')
    return { kind: 'docker', provider: createComposeProvider(dir, engine.compose) }
  if (wanted === 'docker') {
    const remedy =
      'start Docker (or podman, with DOCKER_HOST), with Compose 2; SERVICES=native needs Java 17 and Maven'
    throw new StackRefusal(`SERVICES=docker: ${engine.reason}; ${remedy}`)
  }
  const native = createNativeProvider(dir)
  const start = () =>
    native.start().catch((error: unknown) => {
      // Whoever lacks Java may rather have containers.
      const isMissing = error instanceof Error && / is missing: /.test(error.message)
      throw isMissing ? new Error(`${error.message}\n\nNot in containers either: ${engine.reason}.`) : error
    })
  return { kind: 'native', provider: { ...native, start } }
}

async function bringUp({ kind, provider }: Chosen, files: Files) {
  // A block that we could not replace at the end is better refused before anything starts.
  editEnvFile(files.env, (text) => {
    withoutBlock(text)
    return text
  })
  writeFileSync(files.kind, kind)
  const started = await provider.start().catch(async (error) => {
    const isAnyUp = await provider.look().then(
      (rows) => rows.some(({ state }) => state !== 'stopped'),
      () => true,
    )
    if (!isAnyUp) rmSync(files.kind)
    throw error
  })
  const { ports, password } = provider.addresses()
  await createDatabase(postgresUrl(ports.postgres, password), database)
  const variables = {
    SPINDEXER_LOG: `kafka://127.0.0.1:${ports.kafka}/spindexer`,
    DATABASE_URL: postgresUrl(ports.postgres, password, database),
    SCHEMA_REGISTRY_URL: registryUrl(ports.registry),
  }
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  const before = editEnvFile(files.env, (text) => withBlock(text, lines))
  if (before === undefined) writeFileSync(files.madeEnv, '')
  const shadowed = namesSetOutside(before ?? '', Object.keys(variables))
  const warnings = shadowed.map((name) => `.env sets ${name} outside our block too, and that one may win`)
  return { started, rows: await provider.look(), place: provider.place, warnings }
}

async function takeDown(provider: Provider, files: Files) {
  const stopped = await provider.stop()
  rmSync(files.kind, { force: true })
  editEnvFile(files.env, withoutBlock)
  const isOurs = existsSync(files.madeEnv) && existsSync(files.env)
  if (isOurs && readFileSync(files.env).length === 0) rmSync(files.env)
  rmSync(files.madeEnv, { force: true })
  return { stopped, place: provider.place }
}
