// The soak: a million inputs for every fuzz target, then the random tests and simulations with many times their runs.

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { TARGETS } from '../test/fuzz/targets.ts'

const ROOT = join(import.meta.dirname, '..')
/** As many as there are cores on the smallest machine that this is run on. */
const PROCESSES = 2
const TEST_TIMEOUT_MS = 6 * 3_600_000
/** What is random and scales with SPINDEXER_SOAK; fuzzing has its own processes. */
const TESTS = [
  'test/sim',
  'test/crdt',
  'test/codec',
  'test/log/batch.test.ts',
  'test/store/postgres-narrower.test.ts',
  'test/e2e/guarded-killed.test.ts',
  'test/e2e/steady.test.ts',
]

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    factor: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 0x7fffffff) },
  },
})

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

const startedMs = performance.now()
console.log(`soak: seed ${options.seed}, ${options.count} inputs a target, ${options.factor} times the runs`)
const failed = [...(await fuzzAll()), ...(await testAll())]
const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1)
console.log(
  failed.length === 0 ? `soak: all well after ${minutes} minutes` : `soak: failed: ${failed.join(', ')}`,
)
process.exitCode = failed.length === 0 ? 0 : 1

/** The names of the targets that failed. */
async function fuzzAll(): Promise<string[]> {
  const waiting = TARGETS.map(({ name }) => name)
  const failed: string[] = []
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const args = ['--target', name, '--count', options.count, '--seed', options.seed]
      const code = await run(['--expose-gc', 'test/fuzz/run.ts', ...args])
      if (code !== 0) failed.push(name)
    }
  }
  await Promise.all(Array.from({ length: PROCESSES }, work))
  return failed
}

async function testAll(): Promise<string[]> {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', ...TESTS, `--testTimeout=${TEST_TIMEOUT_MS}`]
  return (await run(args, { SPINDEXER_SOAK: options.factor })) === 0 ? [] : ['tests']
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<number> {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  children.add(child)
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      children.delete(child)
      resolve(code ?? 1)
    })
  })
}
