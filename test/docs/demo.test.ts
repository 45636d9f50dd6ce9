// The demo as `make demo` runs it, with services of its own in a directory of its own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { ROOT } from '../support/cli.ts'
import { engineEnvironment, temporaryDir } from '../support/services.ts'
import { removeStack } from '../support/stack.ts'

const dir = temporaryDir()
const DEMO_MS_MAX = 110_000

afterAll(async () => {
  await removeStack(dir.path)
  dir.remove()
})

test('the demo ends with nodes that are equal', async () => {
  const { code, stdout, stderr } = await run('scripts/demo.ts', ['--root', dir.path])
  expect(code, `${stdout}\n${stderr}`).toBe(0)

  const fingerprints = [...stdout.matchAll(/^ {2}(ada|ben): ([0-9a-f]{64})$/gm)]
  expect(fingerprints.map(([, node]) => node)).toEqual(['ada', 'ben', 'ada', 'ben'])
  expect(new Set(fingerprints.map(([, , fingerprint]) => fingerprint)).size).toBe(1)
  expect(stderr).toContain('Caught up')
})

async function run(script: string, args: readonly string[]) {
  const child = spawn(process.execPath, [join(ROOT, script), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...engineEnvironment() },
  })
  // SIGTERM, which the demo passes on to what it has started.
  const timer = setTimeout(() => child.kill('SIGTERM'), DEMO_MS_MAX)
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  clearTimeout(timer)
  return { code: child.exitCode, stdout, stderr }
}
