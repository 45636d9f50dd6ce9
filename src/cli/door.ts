// Opens the HTTP door of a running node: settings to ports, ports to routes.

import type { FastifyInstance } from 'fastify'
import { createApplied } from '../http/applied.ts'
import { createMetrics } from '../http/metrics.ts'
import { createProgress } from '../http/progress.ts'
import { createProve } from '../http/records/prove.ts'
import { addRoutes } from '../http/routes.ts'
import { createDoor } from '../http/server.ts'
import { createSnapshots, type WithSnapshot } from '../http/snapshots.ts'
import type { SeenLog } from '../http/status-record.ts'
import { createWatermarks } from '../http/watermarks.ts'
import type { Log } from '../log/log.ts'
import type { NodeEvent } from '../node/context.ts'
import type { ProofPool } from '../proofs/pool.ts'
import { isTransient, type OpenedLog, openDatabase } from './compose.ts'
import type { Context } from './context.ts'
import { type DoorConfig, readTls, warningsOf } from './door-config.ts'
import { createDoorWriting, createInspect, explainLog } from './door-writing.ts'
import { explainError, Failure, messageOf } from './errors.ts'
import { HTTP_DEFAULT } from './http-settings.ts'
import { PACKAGE } from './version.ts'

export interface Door {
  /** Hears what the node tells of itself. */
  note(event: NodeEvent): void
  /** Takes no more requests, lets those that there are finish for a bounded time, ends streams. */
  stopServing(): Promise<void>
  /** The same, and gives back what the door holds. */
  close(): Promise<void>
}

/** Beside the connections of the node, which needs them all; one more is for short looks at positions. */
const SNAPSHOTS_MAX = 3
const SNAPSHOT_WAIT_MS = 10_000
const STATEMENT_MS = 30_000
const WATERMARK_MAX_AGE_MS = 5_000
const WATERMARK_WAIT_MS = 2_000
const LOOK_MS = 10_000
/** For requests to finish; the node needs what is left of the ten seconds after which supervisors kill. */
const CLOSE_MS = 2_000

export interface DoorOptions {
  readonly config: DoorConfig
  readonly opened: OpenedLog
  /** Threads that verify signatures, which the caller ends. */
  readonly pool: Pick<ProofPool, 'prove'>
}

export async function openDoor(context: Context, { config, opened, pool }: DoorOptions): Promise<Door> {
  const { out, debug } = context
  const { log } = opened
  const prove = createProve(pool)
  const database = openDatabase(context.config, {
    connectionsMax: SNAPSHOTS_MAX + 1,
    statementMs: STATEMENT_MS,
  })
  const now = () => performance.now()
  const lookAtLog = () => look(log)
  const watermarks = createWatermarks({
    lookAtLog,
    now,
    maxAgeMs: WATERMARK_MAX_AGE_MS,
    waitMs: WATERMARK_WAIT_MS,
  })
  const progress = createProgress({ now, stallMs: config.stallMs })
  const metrics = createMetrics({ version: PACKAGE.version, progress, watermarks })
  const withSnapshot: WithSnapshot = createSnapshots({
    open: () => database.reader(),
    isTransient,
    snapshotsMax: SNAPSHOTS_MAX,
    waitMs: SNAPSHOT_WAIT_MS,
  })
  const applied = createApplied({ look: (identity) => database.look(identity) })
  const inspect = createInspect(log)
  const writers = createDoorWriting(context, {
    ...{ opened, database, inspect, prove },
    waitMs: config.limits.appendMs,
  })
  const { writing, relay } = writers
  const app = await createDoor({
    ...config,
    version: PACKAGE.version,
    onBug(error, requestId) {
      out.say(`warning: HTTP: request ${requestId} failed: ${firstLine(error)}`)
      if (error instanceof Error) debug(error.stack ?? '')
    },
  })
  const { limits } = config
  addRoutes(app, {
    ...{ withSnapshot, lookAtLog, progress, watermarks, metrics },
    findQuarantined: database.quarantined,
    ...{ log, inspectLog: inspect, writing, relay, prove, applied, explainLog, limits },
  })

  let closing: Promise<void> | null = null
  const stopServing = (): Promise<void> => {
    closing ??= closeApp(app)
    return closing
  }
  const close = async (): Promise<void> => {
    await stopServing()
    writers.close()
    await database.close()
  }
  try {
    out.say(await listen(app, config))
  } catch (error) {
    await close()
    throw error
  }
  for (const warning of warningsOf(config)) out.say(`warning: ${warning}`)
  app.server.on('error', (error) => out.say(`warning: HTTP: ${messageOf(error)}`))
  const stopReloading = reloadTls(context, config, app)
  return {
    note(event) {
      try {
        applied.note(event)
        if (event.type === 'moved') writing.forget()
        if (event.type === 'committing') {
          writing.follow({ stamp: event.newestStamp, appendMs: event.newestAppendMs })
        }
        progress.note(event)
        metrics.note(event)
      } catch (error) {
        // What goes wrong here must not end the node.
        out.say(`warning: HTTP: ${firstLine(error)}`)
        debug(error instanceof Error ? (error.stack ?? '') : '')
      }
    },
    stopServing,
    close() {
      stopReloading()
      return close()
    },
  }
}

/** Where the door is, in words. The default's port is anybody's: another one is as good, one that was asked for is not. */
async function listen(app: FastifyInstance, { host, port, isSet, tls }: DoorConfig): Promise<string> {
  const scheme = tls === null ? 'http' : 'https'
  const words = () => `HTTP at ${scheme}://${host.includes(':') ? `[${host}]` : host}:${portOf(app)}`
  try {
    await app.listen({ host, port })
    return words()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE' && !isSet) {
      await app.listen({ host, port: 0 })
      return `${words()} (${HTTP_DEFAULT} is taken; SPINDEXER_HTTP or --http sets another)`
    }
    throw explainListen(error, code, `${host}:${port}`)
  }
}

function portOf(app: FastifyInstance): number {
  const address = app.server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

function explainListen(error: unknown, code: string | undefined, address: string): Failure {
  const at = `SPINDEXER_HTTP: HTTP cannot be served at ${address}`
  switch (code) {
    case 'EADDRINUSE':
      return new Failure(
        `${at}: something listens there already`,
        'end that, or set another address, or off',
        {
          cause: error,
        },
      )
    case 'EACCES':
      return new Failure(`${at}: the system does not allow it`, 'take a port from 1024 on', { cause: error })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new Failure(`${at}: this machine has no such address`, 'take 127.0.0.1 or one of its own', {
        cause: error,
      })
    default:
      return new Failure(`${at}: ${messageOf(error)}`, 'set another address, or off', { cause: error })
  }
}

async function look(log: Log): Promise<SeenLog> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<SeenLog>((resolve) => {
    timer = setTimeout(() => resolve({ type: 'away', reason: `no answer for ${LOOK_MS / 1_000} s` }), LOOK_MS)
  })
  const seen = log.describe().then(
    (description): SeenLog => ({ type: 'seen', description }),
    (error: unknown): SeenLog => ({ type: 'away', reason: firstLine(error) }),
  )
  try {
    return await Promise.race([seen, late])
  } finally {
    clearTimeout(timer)
  }
}

function firstLine(error: unknown): string {
  return explainError(error, false).text.split('\n')[0]!.replace('spindexer: ', '')
}

async function closeApp(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_MS)
  try {
    await app.close()
  } finally {
    clearTimeout(timer)
  }
}

/** SIGHUP, as elsewhere: files that were renewed are read again. Without TLS it keeps its usual meaning. */
function reloadTls({ config, out }: Context, { tls }: DoorConfig, app: FastifyInstance): () => void {
  if (tls === null) return () => {}
  const reload = (): void => {
    try {
      // The server is that of node:https, where there is TLS.
      const server: unknown = app.server
      ;(server as import('node:https').Server).setSecureContext(readTls(config)!)
      out.say('HTTP: certificate and key were read again')
    } catch (error) {
      out.say(`warning: HTTP keeps its certificate: ${messageOf(error)}`)
    }
  }
  process.on('SIGHUP', reload)
  return () => void process.off('SIGHUP', reload)
}
