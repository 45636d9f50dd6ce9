// Connections to the log's database as its parts borrow them, and questions that are asked again.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool, PoolClient } from 'pg'
import { endPool } from '../../postgres/pool.ts'
import { explain, isTransient } from './errors.ts'

export interface Connections {
  /**
   * Lends a connection for a task, which must leave no transaction open. When the signal is aborted the connection is
   * closed, whatever it waits for. One whose task has failed is not lent again.
   */
  lend<T>(signal: AbortSignal, task: (client: PoolClient) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export const CLOSED = 'the log is closed'

export function createConnections(pool: Pool): Connections {
  return {
    async lend(signal, task) {
      const client = await connect(pool, signal)
      const cut = () => client.connection.stream.destroy()
      signal.addEventListener('abort', cut, { once: true })
      let isBroken = true
      try {
        const result = await task(client)
        isBroken = signal.aborted
        return result
      } finally {
        signal.removeEventListener('abort', cut)
        client.release(isBroken)
      }
    },
    close: () => endPool(pool),
  }
}

/** A server that does not answer keeps nobody waiting who has given up. */
async function connect(pool: Pool, signal: AbortSignal): Promise<PoolClient> {
  if (signal.aborted) throw new Error(CLOSED)
  const connecting = pool.connect()
  const settled = new AbortController()
  const aborted = new Promise<null>((resolve) =>
    signal.addEventListener('abort', () => resolve(null), { once: true, signal: settled.signal }),
  )
  const client = await Promise.race([connecting, aborted]).finally(() => settled.abort())
  if (client !== null) return client
  connecting.then(
    (late) => late.release(),
    () => {},
  )
  throw new Error(CLOSED)
}

export interface Retrying {
  readonly forMs: number
  readonly signal: AbortSignal
  /** Is told of each failed attempt that is followed by another one, in words for people. */
  readonly onFailure?: (error: Error) => void
}

/** Tries again what failed for a reason that may pass, for `forMs`; then throws, saying what was attempted. */
export async function withRetry<T>(
  attempt: string,
  { forMs, signal, onFailure }: Retrying,
  task: () => Promise<T>,
): Promise<T> {
  const until = performance.now() + forMs
  for (let failures = 0; ; failures++) {
    try {
      return await task()
    } catch (error) {
      if (signal.aborted) throw new Error(CLOSED)
      const explained = explain(attempt, error)
      const delayMs = retryMs(failures)
      if (!isTransient(error) || performance.now() + delayMs > until) throw explained
      onFailure?.(explained)
      await pause(delayMs, signal)
    }
  }
}

/** How long to wait after so many failures in a row. */
export function retryMs(failures: number): number {
  return Math.min(50 * 2 ** failures, 1_000)
}

/** Waits; ends early, without an error, when the signal is aborted. */
export async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(delayMs, undefined, { signal }).catch(() => {})
}
