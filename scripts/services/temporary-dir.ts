// Directories for services that nobody needs afterwards.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canEnter, postgresUser } from '../../src/embedded/user.ts'

export interface TemporaryDir {
  readonly path: string
  /** Call it when the services in it have ended. */
  remove(): void
}

/** A new directory that Postgres's user can get to also when we are root and TMPDIR is root's own. */
export function createTemporaryDir(name: string): TemporaryDir {
  const user = postgresUser()
  const parent = [tmpdir(), '/tmp', '/var/tmp'].find((dir) => canEnter(dir, user)) ?? tmpdir()
  const path = mkdtempSync(join(parent, `spindexer-${name}-`))
  chmodSync(path, 0o711)
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}
