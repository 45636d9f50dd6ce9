// A stack's services as containers, by docker-compose.yml; what that needs to know is kept in compose.env.
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseEnv, promisify } from 'node:util'
import { choosePort, isPortFree } from '../../src/embedded/ports.ts'
import { images } from './images.ts'
import { newClusterId } from './kafka.ts'
import { members, type Name, names, type Provider } from './member.ts'

const execute = promisify(execFile)
const composeFile = resolve(import.meta.dirname, '../../docker-compose.yml')
/** Images come from a registry far away, the first time. */
const upTimeoutMs = 1_800_000
const answerTimeoutMs = 120_000
const portTaken = /already allocated|already in use|port is not available/i
const notFetched = /pull|manifest|resolve|registry|unauthorized/i

const portVariables: Readonly<Record<Name, string>> = {
  kafka: 'SPINDEXER_KAFKA_PORT',
  registry: 'SPINDEXER_REGISTRY_PORT',
  postgres: 'SPINDEXER_POSTGRES_PORT',
}
const passwordVariable = 'SPINDEXER_POSTGRES_PASSWORD'
const clusterVariable = 'SPINDEXER_KAFKA_CLUSTER'

type Settings = Readonly<Record<string, string>>

/** Containers named after the directory `dir`, which holds compose.env; `compose` is how Compose is called here. */
export function createComposeProvider(dir: string, compose: readonly string[]): Provider {
  const envFile = join(dir, 'compose.env')
  const project = projectOf(dir)
  const call: Compose = async (...args) => {
    const [file, ...rest] = compose
    const files = ['--project-name', project, '--env-file', envFile, '--file', composeFile]
    const { stdout } = await execute(file!, [...rest, ...files, ...args], { timeout: upTimeoutMs })
    return stdout
  }
  const running = async () => {
    if (!existsSync(envFile)) return []
    const listed = (await call('ps', '--services', '--status', 'running')).split('\n')
    return names.filter((name) => listed.includes(name))
  }
  const port = (name: Name) => Number(readSettings(envFile)[portVariables[name]])
  const password = () => readSettings(envFile)[passwordVariable]!
  return {
    place: `the volumes ${project}_kafka and ${project}_postgres`,
    async start() {
      const before = await running()
      await startAll(call, envFile, before)
      return names.filter((name) => !before.includes(name))
    },
    async stop() {
      const before = await running()
      if (!existsSync(envFile)) return before
      // With the volumes that have no name; the data is in those that have one.
      await call('rm', '--force', '--stop', '--volumes')
      await call('down')
      return before
    },
    async look() {
      const up = await running()
      return Promise.all(
        names.map(async (name) => {
          const { title, answers, address } = members[name]
          if (!up.includes(name)) return { name, title, state: 'stopped' } as const
          const state = (await answers(port(name), password())) ? 'running' : 'not answering'
          return { name, title, state, address: address(port(name)) } as const
        }),
      )
    },
    addresses: () => ({
      ports: { kafka: port('kafka'), registry: port('registry'), postgres: port('postgres') },
      password: password(),
    }),
  }
}

/** One for each checkout. */
export function projectOf(dir: string): string {
  return `spindexer-${createHash('sha256').update(realpathSync(dir)).digest('hex').slice(0, 10)}`
}

type Compose = (...args: readonly string[]) => Promise<string>

/** Between choosing a port and binding it anyone may take it: a few attempts, each with other ports. */
async function startAll(call: Compose, envFile: string, running: readonly Name[]): Promise<void> {
  const missing = names.filter((name) => !running.includes(name))
  await Promise.all(running.map((name) => awaitAnswer(call, name, envFile)))
  if (missing.length === 0) return
  for (let attempt = 0; attempt < 5; attempt++) {
    await chooseSettings(envFile, attempt, running)
    // Their data is in volumes; what is left of a container that does not run may name ports of another day.
    await call('rm', '--force', '--stop', '--volumes', ...missing)
    try {
      // The registry last: it ends at once where its database does not answer yet.
      await call('up', '--detach', '--no-recreate', 'kafka', 'postgres')
      await Promise.all([awaitAnswer(call, 'kafka', envFile), awaitAnswer(call, 'postgres', envFile)])
      await call('up', '--detach', '--no-recreate')
      await awaitAnswer(call, 'registry', envFile)
      return
    } catch (error) {
      const said = `${(error as { stderr?: string }).stderr ?? ''}`
      await call('rm', '--force', '--stop', '--volumes', ...missing).catch(() => {})
      if (!portTaken.test(said)) throw said === '' ? error : new Error(explain(said))
    }
  }
  throw new Error('five times somebody else took a port that was chosen for a container')
}

function explain(said: string): string {
  const lines = said.trim().split('\n').slice(-15).join('\n')
  if (!notFetched.test(said)) return `Compose could not start the containers:\n${lines}`
  const variables = Object.values(images).map(({ variable }) => variable)
  return `Compose could not start the containers:\n${lines}
Where no registry of images can be reached: SERVICES=native, or images of another registry in ${variables.join(', ')}`
}

async function awaitAnswer(call: Compose, name: Name, envFile: string): Promise<void> {
  const settings = readSettings(envFile)
  const until = Date.now() + answerTimeoutMs
  while (!(await members[name].answers(Number(settings[portVariables[name]]), settings[passwordVariable]!))) {
    const up = (await call('ps', '--services', '--status', 'running')).split('\n').includes(name)
    if (!up || Date.now() > until) {
      const logs = await call('logs', '--no-color', '--tail', '25', name)
      const what = up ? `did not answer within ${answerTimeoutMs / 1000} s` : 'ended while starting'
      throw new Error(`${members[name].title} ${what}. The end of its log:\n${logs.trimEnd()}`)
    }
    await sleep(300)
  }
}

/** Keeps what was chosen before, so that addresses stay the same; other ports where one is taken. */
async function chooseSettings(envFile: string, attempt: number, running: readonly Name[]): Promise<void> {
  const before: Settings = existsSync(envFile) ? readSettings(envFile) : {}
  const ports: Record<string, string> = {}
  for (const name of names) {
    const known = before[portVariables[name]]
    const keep = known && (running.includes(name) || (attempt === 0 && (await isPortFree(Number(known)))))
    let port = keep ? known : `${await choosePort()}`
    while (Object.values(ports).includes(port)) port = `${await choosePort()}`
    ports[portVariables[name]] = port
  }
  const settings: Settings = {
    ...ports,
    [passwordVariable]: before[passwordVariable] ?? randomBytes(18).toString('base64url'),
    [clusterVariable]: before[clusterVariable] ?? newClusterId(),
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
  writeFileSync(`${envFile}.partial`, lines.join(''), { mode: 0o600 })
  renameSync(`${envFile}.partial`, envFile)
}

function readSettings(envFile: string): Settings {
  return parseEnv(readFileSync(envFile, 'utf8')) as Settings
}
