// The README's own steps run as they stand there, in one shell, and its links lead to files.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../support/cli.ts'
import { createDatabase, kafka, registry, temporaryDir, uniqueTopic } from '../support/services.ts'

/** What the checkout has and its copy must not: the developer's settings and services, and what is no part of it. */
const LEFT_OUT: ReadonlySet<string> = new Set(['.env', '.git', '.spindexer', 'definitions'])
const SHELL_MS_MAX = 90_000
/** Each marker that may stand above a snippet of shell, and whether it is run. */
const RUN_BY_MARKER: Readonly<Record<string, boolean>> = { run: true, 'starts services': false }
/** Leads one snippet's output off from the next one's. */
const CUT = '-----8<-----'

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const dir = temporaryDir()
const bin = join(dir.path, 'bin')
const checkout = join(dir.path, 'checkout')
let database: Awaited<ReturnType<typeof createDatabase>> | undefined
let outputs: readonly string[] = []
let words = ''

beforeAll(async () => {
  database = await createDatabase(18, 'readme')
  prepareCheckout()
  const env = [
    `SPINDEXER_LOG=kafka://${(await kafka()).brokers.join(',')}/${uniqueTopic('readme')}`,
    `DATABASE_URL=${database.url}`,
    `SCHEMA_REGISTRY_URL=${(await registry()).url}`,
  ]
  writeFileSync(join(checkout, '.env'), `${env.join('\n')}\n`)
  // What the snippet does that also starts services: the shell reads .env.
  const script = ['set -euo pipefail', 'set -a; . ./.env; set +a', ...snippets()].join(`\necho '${CUT}'\n`)
  const result = await runShell(script)
  words = result.stderr
  outputs = result.stdout.split(`${CUT}\n`).slice(2)
})

afterAll(async () => {
  await database?.drop()
  dir.remove()
})

describe("the README's own steps", () => {
  test('the first change is in the view', () => {
    expect(outputs[0]).toContain('"definition":"new"')
    expect(outputs[1]).toContain('{"durable":1,"skipped":0}')
    expect(outputs[1]).toMatch(/t1 *\| *Blue *\| *7/)
  })

  test('changes in the wrong order make the rows that it shows', () => {
    expect(outputs[2]).toContain(fenced('json')[0])
    expect(outputs[2]).toContain('"lag":0')
  })

  test('a definition adds columns', () => {
    expect(outputs[3]).toContain('"definition":"changed"')
    expect(outputs[3]).toMatch(/Blue *\| *Reprise *\| *9\.9(?!\d)/)
  })

  test('nothing was set aside on the way', () => {
    expect(words.match(/ 0 parked, 0 quarantined/g)).toHaveLength(3)
  })
})

test.each(['README.md', 'schemas/README.md', 'examples/python/README.md'])(
  'every link in %s leads to a file',
  (file) => {
    const links = [...readFileSync(join(ROOT, file), 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
    const targets = links.map((link) => link[1]!).filter((target) => !/^[a-z]+:/.test(target))
    expect(targets.filter((target) => !existsSync(join(ROOT, dirname(file), target)))).toEqual([])
  },
)

/** The blocks of shell in their order. Each has a marker, so that none is left out by oversight. */
function snippets(): string[] {
  const found = [...readme.matchAll(/(?:<!-- (.+) -->\n)?```sh\n([\s\S]*?)```/g)]
  return found.flatMap(([, marker = '', text]) => {
    const isRun = RUN_BY_MARKER[marker]
    if (isRun === undefined) throw new Error(`the README marks a snippet of shell as "${marker}":\n${text}`)
    return isRun ? [text!] : []
  })
}

function fenced(language: string): string[] {
  return [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    (block) => block[1]!,
  )
}

/** A checkout in which snippets may write, and a psql for them. */
function prepareCheckout(): void {
  mkdirSync(checkout)
  mkdirSync(bin)
  for (const name of readdirSync(ROOT)) {
    if (!LEFT_OUT.has(name)) symlinkSync(join(ROOT, name), join(checkout, name))
  }
  // Also where there is a real one: so the test does the same on every machine.
  const psql = `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dirname, 'psql.ts')}' "$@"\n`
  writeFileSync(join(bin, 'psql'), psql, { mode: 0o755 })
}

function runShell(script: string): Promise<{ stdout: string; stderr: string }> {
  const path = [bin, dirname(process.execPath), process.env.PATH].join(delimiter)
  const env = { PATH: path, HOME: process.env.HOME ?? '' }
  return new Promise((resolve, reject) => {
    execFile(
      'bash',
      ['-c', script],
      { cwd: checkout, env, timeout: SHELL_MS_MAX },
      (error, stdout, stderr) =>
        error === null
          ? resolve({ stdout, stderr })
          : reject(new Error(`${error.message}\n${stdout}\n${stderr}`)),
    )
  })
}
