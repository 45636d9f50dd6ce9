// Notices a connection that is dead without saying so: an answer that is late is asked after on another connection.

import type { Socket } from 'node:net'
import pg, { type Pool, type PoolClient } from 'pg'
import { isAway, isOfServer } from './errors.ts'

const LOOK_EVERY_MS = 2_500
/** Of silence in both directions while an answer is due, before the server is asked. */
const SILENT_MS = 10_000
/** The same while a part of the statement has not left this process yet: a slow network is not a dead one. */
const SENDING_MS = 60_000
const ASK_MS = 10_000

/** What the watch reads of the driver's client, and what `begin` keeps there. */
export interface WatchedClient extends PoolClient {
  /** False from the sending of a statement to the end of its answer. */
  readonly readyForQuery?: boolean | null
  /** The server's process as it said at the beginning; behind a pooler, a number that the pooler made up. */
  readonly processID?: number | null
  /** The server's process of the transaction; not the connection's, of which a pooler may have several. */
  backendPid?: number | undefined
}

/**
 * Watches every connection while it is lent. A statement may take as long as it needs, as long as the server says that
 * it is at work on it; otherwise its connection is closed, which the statement gets as an ETIMEDOUT. So a network that
 * swallows everything, and an answer that was lost, cost seconds; TCP alone would wait for minutes to hours.
 */
export function watchAnswers(pool: Pool): void {
  const ends = new Map<PoolClient, () => void>()
  pool.on('acquire', (client) => void ends.set(client, watch(pool, client)))
  pool.on('release', (_error, client) => {
    ends.get(client)?.()
    ends.delete(client)
  })
}

function watch(pool: Pool, client: WatchedClient): () => void {
  let bytes = -1
  let sinceMs = performance.now()
  let isAsking = false
  let isEnded = false
  /** True when an answer is due and nothing has moved since the last look. */
  const isSilent = (stream: Socket): boolean => {
    const before = bytes
    bytes = stream.bytesRead + stream.bytesWritten
    return client.readyForQuery === false && bytes === before
  }
  const look = async (): Promise<void> => {
    if (isAsking) return
    const stream = client.connection.stream as Socket
    if (!isSilent(stream)) sinceMs = performance.now()
    const limitMs = stream.writableLength > 0 ? SENDING_MS : SILENT_MS
    if (performance.now() - sinceMs < limitMs) return
    isAsking = true
    const isAtWork = await askServer(pool, client.backendPid ?? client.processID)
    isAsking = false
    if (isEnded) return
    // An answer may have been at hand all the time, while this process was busy: by now it has been read.
    if (isAtWork || !isSilent(stream)) sinceMs = performance.now()
    else stream.destroy(lostConnection(performance.now() - sinceMs))
  }
  const timer = setInterval(() => void look(), LOOK_EVERY_MS).unref()
  return () => {
    isEnded = true
    clearInterval(timer)
    client.backendPid = undefined
  }
}

/** Whether the server is at work on a statement of that process; true also where it answers, but cannot say. */
async function askServer(pool: Pool, pid: number | null | undefined): Promise<boolean> {
  const client = new pg.Client({
    ...pool.options,
    connectionTimeoutMillis: ASK_MS,
    query_timeout: ASK_MS,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ is_at_work: boolean }>(IS_AT_WORK, [pid ?? null])
    return rows[0]?.is_at_work === true
  } catch (error) {
    // All connections may be taken while the statement goes on; but no statement outlives its server.
    return isOfServer(error) && !isAway(error)
  } finally {
    client.connection.stream.destroy()
  }
}

const IS_AT_WORK = `
select state = 'active' and wait_event_type is distinct from 'Client' as is_at_work
from pg_stat_activity where pid = $1`

function lostConnection(silentMs: number): Error {
  return Object.assign(
    new Error(
      `Postgres was silent for ${Math.round(silentMs / 1_000)} s and is not at work on the statement: the connection is lost`,
    ),
    { code: 'ETIMEDOUT' },
  )
}
