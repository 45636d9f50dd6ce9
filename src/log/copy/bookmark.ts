// The copy's bookmark in the source: how far it is, saved every now and then.

import { setTimeout as sleep } from 'node:timers/promises'
import type { LogKeeping } from '../log.ts'
import type { Places } from './places.ts'

const EVERY_MS = 1_000

/** The name of a copy's bookmark in its source. */
export function copyBookmark(copyId: string): string {
  return `spindexer-copy-${copyId}`
}

/** Saves what has changed until the signal is aborted, and once more then. Throws what the log throws. */
export async function keepBookmark(
  source: Pick<LogKeeping, 'saveBookmark'>,
  name: string,
  places: Places,
  signal: AbortSignal,
): Promise<void> {
  const saved = new Map(places.reached())
  for (;;) {
    await sleep(EVERY_MS, undefined, { signal }).catch(() => {})
    const isLast = signal.aborted
    const moved = new Map([...places.reached()].filter(([partition, at]) => saved.get(partition) !== at))
    if (moved.size > 0) await source.saveBookmark(name, moved)
    for (const [partition, at] of moved) saved.set(partition, at)
    if (isLast) return
  }
}
