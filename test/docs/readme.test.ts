// The README's own steps run as they stand there, in one shell, and its links lead to files.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../support/cli.ts'
import { createDatabase, kafka, registry, temporaryDir, uniqueTopic } from '../support/services.ts'
import { addProgram, copyCheckout, fencedIn, type Ran, runSnippets, snippetsOf } from './snippets.ts'

const TIMEOUT_MS = 480_000

const dir = temporaryDir()
let database: Awaited<ReturnType<typeof createDatabase>> | undefined
let ran: Ran = { outputs: [], words: '' }

beforeAll(async () => {
  database = await createDatabase(18, 'readme')
  const checkout = copyCheckout(dir.path)
  // Also where there is a real one: so the test does the same on every machine.
  addProgram(checkout, 'psql', [process.execPath, join(import.meta.dirname, 'psql.ts')])
  const env = [
    `SPINDEXER_LOG=kafka://${(await kafka()).brokers.join(',')}/${uniqueTopic('readme')}`,
    `DATABASE_URL=${database.url}`,
    `SCHEMA_REGISTRY_URL=${(await registry()).url}`,
  ]
  writeFileSync(join(checkout.path, '.env'), `${env.join('\n')}\n`)
  // What the snippet does that also starts services: the shell reads .env.
  ran = await runSnippets(checkout, ['set -a; . ./.env; set +a', ...snippetsOf('README.md')], {
    timeoutMs: TIMEOUT_MS,
  })
}, TIMEOUT_MS + 60_000)

afterAll(async () => {
  await database?.drop()
  dir.remove()
})

describe("the README's own steps", () => {
  test('the first change is in the view', () => {
    expect(ran.outputs[1]).toContain('"definition":"new"')
    expect(ran.outputs[2]).toContain('{"durable":1,"skipped":0}')
    expect(ran.outputs[2]).toMatch(/t1 *\| *Blue *\| *7/)
  })

  test('changes in the wrong order make the rows that it shows', () => {
    expect(ran.outputs[3]).toContain(fencedIn('README.md', 'json')[0])
    expect(ran.outputs[3]).toContain('"lag":0')
  })

  test('a definition adds columns', () => {
    expect(ran.outputs[4]).toContain('"definition":"changed"')
    expect(ran.outputs[4]).toMatch(/Blue *\| *Reprise *\| *9\.9(?!\d)/)
  })

  test('a guarded log takes what its policy allows', () => {
    expect(ran.outputs[5]).toContain('"policy":"new"')
    expect(ran.outputs[5]).toContain('{"durable":1,"skipped":0}')
    expect(ran.outputs[5]).toMatch(/"guarded":true,"version":1/)
    expect(ran.words).toContain('Version 1 is in force')
  })

  test('nothing was set aside on the way', () => {
    expect(ran.words.match(/ 0 parked, 0 quarantined/g)).toHaveLength(3)
  })
})

test.each([
  'README.md',
  'schemas/README.md',
  'examples/python/README.md',
  'docs/operations.md',
  'docs/http.md',
  'CONTRIBUTING.md',
])('every link in %s leads to a file', (file) => {
  const links = [...readFileSync(join(ROOT, file), 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
  const targets = links.map((link) => link[1]!).filter((target) => !/^[a-z]+:/.test(target))
  expect(targets.filter((target) => !existsSync(join(ROOT, dirname(file), target)))).toEqual([])
})
