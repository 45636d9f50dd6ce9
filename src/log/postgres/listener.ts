// Waking by LISTEN, over one connection of a handle's own: what it misses, polling finds.

import pg, { type Pool } from 'pg'
import { pause, retryMs } from './connections.ts'

/** What the log's functions notify of: records, and changes among those who read together. */
export const RECORDS_CHANNEL = 'spindexer_log'
export const MEMBERS_CHANNEL = 'spindexer_log_members'

export type Channel = typeof RECORDS_CHANNEL | typeof MEMBERS_CHANNEL

export interface Listener {
  /** Calls `wake` whenever there may be something new; the connection is made for the first of all. Answers with the way to end it. */
  listen(channel: Channel, wake: () => void): () => void
  /** Resolves when the connection is closed; it closes at the signal. */
  ended(): Promise<void>
}

export function createListener(pool: Pool, signal: AbortSignal, onLog: (line: string) => void): Listener {
  const waiting = new Map<Channel, Set<() => void>>([
    [RECORDS_CHANNEL, new Set()],
    [MEMBERS_CHANNEL, new Set()],
  ])
  let work: Promise<void> | null = null
  const wakeAll = (channels: Iterable<Channel>) => {
    for (const channel of channels) for (const wake of waiting.get(channel)!) wake()
  }
  const keepListening = async () => {
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        await listenOnce(pool, signal, {
          onListening() {
            failures = 0
            // What was said before nobody has heard.
            wakeAll(waiting.keys())
          },
          onNotified: (channel) => waiting.has(channel as Channel) && wakeAll([channel as Channel]),
        })
      } catch (error) {
        if (signal.aborted) return
        onLog(`listening to the log's database is interrupted: ${(error as Error).message}`)
      }
      wakeAll(waiting.keys())
      await pause(retryMs(failures), signal)
    }
  }

  return {
    listen(channel, wake) {
      const wakes = waiting.get(channel)!
      wakes.add(wake)
      work ??= keepListening()
      return () => void wakes.delete(wake)
    },
    ended: async () => work ?? undefined,
  }
}

interface Heard {
  readonly onListening: () => void
  readonly onNotified: (channel: string) => void
}

/** Listens until the connection ends or the signal is aborted. */
async function listenOnce(
  pool: Pool,
  signal: AbortSignal,
  { onListening, onNotified }: Heard,
): Promise<void> {
  const client = new pg.Client(pool.options)
  const ended = new Promise<void>((resolve, reject) => {
    client.on('error', reject)
    client.on('end', () => resolve())
  })
  // Looked at behind `connect`, which fails with the same.
  ended.catch(() => {})
  const cut = () => client.connection.stream.destroy()
  signal.addEventListener('abort', cut, { once: true })
  try {
    client.on('notification', ({ channel }) => onNotified(channel))
    await client.connect()
    await client.query(`listen ${RECORDS_CHANNEL}; listen ${MEMBERS_CHANNEL}`)
    onListening()
    await ended
  } finally {
    signal.removeEventListener('abort', cut)
    client.connection.stream.destroy()
  }
}
