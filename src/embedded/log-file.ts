// Keeps a log file short: what a server writes for years must not fill the disk.

import { copyFileSync, statSync, truncateSync } from 'node:fs'

const LOOK_EVERY_MS = 60_000

/**
 * Looks once a minute, and at once; above `bytesMax` the file begins anew, and what it held is in `FILE.1` until the
 * next time. Emptied, not replaced: the server appends to the file that it has open. Returns what ends it.
 */
export function keepShort(file: string, bytesMax: number, everyMs = LOOK_EVERY_MS): () => void {
  const look = (): void => {
    try {
      if (statSync(file).size <= bytesMax) return
      copyFileSync(file, `${file}.1`)
      truncateSync(file)
    } catch {
      // It is tried again in a minute; a log is no reason to end.
    }
  }
  look()
  const timer = setInterval(look, everyMs).unref()
  return () => clearInterval(timer)
}
