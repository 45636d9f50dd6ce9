// The one place that turns refusals and errors into thing, reason and remedy for people, and into exit codes.

import type { Problem } from '../log/log.ts'
import { postgresTlsFault } from '../tls/postgres.ts'
import { maskSecrets } from './secrets.ts'

export const EXIT_DONE = 0
export const EXIT_FAILED = 1
export const EXIT_USAGE = 2

const PROBLEMS_SHOWN_MAX = 10

/** How a command ends other than by doing what it was asked: carried up to `main`, which prints it. */
export class Failure extends Error {
  readonly remedy: string | null
  readonly exitCode: number

  constructor(
    what: string,
    remedy: string | null = null,
    { exitCode = EXIT_FAILED, cause }: { readonly exitCode?: number; readonly cause?: unknown } = {},
  ) {
    super(what, { cause })
    this.name = 'Failure'
    this.remedy = remedy
    this.exitCode = exitCode
  }
}

/** Wrong usage or configuration: exit 2. */
export function usageFailure(what: string, remedy: string): Failure {
  return new Failure(what, remedy, { exitCode: EXIT_USAGE })
}

/** Several things that forbid going on, each with its remedy. */
export function problemsFailure(problems: readonly Problem[]): Failure {
  const [first, ...others] = problems
  if (first !== undefined && others.length === 0) return new Failure(first.what, first.remedy)
  const shown = problems.slice(0, PROBLEMS_SHOWN_MAX)
  const lines = shown.map((problem) => `  - ${problem.what}\n    ${problem.remedy}`)
  if (problems.length > shown.length) lines.push(`  … and ${problems.length - shown.length} more`)
  return new Failure(`there are ${problems.length} problems\n${lines.join('\n')}`)
}

/**
 * The text for stderr and the exit code of anything that was thrown. A stack trace is only for those who ask for it
 * with SPINDEXER_DEBUG=1.
 */
export function explainError(error: unknown, debug: boolean): { text: string; exitCode: number } {
  const exitCode = error instanceof Failure ? error.exitCode : EXIT_FAILED
  const remedy = error instanceof Failure ? error.remedy : remedyOf(error)
  // A remedy of our own holds no secret, and its example would be spoilt by a mask.
  const lines = [`spindexer: ${maskSecrets(messageOf(error))}`]
  if (remedy !== null && remedy !== '') lines.push(`  ${remedy}`)
  if (debug) lines.push(maskSecrets(stackOf(error)))
  else if (remedy === null && !(error instanceof Failure)) {
    lines.push('  set SPINDEXER_DEBUG=1 to see where it comes from')
  }
  return { text: lines.join('\n'), exitCode }
}

const MISSING_TABLES =
  'somebody dropped or changed what the node made in its database: restore a backup; or `drop schema spindexer cascade`, and `spindexer run` reads the log again from its start'

/** What errors of systems below us usually mean, by their code. */
const REMEDIES: ReadonlyMap<string, string> = new Map([
  [
    'ECONNREFUSED',
    'nothing listens there: check the address, and that the service runs (`make up` starts one here)',
  ],
  ['ENOTFOUND', 'that host name does not resolve: check the address'],
  ['EAI_AGAIN', 'that host name does not resolve just now: check the address and the network'],
  ['ETIMEDOUT', 'the service did not answer in time: check the address and the network'],
  ['ECONNRESET', 'the service closed the connection: check its log, then try again'],
  ['28P01', 'Postgres refuses the password: check DATABASE_URL'],
  ['28000', 'Postgres refuses this user: check DATABASE_URL'],
  ['25006', 'Postgres takes no writes: a standby, or default_transaction_read_only is on'],
  ['25P03', 'this process stood still in the middle of a transaction: it is begun again'],
  ['3F000', MISSING_TABLES],
  ['42P01', MISSING_TABLES],
  ['42703', MISSING_TABLES],
  ['53100', 'the disk of Postgres is full: free or add space'],
  ['53200', 'Postgres is short of memory'],
  [
    '53300',
    'Postgres takes no more connections: look at max_connections, and at the limits of the role and of the database',
  ],
  ['55000', 'see `allow_connections` of the database'],
  [
    '55P03',
    'another session holds a lock on rows or tables of the node: pg_stat_activity and pg_locks show which',
  ],
  ['3D000', 'the database of DATABASE_URL does not exist: create it, or correct the name'],
  ['42501', 'the role of DATABASE_URL lacks a right: grant it, or use another role'],
  ['ENOENT', 'check the path'],
  ['EACCES', 'check the rights of the file'],
  ['EISDIR', 'give a file, not a directory'],
])

/** Empty where the message says it. */
export function remedyOf(error: unknown): string | null {
  const fault = postgresTlsFault(error)
  if (fault !== null) return fault.remedy
  // The adapter of the log says what to do itself, behind a semicolon.
  if (error instanceof Error && /; [a-z]/.test(error.message)) return ''
  for (const each of causesOf(error)) {
    const code = (each as { code?: unknown }).code
    const remedy = typeof code === 'string' ? REMEDIES.get(code) : undefined
    if (remedy !== undefined) return remedy
  }
  return null
}

/** The error and what it was caused by: KafkaJS and Node's connection attempts wrap what really happened. */
function* causesOf(error: unknown): Generator<object> {
  const queue: unknown[] = [error]
  for (let depth = 0; depth < 20 && queue.length > 0; depth++) {
    const each = queue.shift()
    if (typeof each !== 'object' || each === null) continue
    yield each
    const { cause, originalError, errors } = each as {
      cause?: unknown
      originalError?: unknown
      errors?: unknown
    }
    queue.push(cause, originalError, ...(Array.isArray(errors) ? errors : []))
  }
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const fault = postgresTlsFault(error)
  if (fault !== null) return fault.what
  // An AggregateError of connection attempts has no message of its own.
  if (error.message === '' && error instanceof AggregateError) {
    return error.errors.map((each) => messageOf(each)).join('; ')
  }
  return error.message === '' ? error.name : error.message
}

function stackOf(error: unknown): string {
  const stacks = [...causesOf(error)].map((each) => (each instanceof Error ? (each.stack ?? '') : ''))
  return stacks.filter((stack) => stack !== '').join('\ncaused by: ')
}
