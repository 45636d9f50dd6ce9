// The page on the HTTP door: its commands run against a node with nothing configured, and its table of settings is the program's.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SETTINGS } from '../../src/cli/settings.ts'
import { cli, ROOT, type RunningCli, startCli } from '../support/cli.ts'
import { temporaryDir } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { copyCheckout, type Ran, runSnippets, snippetsOf } from './snippets.ts'

const PAGE = 'docs/http.md'
const TIMEOUT_MS = 60_000

const dir = temporaryDir()
let node: RunningCli | undefined
let ran: Ran = { outputs: [], words: '' }

beforeAll(async () => {
  const checkout = copyCheckout(dir.path)
  const env = { SPINDEXER_HTTP: '127.0.0.1:0' }
  node = startCli(['run'], { cwd: checkout.path, env })
  const address = await waitFor(
    'the door',
    async () => /\bhttp:\/\/127\.0\.0\.1:\d+/.exec(node!.stderr())?.[0],
    { timeoutMs: TIMEOUT_MS },
  )
  await cli(['datasets', 'apply', join(ROOT, 'examples/catalogue')], { cwd: checkout.path })
  await waitFor('the definitions', async () => /Took 2 definitions/.test(node!.stderr()))
  ran = await runSnippets(checkout, [`export DOOR=${address}`, ...snippetsOf(PAGE)], {
    timeoutMs: TIMEOUT_MS,
  })
})

afterAll(async () => {
  node?.kill('SIGTERM')
  await node?.ended
  dir.remove()
})

describe('the commands', () => {
  test('write, and say so', () => {
    expect(JSON.parse(ran.outputs[1]!)).toMatchObject({ durable: 1, applied: true })
    expect(JSON.parse(ran.outputs[2]!)).toMatchObject({ durable: 2, applied: true })
    expect(JSON.parse(ran.outputs[3]!)).toMatchObject({ durable: 1, applied: true })
  })

  test('read what was written', () => {
    const answers = ran.outputs[4]!
    for (const part of ['"name":"artists"', '"title":"Blue","plays":9', '"stamp":"', '"next":"']) {
      expect(answers).toContain(part)
    }
  })
})

test('every setting of the door is in its tables, with its default', () => {
  const text = readFileSync(join(ROOT, PAGE), 'utf8')
  for (const { name, fallback } of SETTINGS.filter((setting) => setting.name.startsWith('SPINDEXER_HTTP'))) {
    expect(text).toContain(name)
    if (fallback !== null) expect(text, name).toContain(plain(fallback))
  }
})

/** Numbers as the page writes them. */
function plain(text: string): string {
  return /^\d+$/.test(text) ? Number(text).toLocaleString('en') : text
}
