// One Postgres server with its data in a directory, on 127.0.0.1 and without a Unix socket.

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { hasArgument, type Identity, identify } from './identity.ts'
import { type OrderlyStop, type Service, type StartOptions, startService } from './service.ts'
import { syncDir } from './state.ts'
import { postgresUrl } from './url.ts'
import { giveTo, type User } from './user.ts'
import { type Watched, watch } from './watchdog.ts'

const run = promisify(execFile)

/** "Fast" in Postgres's words: sessions are ended, then a checkpoint. */
export const postgresStop: OrderlyStop = { signal: 'SIGINT', timeoutMs: 30_000 }

export interface ServerOptions extends StartOptions {
  readonly name: string
  /** Of `postgresHome`. */
  readonly home: string
  /** Where the cluster is; made when it is not there. */
  readonly data: string
  readonly user: User | undefined
  /** The superuser's, asked for from the first start on; without one, anyone on 127.0.0.1 is let in. */
  readonly password?: string
  readonly settings: Readonly<Record<string, string>>
  readonly orphan: Pick<Watched, 'signal' | 'patienceMs'>
}

// fsync and synchronous_commit stay as they are by default.
const SETTINGS = { listen_addresses: '127.0.0.1', unix_socket_directories: '' }

const HALF_MADE = '.new-'
// Nothing of the caller's PG* variables, locale or time zone.
const ENVIRONMENT = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }

export async function startServer(options: ServerOptions): Promise<Service> {
  const { name, dir, home, data, user, password, orphan } = options
  removeLeftovers(data)
  if (!existsSync(data)) await initialize(options)
  const logFile = join(dir, 'postgres.log')
  return startService(
    {
      name,
      dir,
      logFile,
      portCount: 1,
      orderly: postgresStop,
      orphan,
      async prepare([port]) {
        removeStalePidFile(data)
        const settings = Object.entries({ ...options.settings, ...SETTINGS, port })
        return {
          file: join(home, 'bin/postgres'),
          args: ['-D', data, ...settings.flatMap(([setting, value]) => ['-c', `${setting}=${value}`])],
          cwd: '/',
          env: ENVIRONMENT,
          ...(user && { user }),
          logFile,
        }
      },
      answers: async ([port]) => (await dataDirectory(postgresUrl(port!, password))) === data,
    },
    options,
  )
}

/** Gives the superuser a password, of a cluster on which no server runs. */
export async function resetPassword(
  { home, data, user }: Pick<ServerOptions, 'home' | 'data' | 'user'>,
  password: string,
): Promise<void> {
  const args = ['--single', '-D', data, 'postgres']
  const child = run(join(home, 'bin/postgres'), args, { cwd: '/', env: ENVIRONMENT, ...user })
  child.child.stdin!.end(`alter role postgres password '${password}'\n`)
  await child
}

/** Where the server at this URL has its data, which tells ours from a neighbour's; undefined without answer. */
export async function dataDirectory(url: string): Promise<string | undefined> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000, query_timeout: 3_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query("select current_setting('data_directory') as dir")
    return rows[0].dir
  } catch {
    return undefined
  } finally {
    await client.end().catch(() => {})
  }
}

/** Makes the database where the server of `url` has none of this name. */
export async function createDatabase(url: string, name: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
    if (rowCount === 0) await client.query(`create database ${name}`)
  } finally {
    await client.end()
  }
}

/** The server that runs on these data, by its pid file; undefined where none does. */
export function runningServer(data: string): Identity | undefined {
  const file = join(data, 'postmaster.pid')
  if (!existsSync(file)) return undefined
  const pid = Number.parseInt(readFileSync(file, 'latin1'), 10)
  const identity = identify(pid)
  return identity && hasArgument(pid, data) ? identity : undefined
}

/**
 * Postgres takes any process with the number in its pid file for a running server: a killed one that
 * nobody has waited for yet, or after a reboot a stranger. (Backends that outlive their server are found
 * by the shared memory that they hold, not by this file.)
 */
function removeStalePidFile(data: string): void {
  if (!runningServer(data)) rmSync(join(data, 'postmaster.pid'), { force: true })
}

/** Of a cluster that was half made when its maker was killed. */
function removeLeftovers(data: string): void {
  const parent = dirname(data)
  for (const name of readdirSync(parent)) {
    if (name.startsWith(`${basename(data)}${HALF_MADE}`)) removeAll(join(parent, name))
  }
}

/**
 * Makes the cluster beside and renames: half a cluster would never start. By a name of its own: an initdb whose maker
 * was killed may be at work still.
 */
async function initialize({ home, data, password, user }: ServerOptions): Promise<void> {
  const parent = dirname(data)
  const fresh = `${data}${HALF_MADE}${randomBytes(6).toString('hex')}`
  const passwordFile = `${fresh}.password`
  mkdirSync(fresh, { mode: 0o700 })
  giveTo(user, fresh)
  const args = ['-D', fresh, '-U', 'postgres', '--locale=C', '-E', 'UTF8']
  let release = (): void => {}
  try {
    if (password) {
      writeFileSync(passwordFile, password, { mode: 0o600 })
      giveTo(user, passwordFile)
      args.push('-A', 'scram-sha-256', `--pwfile=${passwordFile}`)
    } else {
      args.push('-A', 'trust')
    }
    // In a session of its own: Ctrl-C in a terminal is for us.
    const options = { cwd: '/', env: ENVIRONMENT, detached: true, ...user }
    const initdb = run(join(home, 'bin/initdb'), args, options)
    const identity = identify(initdb.child.pid ?? 0)
    if (identity) release = watch(identity, { signal: 'KILL' })
    await initdb.catch((error: unknown) => {
      throw explainInitdb(error, data)
    })
    renameSync(fresh, data)
    syncDir(parent)
  } finally {
    release()
    rmSync(passwordFile, { force: true })
    removeAll(fresh)
  }
}

function explainInitdb(error: unknown, data: string): Error {
  const { message, stderr } = error as Error & { stderr?: string }
  const reason = (stderr?.trim() || message).replace(/^initdb: (error: )?/gm, '')
  const remedy = /could not look up effective user/.test(reason)
    ? 'give this user a name in /etc/passwd, without which Postgres makes none, or run as another'
    : 'what it says has to be mended first'
  return new Error(`Postgres cannot make its data at ${data} (${reason}); ${remedy}`, { cause: error })
}

function removeAll(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5 })
}
