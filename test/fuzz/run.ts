// Fuzzes some targets in a thread of its own, under a watchdog: node --expose-gc test/fuzz/run.ts --help

import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { BROKEN } from './broken.ts'
import { randomOf, showInput, type Target } from './target.ts'
import { TARGETS } from './targets.ts'

/** What may be left behind by as many inputs again: names that were met, code that was compiled. */
const GROWTH_BYTES_MAX = 6 * 1024 * 1024
const INPUT_SHOWN_MAX = 20_000

const HELP = `usage: node --expose-gc test/fuzz/run.ts [options]
  --target NAME  only this one; several times for several (${TARGETS.map(({ name }) => name).join(', ')})
  --count N      inputs for each target (20000)
  --seed N       where randomness begins (1)
  --at INDEX     only the input of this number
  --patience S   seconds for one input (30: far more than any needs, on a machine that has other things to do)`

interface Work {
  readonly names: readonly string[]
  readonly count: number
  readonly seed: number
  readonly at: number | null
  readonly patienceMs: number
  /** Where the worker is: number of the target, number of the input (-1: between inputs). */
  readonly place: Int32Array
}

type Report =
  | { readonly type: 'done'; readonly name: string; readonly seconds: number; readonly grownBytes: number }
  | { readonly type: 'failed'; readonly name: string; readonly index: number; readonly stack: string }

if (isMainThread) await main()
else await fuzz(workerData as Work)

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', multiple: true },
      count: { type: 'string', default: '20000' },
      seed: { type: 'string', default: '1' },
      at: { type: 'string' },
      patience: { type: 'string', default: '30' },
      help: { type: 'boolean' },
    },
  })
  const names = values.target ?? TARGETS.map(({ name }) => name)
  if (values.help === true || names.some((name) => targetOf(name) === undefined)) {
    console.error(HELP)
    process.exit(values.help === true ? 0 : 2)
  }
  const place = new Int32Array(new SharedArrayBuffer(8)).fill(-1)
  const at = values.at === undefined ? null : Number(values.at)
  const work: Work = {
    names,
    count: Number(values.count),
    seed: Number(values.seed),
    patienceMs: Number(values.patience) * 1_000,
    at,
    place,
  }
  process.exitCode = await watch(work)
}

/** Prints what the worker reports; ends it when it stays at one input for too long. */
function watch(work: Work): Promise<number> {
  const worker = new Worker(new URL(import.meta.url), { workerData: work })
  let exitCode = 0
  let seen = ''
  let sinceMs = performance.now()
  const fail = (name: string, index: number, what: string): void => {
    exitCode = 1
    console.error(`${name}: input ${index}: ${what}\n${describeInput(name, work.seed, index)}`)
  }
  const timer = setInterval(() => {
    const [target, index] = [Atomics.load(work.place, 0), Atomics.load(work.place, 1)]
    const now = `${target} ${index}`
    if (now !== seen || index < 0) sinceMs = performance.now()
    seen = now
    if (performance.now() - sinceMs < work.patienceMs) return
    fail(work.names[target]!, index, `still at it after ${work.patienceMs / 1_000} s`)
    void worker.terminate()
  }, 250)
  worker.on('message', (report: Report) => {
    if (report.type === 'failed') return fail(report.name, report.index, report.stack)
    const rate = Math.round(work.count / report.seconds)
    const grown = (report.grownBytes / 1024 / 1024).toFixed(1)
    console.log(
      `${report.name}: ${work.count} inputs, ${report.seconds.toFixed(1)} s, ${rate}/s, grown by ${grown} MiB`,
    )
    if (work.count < 2 || report.grownBytes <= GROWTH_BYTES_MAX) return
    exitCode = 1
    console.error(`${report.name}: memory grows: ${grown} MiB more after the second half of the inputs`)
  })
  worker.on('error', (error) => {
    exitCode = 1
    console.error(error)
  })
  return new Promise((resolve) => {
    worker.on('exit', () => {
      clearInterval(timer)
      resolve(exitCode)
    })
  })
}

function describeInput(name: string, seed: number, index: number): string {
  const input = showInput(targetOf(name)!.make(randomOf(seed, index)))
  return `${input.slice(0, INPUT_SHOWN_MAX)}\nrepeat with: node --expose-gc test/fuzz/run.ts --target ${name} --seed ${seed} --at ${index}`
}

function targetOf(name: string): Target | undefined {
  return [...TARGETS, ...BROKEN].find((target) => target.name === name)
}

async function fuzz(work: Work): Promise<void> {
  for (const [number, name] of work.names.entries()) {
    Atomics.store(work.place, 0, number)
    const report = await fuzzTarget(targetOf(name)!, work)
    Atomics.store(work.place, 1, -1)
    parentPort!.postMessage(report)
  }
}

async function fuzzTarget(target: Target, { count, seed, at, place }: Work): Promise<Report> {
  const startedMs = performance.now()
  let heldBytes = 0
  const [first, behind] = at === null ? [0, count] : [at, at + 1]
  for (let index = first; index < behind; index++) {
    if (index === count >> 1) heldBytes = await settledBytes(place)
    Atomics.store(place, 1, index)
    try {
      const done = target.check(target.make(randomOf(seed, index)))
      if (done !== undefined) await done
    } catch (error) {
      return { type: 'failed', name: target.name, index, stack: stackOf(error) }
    }
  }
  const grownBytes = at === null ? (await settledBytes(place)) - heldBytes : 0
  return { type: 'done', name: target.name, seconds: (performance.now() - startedMs) / 1_000, grownBytes }
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? error.message
  return error.cause === undefined ? own : `${own}\ncaused by: ${stackOf(error.cause)}`
}

/** What is held once everything that can go is gone. */
async function settledBytes(place: Int32Array): Promise<number> {
  Atomics.store(place, 1, -1)
  const collect = globalThis.gc
  if (collect === undefined) throw new Error('run it with node --expose-gc')
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
