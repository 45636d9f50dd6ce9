// The demo as `make demo` runs it, with services of its own in a directory of its own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, expect, test } from 'vitest'
import { ROOT } from '../support/cli.ts'
import { engineEnvironment, temporaryDir } from '../support/services.ts'
import { removeStack, runStack } from '../support/stack.ts'

const dir = temporaryDir()
const DEMO_MS_MAX = 280_000

afterAll(async () => {
  await removeStack(dir.path)
  dir.remove()
})

/** Fewer than for people. */
const MESSAGES = 6_000

test('the demo ends with nodes that are equal, and accounts for every message', async () => {
  const { code, stdout, stderr } = await start(['--messages', String(MESSAGES)]).ended
  expect(code, `${stdout}\n${stderr}`).toBe(0)
  const states = [...stdout.matchAll(/^ {3}(ada|ben) +([\d,]+) +([\d,]+) +([\d,]+) +([0-9a-f]{64})$/gm)]
  expect(states.map(([, node]) => node)).toEqual(['ada', 'ben', 'ada', 'ben'])
  // Beside the writers' messages: one refused, a file of 100 lines twice, 600 again, and 8 by a careless program.
  expect(new Set(states.map(([, , ...state]) => state.join(' ')))).toEqual(
    new Set([`6,809 6,803 6 ${states[0]![5]}`]),
  )
  expect(stdout).toContain('exit 1: stopped, because 1 message will be quarantined by every node')
  expect(stdout).toMatch(/^ +3 +parked +unknown-dataset /m)
  expect(stdout).toMatch(/^ +2 +quarantined +clock-ahead /m)
  expect(stdout).toContain('Equal, every time')
}, 300_000)

test('asked to end, the demo stops its services', async () => {
  const { child, ended } = start(['--messages', String(MESSAGES)])
  child.stdout.on('data', (chunk: Buffer) => {
    if (chunk.includes('publish -')) child.kill('SIGINT')
  })
  const { code, stderr } = await ended
  expect(code, stderr).toBe(1)
  expect(stderr).toContain('ending, and stopping the services')
  const { stdout } = await runStack(dir.path, ['status'])
  expect(stdout.match(/stopped/g), stdout).toHaveLength(3)
}, 300_000)

function start(args: readonly string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'scripts/demo.ts'), '--root', dir.path, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...engineEnvironment() },
  })
  // SIGTERM, which the demo passes on to what it has started.
  const timer = setTimeout(() => child.kill('SIGTERM'), DEMO_MS_MAX)
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(
    ([stdout, stderr]) => {
      clearTimeout(timer)
      return { code: child.exitCode, stdout, stderr }
    },
  )
  return { child, ended }
}
