// Who runs Postgres, and where that user can write its data.

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

export interface User {
  readonly uid: number
  readonly gid: number
}

/** Only root may write here, everyone may pass: what `nobody` needs when a folder is closed to it. */
export const systemHome = '/var/lib/spindexer'

/** Postgres refuses to run as root, so for root it is `nobody`; else undefined, and we run it ourselves. */
export function postgresUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  // macOS has it as -2.
  const line = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
  if (!line) throw new Error('Postgres does not run as root, and there is no user `nobody` to run it as')
  return { uid: Number(line[1]), gid: Number(line[2]) }
}

/** True when `user` can pass every directory down to `dir`. */
export function canEnter(dir: string, user: User | undefined): boolean {
  return !user || spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', dir], { cwd: '/', ...user }).status === 0
}

/** Makes the path the user's; without a user it stays ours. */
export function giveTo(user: User | undefined, path: string): void {
  if (user) chownSync(path, user.uid >>> 0, user.gid >>> 0)
}

/**
 * The directory for a server's data: `dir` itself, or, where `user` cannot get there (under a closed home
 * directory), one under /var/lib/spindexer to which a link in `dir` points.
 */
export function dataHome(dir: string, user: User | undefined): string {
  const wanted = join(dir, 'data')
  const found = lstatSync(wanted, { throwIfNoEntry: false })
  // Where data lie they stay, also when the folder has been opened meanwhile.
  if (found?.isSymbolicLink()) return readlinkSync(wanted)
  if (canEnter(dir, user)) return wanted
  if (found)
    throw new Error(`${wanted}: \`nobody\`, who runs Postgres for root, cannot get there; chmod o+x opens it`)
  // At random, not by the folder's path: one made anew at the same place must not find the old one's data.
  const elsewhere = join(systemHome, `data-${randomBytes(6).toString('hex')}`)
  makeOpenDir(systemHome)
  makeOpenDir(elsewhere)
  symlinkSync(join(elsewhere, 'data'), wanted)
  return join(elsewhere, 'data')
}

/** A directory that others may pass, whatever the umask. */
export function makeOpenDir(dir: string): void {
  if (mkdirSync(dir, { recursive: true })) chmodSync(dir, 0o755)
}
