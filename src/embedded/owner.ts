// Runs the server of a folder whose lock this process holds: starts it, brings it back when it ends, stops it.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { postgresHome } from './binaries.ts'
import type { Folder } from './folder.ts'
import { keepShort } from './log-file.ts'
import { end } from './process.ts'
import { createDatabase, postgresStop, resetPassword, runningServer, startServer } from './server.ts'
import type { Service } from './service.ts'
import { type State, type StateFile, writeDurably } from './state.ts'
import { DATABASE, postgresUrl } from './url.ts'

export interface OwnedOptions {
  readonly folder: Folder
  readonly packaged: string
  readonly file: StateFile
  /** With this process as its owner, not serving yet. */
  readonly state: State
  /** The password of the data that are there is lost: they get that of the state. */
  readonly isForgotten: boolean
  /** Words for people about what happens to the server. */
  readonly say: (text: string) => void
  readonly signal: AbortSignal
}

export interface OwnedServer {
  readonly url: string
  /** Null, or the port that it had before and that somebody else has now. */
  readonly portBefore: number | null
  stop(): Promise<void>
}

/**
 * For a small machine, which Postgres shares with a node and more. What is set here wins over postgresql.conf; the
 * rest is whoever edits that to decide. fsync and synchronous_commit stay on.
 */
const SETTINGS = {
  cluster_name: 'spindexer',
  shared_buffers: '128MB',
  max_connections: '50',
  max_wal_size: '512MB',
  // A line every five minutes, for years.
  log_checkpoints: 'off',
}
const LOG_BYTES_MAX = 10 * 1024 * 1024
/** A server whose owner was killed may have a checkpoint to write. */
const ORPHAN = { signal: 'INT', patienceMs: postgresStop.timeoutMs } as const
const BRING_BACK_EVERY_MS = 5_000
/** What a server says that meets another on its data, or what a killed one left at work. */
const STILL_IN_USE = /lock file "postmaster.pid" already exists|pre-existing shared memory block/
const IN_USE_TRIES = 20

export async function startOwned(options: OwnedOptions): Promise<OwnedServer> {
  const { folder, file, state, say, signal } = options
  const { port: portBefore, password } = state
  const ending = new AbortController()
  let isUp = false
  let comingBack: Promise<void> | null = null
  const onExit = (): void => {
    if (!isUp || comingBack !== null || signal.aborted) return
    say(
      `The embedded Postgres has ended by itself (its log: ${join(folder.dir, 'postgres.log')}). Starting it again.`,
    )
    comingBack = bringBack(service, AbortSignal.any([signal, ending.signal]), say).finally(() => {
      comingBack = null
    })
  }
  const service = await start(options, onExit)
  const url = postgresUrl(service.port, password, DATABASE)
  const endLog = keepShort(service.logFile, LOG_BYTES_MAX)
  try {
    await createDatabase(postgresUrl(service.port, password), DATABASE)
    writeDurably(folder.urlFile, `${url}\n`)
    file.write({ ...state, port: service.port, owner: { ...state.owner!, isServing: true } })
  } catch (error) {
    await service.stop()
    throw error
  }
  isUp = true
  return {
    url,
    portBefore: portBefore === service.port ? null : portBefore,
    async stop() {
      isUp = false
      ending.abort()
      endLog()
      file.write({ ...state, port: service.port })
      await comingBack
      await service.stop()
    },
  }
}

async function start(options: OwnedOptions, onExit: () => void): Promise<Service> {
  const { folder, packaged, state } = options
  const { dir, data, user } = folder
  const home = postgresHome(packaged, user)
  if (options.isForgotten) {
    await endOrphan(data, options.say)
    await resetPassword({ home, data, user }, state.password)
  }
  for (let tries = 1; ; tries++) {
    await endOrphan(data, options.say)
    try {
      return await startServer({
        name: 'the embedded Postgres',
        dir,
        data,
        home,
        user,
        password: state.password,
        settings: SETTINGS,
        orphan: ORPHAN,
        ...(state.port !== null && { ports: [state.port] }),
        onExit,
      })
    } catch (error) {
      if (tries === IN_USE_TRIES || !STILL_IN_USE.test((error as Error).message)) throw error
      await sleep(500)
    }
  }
}

/** One that outlived its killed owner, whose watchdog was killed too or is at it still. */
async function endOrphan(data: string, say: (text: string) => void): Promise<void> {
  const orphan = runningServer(data)
  if (!orphan) return
  say(`Ending the Postgres (process ${orphan.pid}) that outlived the process which had started it.`)
  await end(orphan, postgresStop.signal, postgresStop.timeoutMs)
}

async function bringBack(service: Service, signal: AbortSignal, say: (text: string) => void) {
  while (!signal.aborted) {
    try {
      await service.restart()
      say('The embedded Postgres is back.')
      return
    } catch (error) {
      say(`The embedded Postgres does not start: ${(error as Error).message}`)
      await sleep(BRING_BACK_EVERY_MS, undefined, { signal }).catch(() => {})
    }
  }
}
