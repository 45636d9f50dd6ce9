// Waiting for what comes back: one table of how long, one loop that tries again.

import { setTimeout as sleep } from 'node:timers/promises'

/** Waits between tries, milliseconds; the last one repeats. Half a minute in all before the last is reached. */
const WAITS_MS = [50, 100, 250, 500, 1_000, 2_000, 5_000] as const

/**
 * Runs `attempt` until it succeeds. An error for which `isTransient` is true is reported and waited for, without an
 * end; any other is thrown. Once the signal is aborted the last error is thrown.
 */
export type Retry = <T>(what: string, attempt: () => Promise<T>) => Promise<T>

export interface RetryOptions {
  readonly isTransient: (error: unknown) => boolean
  readonly onWait: (what: string, error: unknown, tries: number, waitMs: number) => void
  readonly signal: AbortSignal
}

export function createRetry({ isTransient, onWait, signal }: RetryOptions): Retry {
  return async (what, attempt) => {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt()
      } catch (error) {
        if (signal.aborted || !isTransient(error)) throw error
        const waitMs = waitOf(tries)
        onWait(what, error, tries, waitMs)
        await pause(waitMs, signal)
      }
    }
  }
}

/** How long to wait after the try number `tries` (from 1) failed, milliseconds. */
export function waitOf(tries: number): number {
  return WAITS_MS[Math.min(tries, WAITS_MS.length) - 1]!
}

/** Waits; returns early, without an error, when the signal is aborted. */
export async function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  await sleep(waitMs, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
}
