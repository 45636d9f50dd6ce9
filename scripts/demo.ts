// `make demo`: services up, a catalogue, two writers, two nodes with a database each, one lost and replayed, all equal.

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { parseArgs, parseEnv } from 'node:util'
import pg from 'pg'
import { generateLines } from './demo/generate.ts'

const root = join(import.meta.dirname, '..')
const { values: flags } = parseArgs({ options: { root: { type: 'string' } } })
/** Whose services and .env: as with scripts/services.ts, this checkout's unless --root names a directory. */
const servicesRoot = resolve(flags.root ?? root)
const MESSAGES_PER_WRITER = 6_000
const RUN_MINUTES_MAX = 3
const started: ChildProcess[] = []

interface Node {
  readonly name: string
  readonly env: NodeJS.ProcessEnv
}

async function main(): Promise<void> {
  heading('Services: Kafka, a schema registry, Postgres')
  await run(process.execPath, ['scripts/services.ts', 'up', '--root', servicesRoot], process.env)
  const settings = parseEnv(readFileSync(join(servicesRoot, '.env'), 'utf8'))
  const log = new URL(settings.SPINDEXER_LOG!)
  // A topic of its own for every run: a log is never emptied.
  log.pathname = `/demo-${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}`
  const env = { ...process.env, ...settings, SPINDEXER_LOG: log.href }
  const nodes = ['ada', 'ben'].map(
    (name): Node => ({
      name,
      env: { ...env, DATABASE_URL: databaseUrl(settings.DATABASE_URL!, `spindexer_demo_${name}`) },
    }),
  )
  for (const node of nodes) await remakeDatabase(settings.DATABASE_URL!, node)
  const [ada, ben] = nodes as [Node, Node]

  heading('A log with three partitions, and a catalogue of two datasets in it')
  await spindexer(['log', 'create', '--partitions', '3'], env)
  await spindexer(['datasets', 'apply', 'examples/catalogue'], env)

  heading(`Node "ada" runs, while two writers publish ${2 * MESSAGES_PER_WRITER} mutations at the same time`)
  const live = start(['run'], ada.env)
  await Promise.all(
    ['yuki', 'zola'].map((writer, i) =>
      publish(writer, i + 1, { ...env, DATABASE_URL: ada.env.DATABASE_URL }),
    ),
  )

  heading(
    'Node "ben" starts from nothing and reads the log to its end; so does "ada", with what it has missed',
  )
  await spindexer(['run', '--until-end'], ben.env)
  live.kill('SIGTERM')
  await exit(live, 'spindexer run')
  await spindexer(['run', '--until-end'], ada.env)
  const first = await fingerprints(nodes)

  heading('Ben loses his database, and replays the log from offset zero')
  await remakeDatabase(settings.DATABASE_URL!, ben)
  await spindexer(['run', '--until-end'], ben.env)
  const second = await fingerprints(nodes)

  if (new Set([...first, ...second]).size !== 1) throw new Error('the nodes differ: that must never happen')
  await spindexer(['status'], ada.env)
  say(farewell(ada, log.href))
}

function farewell(ada: Node, log: string): string {
  const url = ada.env.DATABASE_URL
  return `
Equal, every time: the same messages make the same tables.

What to try next:

  psql '${url}' -c 'select id, title, plays from data.tracks order by plays desc nulls last limit 5'

  export SPINDEXER_LOG='${log}' DATABASE_URL='${url}'
  echo '{"dataset":"tracks","operation":"update","data":{"id":"track-1","plays":1000001}}' | npm run -s spindexer -- publish -
  npm run -s spindexer -- run --until-end
  npm run -s spindexer -- dump tracks | head -3
  npm run -s spindexer -- --help

make down stops the services; their data stay.`
}

async function publish(writer: string, seed: number, env: NodeJS.ProcessEnv): Promise<void> {
  const child = start(['publish', '-'], env, 'pipe')
  // A writer that ends early says why itself; its exit code is what counts here.
  child.stdin!.on('error', () => {})
  Readable.from(lines(writer, seed)).pipe(child.stdin!)
  await exit(child, 'spindexer publish -')
}

function* lines(writer: string, seed: number): Generator<string> {
  for (const line of generateLines(writer, seed, MESSAGES_PER_WRITER)) yield `${line}\n`
}

/** The SHA-256 of each node's whole state, computed here from the dump, and printed. */
async function fingerprints(nodes: readonly Node[]): Promise<string[]> {
  const found: string[] = []
  for (const node of nodes) {
    const child = spawn(process.execPath, ['src/cli/main.ts', 'dump', '--cells'], {
      cwd: root,
      env: node.env,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    started.push(child)
    const hash = createHash('sha256')
    for await (const chunk of child.stdout) hash.update(chunk)
    await exit(child, 'spindexer dump --cells')
    found.push(hash.digest('hex'))
    say(`  ${node.name}: ${found.at(-1)}`)
  }
  return found
}

function databaseUrl(base: string, database: string): string {
  const url = new URL(base)
  url.pathname = `/${database}`
  return url.href
}

async function remakeDatabase(adminUrl: string, node: Node): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    const name = pg.escapeIdentifier(new URL(node.env.DATABASE_URL!).pathname.slice(1))
    await client.query(`drop database if exists ${name} with (force)`)
    await client.query(`create database ${name}`)
  } finally {
    await client.end()
  }
}

async function spindexer(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  await exit(start(args, env), `spindexer ${args.join(' ')}`)
}

function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  stdin: 'ignore' | 'pipe' = 'ignore',
): ChildProcess {
  say(`$ spindexer ${args.join(' ')}`)
  const child = spawn(process.execPath, ['src/cli/main.ts', ...args], {
    cwd: root,
    env,
    stdio: [stdin, 'inherit', 'inherit'],
  })
  started.push(child)
  return child
}

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(command, args, { cwd: root, env, stdio: 'inherit' })
  started.push(child)
  await exit(child, `${command} ${args.join(' ')}`)
}

async function exit(child: ChildProcess, command: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    await once(child, 'exit', { signal: AbortSignal.timeout(RUN_MINUTES_MAX * 60_000) })
  }
  if (child.exitCode !== 0) {
    throw new Error(`${command} ended with ${child.exitCode ?? child.signalCode}; what it printed is above`)
  }
}

function heading(text: string): void {
  say(`\n== ${text}`)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

process.chdir(root)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    endAll()
    process.exit(1)
  })
}
try {
  await main()
} catch (error) {
  process.stderr.write(`\ndemo: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
} finally {
  endAll()
}

function endAll(): void {
  for (const child of started) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
  }
}
