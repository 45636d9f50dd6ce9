// Waiting for what must come, with a bound.

import { setTimeout as sleep } from 'node:timers/promises'

/** Asks every `everyMs` until the answer is not null, undefined or false; throws after `timeoutMs`. */
export async function waitFor<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  { timeoutMs = 60_000, everyMs = 50 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const until = Date.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== null && answer !== undefined && answer !== false) return answer
    if (Date.now() > until) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`)
    await sleep(everyMs)
  }
}
