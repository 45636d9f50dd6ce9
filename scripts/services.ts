// The command behind make up, make down and npm run services: up, down or status.
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Row } from './services/member.ts'
import { createStack, type Kind, type Stack, StackRefusal } from './services/stack.ts'

const usage = `usage: node scripts/services.ts up|down|status [--root DIR]

  up      start Kafka, the schema registry and Postgres, and write their addresses to .env
  down    stop them, keep their data, remove the addresses from .env
  status  what runs, and where

  --root DIR       another directory than this checkout for .spindexer/services and .env
  SERVICES=docker  in containers, by docker-compose.yml; the default where a container engine answers
  SERVICES=native  as processes of this machine; needs Java 17 and Maven`

async function main(): Promise<number> {
  hideTimeoutWarnings()
  const { positionals, root } = readArguments()
  const commands: Record<string, (stack: Stack) => Promise<void>> = { up, down, status }
  const command = Object.hasOwn(commands, positionals[0] ?? '') && commands[positionals[0]!]
  if (!command || positionals.length !== 1) throw new UsageError(usage)
  const wanted = process.env.SERVICES || undefined
  if (!isKind(wanted)) throw new UsageError(`SERVICES=${wanted}: unknown; native or docker`)
  await command(createStack(root, wanted))
  return 0
}

function isKind(text: string | undefined): text is Kind | undefined {
  return text === undefined || text === 'native' || text === 'docker'
}

async function up(stack: Stack): Promise<void> {
  console.error('Starting Kafka, the schema registry and Postgres (the first time also fetches them) ...')
  const { started, rows, place, warnings } = await stack.up()
  if (started.length === 0) console.error('Nothing to do: all of them run already.')
  print(rows)
  for (const warning of warnings) console.error(`warning: ${warning}`)
  console.error(`
Their addresses are in .env, their data in ${place}.
Next:  npm run -s spindexer -- log create
       npm run -s spindexer -- --help
Later: make down stops them and keeps the data.`)
}

async function down(stack: Stack): Promise<void> {
  const { stopped, place } = await stack.down()
  if (stopped.length === 0) console.error('Nothing to stop: none of them runs.')
  else console.error(`Stopped ${stopped.join(', ')}. The data stays in ${place}.`)
}

async function status(stack: Stack): Promise<void> {
  print(await stack.status())
}

function print(rows: readonly Row[]): void {
  for (const { title, state, address = '', pid } of rows) {
    const line = [title.padEnd(16), state.padEnd(14), pid ? `pid ${pid}`.padEnd(13) : '', address].join(' ')
    console.log(line.trimEnd())
  }
}

class UsageError extends Error {}

function readArguments() {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { root: { type: 'string' } },
    })
    return { positionals, root: resolve(values.root ?? join(import.meta.dirname, '..')) }
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${usage}`)
  }
}

/** KafkaJS sets timers in the past, which Node 24 warns of: nothing that the reader could do about. */
function hideTimeoutWarnings(): void {
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    if (warning.name !== 'TimeoutNegativeWarning') console.error(`${warning.name}: ${warning.message}`)
  })
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = error instanceof UsageError || error instanceof StackRefusal ? 2 : 1
  },
)
