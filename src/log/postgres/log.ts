// The log in Postgres, behind the port: one log a database, in the schema spindexer_log.

import type { Pointer } from '../../codec/record.ts'
import { createPool } from '../../postgres/pool.ts'
import type { Appended, KeptLog, NewRecord } from '../log.ts'
import { createTroubles } from '../trouble.ts'
import { createAppender, GIVE_UP_MS, placeRecords } from './appender.ts'
import { loadBookmark, saveBookmark } from './bookmarks.ts'
import { callFunction } from './call.ts'
import { CLOSED, createConnections, withRetry } from './connections.ts'
import { createContentReader } from './content.ts'
import { describePostgresLog } from './describe.ts'
import { findMessages, type MessageQuery } from './find.ts'
import { readMembers } from './group.ts'
import { type Layout, readLayout } from './layout.ts'
import { createListener } from './listener.ts'
import { postgresLogName } from './name.ts'
import { recordParameters } from './parameters.ts'
import { pickRecords } from './pick.ts'
import { readPostgres } from './reader.ts'

export interface PostgresLogOptions {
  readonly connectionString: string
  /** Words about lost connections and the like, a line each, for a log file. */
  readonly onLog: (line: string) => void
  /** Words for people, while reading or appending has been waiting for some seconds. */
  readonly onTrouble?: (text: string) => void
}

export interface PostgresLog extends KeptLog {
  /** Where all messages of a row are, or those that concern one column of it; a page at a time, in order. */
  findMessages(query: MessageQuery): AsyncIterable<readonly Pointer[]>
}

/** How long a question is asked again while the server does not answer. */
const ASK_MS = 5_000
/** How long what is to be done once is sent again. */
const SEND_MS = 30_000

export function createPostgresLog(options: PostgresLogOptions): PostgresLog {
  const { connectionString, onLog, onTrouble = () => {} } = options
  const createTrouble = createTroubles(onTrouble)
  const closing = new AbortController()
  const { signal } = closing
  const pool = createPool(connectionString)
  const connections = createConnections(pool)
  const listener = createListener(pool, signal, onLog)
  const name = postgresLogName(pool)
  const readers = new Set<Promise<void>>()
  const readContent = createContentReader()
  let describedLog: string | null = null
  let knownLayout: Layout | null = null
  /** Kept: whoever writes has checked this log before, and nobody has checked one that was made in its place. */
  const layout = async (): Promise<Layout> => {
    knownLayout ??= await readLayout(connections, signal)
    return knownLayout
  }
  const appender = createAppender({ connections, layout, name, signal, onLog, trouble: createTrouble() })
  const retry = <T>(attempt: string, forMs: number, task: () => Promise<T>): Promise<T> =>
    withRetry(attempt, { forMs, signal }, task)

  let closed: Promise<void> | null = null
  const end = async (): Promise<void> => {
    closing.abort()
    await Promise.all([...readers, listener.ended()])
    await connections.close()
  }
  const callWith = async (
    how: 'appendFirst' | 'seal',
    records: readonly NewRecord[],
  ): Promise<readonly Appended[]> => {
    const { log, count } = await layout()
    const placed = placeRecords(records, count, `appending to ${name}`)
    const values = [log, ...recordParameters(placed, readContent)]
    const answers = await connections.lend(signal, (client) => callFunction(client, how, values))
    const places = new Map(answers.map((answer) => [answer.partition, answer]))
    return placed.map(({ partition }) => {
      const { first, appendMs } = places.get(partition) ?? { first: -1n, appendMs: -1n }
      return { partition, offset: first, appendMs }
    })
  }

  return {
    describe: () =>
      retry(`describing ${name}`, ASK_MS, () =>
        connections.lend(signal, async (client) => {
          const { description, log } = await describePostgresLog(client, name)
          describedLog = log
          return description
        }),
      ),
    async append(records, how) {
      if (how?.onlyFirst !== true) return appender.append(records)
      return retry(`appending to ${name}`, SEND_MS, () => callWith('appendFirst', records))
    },
    async *read(reading) {
      if (signal.aborted) throw new Error(CLOSED)
      const onStart = (ended: Promise<void>) => {
        readers.add(ended)
        ended.then(() => readers.delete(ended))
      }
      yield* readPostgres({
        ...reading,
        signal: AbortSignal.any([reading.signal, signal]),
        connections,
        listener,
        layout: () => readLayout(connections, signal),
        name,
        isChecked: (log) => describedLog === null || describedLog === log,
        onLog,
        createTrouble,
        onStart,
      })
    },
    pick: (pointers) =>
      retry(`reading ${name}`, ASK_MS, () =>
        connections.lend(signal, (client) => pickRecords(client, pointers)),
      ),
    groupMembers: (group) =>
      retry(`asking for the members of group "${group}" of ${name}`, ASK_MS, () =>
        readMembers(connections, group, signal),
      ),
    loadBookmark: (bookmark) =>
      retry(`reading bookmark "${bookmark}" of ${name}`, SEND_MS, () =>
        connections.lend(signal, (client) => loadBookmark(client, bookmark)),
      ),
    saveBookmark: (bookmark, positions) =>
      retry(`saving bookmark "${bookmark}" of ${name}`, SEND_MS, () =>
        connections.lend(signal, (client) => saveBookmark(client, bookmark, positions)),
      ),
    async seal(records) {
      // One whose answer was lost has sealed the log all the same, and the next attempt does nothing.
      await retry(`closing ${name}`, GIVE_UP_MS, () => callWith('seal', records))
      return true
    },
    findMessages: (query) => findMessages(connections, query, signal),
    close() {
      closed ??= end()
      return closed
    },
  }
}
