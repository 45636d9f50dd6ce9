// `make demo`: services up, then the story of some writers and two nodes, checked on the way; exit 1 when anything differs.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs, parseEnv } from 'node:util'
import { heading, say } from './demo/paper.ts'
import { createProcesses } from './demo/processes.ts'
import { type Told, tell } from './demo/story.ts'
import { createStack } from './services/stack.ts'

const root = join(import.meta.dirname, '..')
const { values: flags } = parseArgs({
  options: { root: { type: 'string' }, messages: { type: 'string', default: '300000' } },
})
/** Whose services and .env: as with scripts/services.ts, this checkout's unless --root names a directory. */
const servicesRoot = resolve(flags.root ?? root)
const processes = createProcesses()
const dir = mkdtempSync(join(tmpdir(), 'spindexer-demo-'))

process.chdir(root)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void giveUp())

try {
  const startedMs = performance.now()
  const { told, log } = await main()
  say(farewell(told, log, (performance.now() - startedMs) / 1_000))
} catch (error) {
  process.stderr.write(`\ndemo: ${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
} finally {
  await processes.endAll()
  rmSync(dir, { recursive: true, force: true })
}

async function main(): Promise<{ readonly told: Told; readonly log: URL }> {
  heading(1, 'Services', 'Kafka, a schema registry and Postgres, real ones, on free ports.')
  await processes.script(['scripts/services.ts', 'up', '--root', servicesRoot])
  const settings = parseEnv(readFileSync(join(servicesRoot, '.env'), 'utf8'))
  const log = new URL(settings.SPINDEXER_LOG!)
  // A topic of its own for every run: a log is never emptied.
  log.pathname = `/demo-${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}`
  const env = { ...process.env, ...settings }
  const messages = Number(flags.messages)
  const told = await tell({ processes, log, adminUrl: settings.DATABASE_URL!, env, dir, messages })
  return { told, log }
}

function farewell({ ada }: Told, log: URL, seconds: number): string {
  return `
Equal, every time, in ${seconds.toFixed(0)} s: the same messages make the same tables.

What to try next:

  psql '${ada.url}' -c 'select id, title, plays from data.tracks order by plays desc nulls last limit 5'

  export SPINDEXER_LOG='${log.href}' DATABASE_URL='${ada.url}'
  echo '{"dataset":"tracks","operation":"update","data":{"id":"track-1","plays":1000001}}' | npm run -s spindexer -- publish -
  npm run -s spindexer -- run --until-end
  npm run -s spindexer -- dump tracks | head -3
  npm run -s spindexer -- quarantine list
  npm run -s spindexer -- --help

make down stops the services; their data stay.`
}

/** Asked to end: nothing stays behind but data. */
async function giveUp(): Promise<void> {
  process.stderr.write('\ndemo: ending, and stopping the services ...\n')
  await processes.endAll()
  await createStack(servicesRoot, undefined)
    .down()
    .catch((error: Error) => process.stderr.write(`demo: ${error.message}\n`))
  rmSync(dir, { recursive: true, force: true })
  process.exit(1)
}
