// Which errors of Postgres pass by themselves: one table.

/** SQLSTATE classes and codes after which the same attempt may succeed. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const TRANSIENT_CLASSES: ReadonlySet<string> = new Set([
  '08', // connection
  '53', // insufficient resources: disk full, too many connections
  '57', // operator intervention: shutdown, starting up, cancelled
  '58', // system error: I/O
])
const TRANSIENT_STATES: ReadonlySet<string> = new Set([
  '25006', // read-only: an old primary after a failover
  '25P03', // idle in transaction timeout
  '25P04', // transaction timeout
  '40001', // serialization failure
  '40P01', // deadlock
  '55P03', // lock timeout
])
/** What node:net, node:dns and node:tls say when there is no connection to be had, or none any more. */
const TRANSIENT_SOCKET_CODES: ReadonlySet<string> = new Set([
  // Of the server's certificate: whoever runs it mends that without us.
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])
/** The driver's own errors have no code. */
const TRANSIENT_MESSAGES =
  /^(Connection terminated|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|There was an error establishing an SSL connection)/

/**
 * True for an error that passes by itself: wait and try again. Never for a data error (SQLSTATE 22, 23, 42, 54): all
 * validation happens before, so that one is a bug.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isTransient)
  if (!(error instanceof Error)) return false
  const code = codeOf(error)
  if (code === null) return TRANSIENT_MESSAGES.test(error.message)
  if (TRANSIENT_SOCKET_CODES.has(code) || TRANSIENT_STATES.has(code)) return true
  // "Not in the prerequisite state" is what a database says that takes no connections for now; as a statement's answer it is a bug.
  if (code === '55000') return severityOf(error) === 'FATAL'
  return code.length === 5 && TRANSIENT_CLASSES.has(code.slice(0, 2))
}

/** SQLSTATE classes of what is wrong with data or statements, whenever it is tried again. */
const DATA_CLASSES: ReadonlySet<string> = new Set(['22', '23', '42', '54'])
/** Of these classes, what is no row's fault: a right that is lacking, a table that is gone. */
const NOT_OF_DATA: ReadonlySet<string> = new Set(['42501', '42P01'])

/** True for an error that no valid batch may meet: validation is stricter than Postgres, and the tables are our own. */
export function isDataError(error: unknown): boolean {
  const code = codeOf(error)
  return code?.length === 5 && !NOT_OF_DATA.has(code) && DATA_CLASSES.has(code.slice(0, 2))
}

/** True when a lock was not to be had within lock_timeout. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(error) === '55P03'
}

/** True for what the server itself said, as against what became of the connection to it. */
export function isOfServer(error: unknown): boolean {
  return severityOf(error) !== null
}

/** True when the server said that it ends, starts, or has ended this session. */
export function isAway(error: unknown): boolean {
  return /^(08|57)/.test(codeOf(error) ?? '')
}

function severityOf(error: unknown): string | null {
  const severity = error instanceof Error ? (error as { readonly severity?: unknown }).severity : null
  return typeof severity === 'string' ? severity : null
}

/** The SQLSTATE or socket code of an error, or null. */
export function codeOf(error: unknown): string | null {
  const code = error instanceof Error ? (error as { readonly code?: unknown }).code : null
  return typeof code === 'string' ? code : null
}
