// One process at a time: waits for its turn.
import { setTimeout as sleep } from 'node:timers/promises'
import { takeLock } from '../../src/embedded/lock.ts'

/** Runs `work` while no other process runs under the lock of this file. */
export async function withLock<T>(file: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const until = Date.now() + timeoutMs
  let lock = takeLock(file)
  while (!lock) {
    if (Date.now() > until) throw new Error(`another process has held ${file} for ${timeoutMs / 1000} s`)
    await sleep(100)
    lock = takeLock(file)
  }
  try {
    return await work()
  } finally {
    lock.release()
  }
}
