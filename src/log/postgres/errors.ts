// What an error of the log's Postgres means: to be tried again, or for people to mend.

import { codeOf, isTransient as isServerTransient } from '../../postgres/errors.ts'
import { postgresTlsFault } from '../../tls/postgres.ts'

/** The log's own errors, raised by its functions and triggers (0001-log.ts); they bring their remedy as a hint. */
const OWN_CLASS = 'SX'
export const SEALED = 'SX001'

const UNREACHABLE_REMEDY = 'check that Postgres runs there and can be reached from here'
const NO_LOG = 'run `spindexer log create`'

const REMEDIES: ReadonlyMap<string, string> = new Map([
  ['28P01', 'check the password in SPINDEXER_LOG'],
  ['28000', 'check the user in SPINDEXER_LOG, and pg_hba.conf of the server'],
  ['3D000', 'create the database that SPINDEXER_LOG names, or correct its name'],
  ['3F000', NO_LOG],
  ['42P01', NO_LOG],
  ['42883', NO_LOG],
  [
    '42501',
    'grant the role of SPINDEXER_LOG what a log needs (docs/operations.md says what), or use another role',
  ],
  ['25006', 'point SPINDEXER_LOG at the primary: this server is a standby, or takes no writes'],
  ['42703', 'somebody changed the tables of the log: restore a backup'],
  ['53100', 'free or add space: the disk of Postgres is full'],
  ['53200', 'Postgres is short of memory'],
  ['53300', 'look at max_connections, and at the limits of the role and of the database'],
  ['55000', 'see `allow_connections` of the database'],
  ['55P03', 'pg_stat_activity and pg_locks show which session holds a lock on the log'],
  ['57014', 'look at statement_timeout of the role and of the database'],
])

/** True for what may pass by itself: a lost connection, a server that starts, a full disk. */
export function isTransient(error: unknown): boolean {
  if (isServerTransient(error)) return true
  if (!(error instanceof Error) || codeOf(error) !== null) return false
  const { cause } = error
  return cause !== undefined && cause !== error && isTransient(cause)
}

/** The error with what was attempted, why it failed and what to do. */
export function explain(attempt: string, error: unknown): Error {
  const fault = postgresTlsFault(error)
  if (fault !== null) return new Error(`${attempt}: ${fault.what}; ${fault.remedy}`, { cause: error })
  const code = findCode(error)
  const isOwn = code?.startsWith(OWN_CLASS) === true
  const unreachable = isTransient(error) && (code === null || code.length !== 5)
  const remedy = isOwn
    ? (error as { readonly hint?: string }).hint
    : (REMEDIES.get(code ?? '') ?? (unreachable ? UNREACHABLE_REMEDY : undefined))
  const kind = code === null || isOwn ? '' : ` (${code})`
  return new Error(`${attempt}: ${reasonOf(error)}${kind}${remedy === undefined ? '' : `; ${remedy}`}`, {
    cause: error,
  })
}

/** Attempts to connect to several addresses of one name come as one error that says nothing itself. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ')
  return error instanceof Error ? error.message : String(error)
}

function findCode(error: unknown): string | null {
  return codeOf(error) ?? (error instanceof AggregateError ? codeOf(error.errors[0]) : null)
}

/** True for what says that there is no log: no schema, no table of it. */
export function isNoLog(error: unknown): boolean {
  const code = codeOf(error)
  return code === '3F000' || code === '42P01' || code === '42883'
}
