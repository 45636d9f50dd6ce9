// The command line as its users have it: a process of its own, from the sources.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

export const ROOT = join(import.meta.dirname, '../..')
const MAIN = join(ROOT, 'src/cli/main.ts')
/** Hundreds of commands are started, and each would strip and compile the same sources: half of its start. */
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/spindexer/compiled')

export interface CliResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningCli {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly pid: number
  /** What it printed so far on stderr. */
  stderr(): string
  kill(signal: NodeJS.Signals): void
  /** Resolves when the process has ended. */
  readonly ended: Promise<CliResult>
}

export interface CliOptions {
  /** Added to an environment that holds nothing of the developer's own settings. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Leaves stdin open for the test to write to. */
  readonly keepStdin?: boolean
  readonly cwd?: string
}

/** Starts a command; a test that does not wait for `ended` kills it. */
export function startCli(
  args: readonly string[],
  { env = {}, input, keepStdin, cwd }: CliOptions = {},
): RunningCli {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: cwd ?? join(ROOT, 'test'),
    env: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // A command that ends before it has read everything is no error of the test.
  child.stdin.on('error', () => {})
  if (input !== undefined) child.stdin.end(input)
  else if (keepStdin !== true) child.stdin.end()
  const textOf = (chunks: Buffer[]) => Buffer.concat(chunks).toString('utf8')
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stdout: textOf(stdout),
    stderr: textOf(stderr),
  }))
  return { child, pid: child.pid!, stderr: () => textOf(stderr), kill: (signal) => child.kill(signal), ended }
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended
}

/** Runs a command that has to succeed; gives its stdout. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<string> {
  const result = await runCli(args, options)
  if (result.code !== 0) {
    throw new Error(
      `spindexer ${args.join(' ')} ended with ${result.code ?? result.signal}:\n${result.stderr}`,
    )
  }
  return result.stdout
}
