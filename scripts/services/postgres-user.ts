// Who runs Postgres, and where that user can read its programs and write its data.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type PostgresVersion, postgresPackages } from './versions.ts'

export interface User {
  readonly uid: number
  readonly gid: number
}

/** Only root may write here, everyone may pass: what `nobody` needs when the checkout is closed to it. */
const systemHome = '/var/lib/spindexer'

/** Postgres refuses to run as root, so for root it is `nobody`; else undefined, and we run it ourselves. */
export function postgresUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
  if (!line) throw new Error('Postgres does not run as root, and there is no user `nobody` to run it as')
  return { uid: Number(line[1]), gid: Number(line[2]) }
}

/** The directory that holds Postgres's bin, lib and share, complete and usable by `user`. */
export function postgresHome(version: PostgresVersion, user: User | undefined): string {
  const home = packagedHome(version)
  if (hydrateSymlinks(home) && canRun(home, user)) return home
  const copy = join(user ? systemHome : join(homedir(), '.cache/spindexer'), `postgres-${versionOf(home)}`)
  if (!existsSync(copy)) copyHome(home, copy)
  if (canRun(copy, user)) return copy
  const { error, stderr } = runVersion(copy, user)
  throw new Error(`Postgres ${version} does not run from ${copy}: ${error?.message ?? stderr}`)
}

/**
 * The directory for a server's data: `dir` itself, or, where `user` cannot get there (a checkout under a
 * closed home directory), one under /var/lib/spindexer to which a link in `dir` points.
 */
export function dataHome(dir: string, user: User | undefined): string {
  const wanted = join(dir, 'data')
  if (canEnter(dir, user)) return wanted
  const found = lstatSync(wanted, { throwIfNoEntry: false })
  if (found?.isSymbolicLink()) return readlinkSync(wanted)
  if (found)
    throw new Error(`${wanted}: \`nobody\`, who runs Postgres for root, cannot get there (chmod o+x)`)
  // At random, not by the checkout's path: one made anew at the same place must not find the old one's data.
  const elsewhere = join(systemHome, `data-${randomBytes(6).toString('hex')}`)
  makeOpenDir(systemHome)
  makeOpenDir(elsewhere)
  symlinkSync(join(elsewhere, 'data'), wanted)
  return join(elsewhere, 'data')
}

/** True when `user` can pass every directory down to `dir`. */
export function canEnter(dir: string, user: User | undefined): boolean {
  return !user || spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', dir], { cwd: '/', ...user }).status === 0
}

function packagedHome(version: PostgresVersion): string {
  const name = postgresPackages[version]
  try {
    const entry = createRequire(import.meta.url).resolve(name)
    return join(dirname(dirname(entry)), 'native')
  } catch {
    const here = `${process.platform} ${process.arch}`
    throw new Error(`the package ${name} (Postgres ${version}) is not installed; run npm ci (here: ${here})`)
  }
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

/** A directory that others may pass, whatever the umask. */
export function makeOpenDir(dir: string): void {
  if (mkdirSync(dir, { recursive: true })) chmodSync(dir, 0o755)
}

function copyHome(home: string, copy: string): void {
  const root = dirname(copy)
  makeOpenDir(root)
  const partial = `${copy}.${randomBytes(4).toString('hex')}.partial`
  const native = join(partial, 'native')
  try {
    cpSync(home, native, { recursive: true, verbatimSymlinks: true })
    hydrateSymlinks(native)
    // A umask of 077 leaves files that only their owner may read.
    spawnSync('chmod', ['-R', 'a+rX', partial])
    try {
      renameSync(native, copy)
    } catch (error) {
      if (!existsSync(copy)) throw error
    }
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}
