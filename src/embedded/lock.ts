// One process at a time, by a lock on a file that the kernel lets go of when its holder dies.

import { DatabaseSync } from 'node:sqlite'

export interface Lock {
  release(): void
}

const BUSY = 5

/**
 * Takes the lock on this file, or says null where another process has it. Node has no flock; SQLite's lock on an empty
 * database is the kernel's (fcntl, https://sqlite.org/lockingv3.html): two that start at the same moment never both get
 * it, and a killed process leaves none behind, whoever has its number next. The file itself means nothing.
 */
export function takeLock(file: string): Lock | null {
  const database = new DatabaseSync(file)
  try {
    // No journal: nothing is ever written.
    database.exec('pragma journal_mode = off; begin exclusive')
  } catch (error) {
    database.close()
    if ((error as { errcode?: number }).errcode === BUSY) return null
    throw error
  }
  return { release: () => database.close() }
}
