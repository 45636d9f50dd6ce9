// Fuzzing: whatever comes in, from a log or from people, is taken or refused in time, in bounded words, without a trace.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { announceSeed } from '../support/seed.ts'
import { soaked } from '../support/soak.ts'
import { BROKEN } from './broken.ts'
import { TARGETS } from './targets.ts'

const RUN = join(import.meta.dirname, 'run.ts')
const COUNT = soaked(20_000)

function fuzz(...args: readonly string[]): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['--expose-gc', RUN, ...args], (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, text: stdout + stderr }),
    )
  })
}

describe('fuzzing', () => {
  it(`${COUNT} inputs for each target`, async () => {
    const seed = announceSeed('test/fuzz/fuzz.test.ts')
    const { code, text } = await fuzz('--count', String(COUNT), '--seed', String(seed))
    expect(code, text).toBe(0)
    for (const { name } of TARGETS) expect(text).toContain(`${name}: ${COUNT} inputs`)
  }, 400_000)

  it.each([
    ['broken-throws', 'nobody expects it'],
    ['broken-hangs', 'still at it after 1 s'],
    ['broken-grows', 'memory grows'],
  ])('%s: is found', async (name, words) => {
    const { code, text } = await fuzz('--target', name, '--count', '20000', '--patience', '1')
    expect(text).toContain(words)
    expect(code).toBe(1)
    if (name === 'broken-grows') return
    // The command that repeats it does.
    const [, index] = /--at (\d+)/.exec(text)!
    const again = await fuzz('--target', name, '--patience', '1', '--at', index!)
    expect(again.text).toContain(words)
    expect(again.text).toMatch(/^07[0-3][0-9a-f]$/m)
  })

  it('has targets of names of their own', () => {
    const names = [...TARGETS, ...BROKEN].map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
  })
})
