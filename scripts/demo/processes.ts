// The demo's processes: commands of the program, run or left running, and all of them ended at its end.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { say } from './paper.ts'

const ROOT = join(import.meta.dirname, '../..')
const RUN_MINUTES_MAX = 5
const END_MS_MAX = 10_000

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Command {
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly input?: Iterable<string>
  /** The command's clock is ahead of the machine's by so much. */
  readonly clockAheadMs?: number
  /** Behind the command, when it is printed. */
  readonly note?: string
}

export interface Processes {
  /** Starts `spindexer ARGS` without waiting for it. Printed, so that it can be tried by hand. */
  start(command: Command): { readonly child: ChildProcess; readonly ended: Promise<Ended> }
  /** Runs it to its end; fails when it fails. */
  run(command: Command): Promise<Ended>
  /** Runs another script to its end, its words being the demo's. */
  script(args: readonly string[]): Promise<void>
  /** Ends whatever runs still, and waits for it a while. */
  endAll(): Promise<void>
}

export function createProcesses(): Processes {
  const running = new Set<ChildProcess>()

  function spawnNode(
    args: readonly string[],
    env: NodeJS.ProcessEnv,
    stdio: ('ignore' | 'pipe' | 'inherit')[],
  ): ChildProcess {
    const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio })
    running.add(child)
    child.once('close', () => running.delete(child))
    return child
  }

  function start({ args, env, input = [], clockAheadMs, note }: Command) {
    say(`   $ spindexer ${args.join(' ')}${note === undefined ? '' : `   (${note})`}`)
    const shift = clockAheadMs === undefined ? [] : ['--import', join(import.meta.dirname, 'shift-clock.ts')]
    const child = spawnNode(
      [...shift, 'src/cli/main.ts', ...args],
      clockAheadMs === undefined ? env : { ...env, DEMO_CLOCK_MS: String(clockAheadMs) },
      ['pipe', 'pipe', 'pipe'],
    )
    // A command that ends before it has read everything says why itself.
    child.stdin!.on('error', () => {})
    Readable.from(input).pipe(child.stdin!)
    const ended = Promise.all([once(child, 'close'), text(child.stdout!), text(child.stderr!)]).then(
      ([[code], stdout, stderr]): Ended => ({ code, stdout, stderr }),
    )
    return { child, ended }
  }

  return {
    start,
    async run(command) {
      const { child, ended } = start(command)
      const timer = setTimeout(() => child.kill('SIGTERM'), RUN_MINUTES_MAX * 60_000)
      const result = await ended.finally(() => clearTimeout(timer))
      if (result.code === 0) return result
      throw new Error(`spindexer ${command.args.join(' ')} ended with ${result.code}:\n${result.stderr}`)
    },
    async script(args) {
      const child = spawnNode(args, process.env, ['ignore', 'inherit', 'inherit'])
      const [code] = await once(child, 'close')
      if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}; what it said is above`)
    },
    async endAll() {
      const closed = [...running].map((child) => once(child, 'close'))
      for (const child of running) child.kill('SIGTERM')
      const late = new Promise((resolve) => setTimeout(resolve, END_MS_MAX).unref())
      await Promise.race([Promise.all(closed), late])
      for (const child of running) child.kill('SIGKILL')
    },
  }
}
