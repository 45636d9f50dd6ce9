// A node that runs while something else is measured: started, killed, started again, and the greatest memory it held.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { peakOf } from './measure.ts'

const POLL_MS = 100
const STOP_MS = 60_000
const STDERR_MAX = 4_000

export interface NodeProcess {
  start(): void
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>
  /** Throws with its words when it has ended by itself. */
  check(): void
  /** The last that it said on stderr. */
  words(): string
  /** The greatest resident set of any of its processes so far. */
  peakMiB(): number
}

/** `args` for Node.js. */
export function createNodeProcess(args: readonly string[], env: NodeJS.ProcessEnv): NodeProcess {
  let child: ChildProcess | null = null
  let stderr = ''
  let peakKiB = 0
  const poll = setInterval(() => {
    if (child !== null) peakKiB = Math.max(peakKiB, peakOf(child.pid!))
  }, POLL_MS)
  poll.unref()

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child
    child = null
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return
    const ended = once(ending, 'exit')
    ending.kill(signal)
    const timer = setTimeout(() => ending.kill('SIGKILL'), STOP_MS)
    await ended
    clearTimeout(timer)
  }

  return {
    start() {
      const started = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
      started.stderr.on('data', (chunk) => {
        stderr = `${stderr}${chunk}`.slice(-STDERR_MAX)
      })
      child = started
    },
    check() {
      if (child === null || (child.exitCode === null && child.signalCode === null)) return
      throw new Error(`the node ended with ${child.exitCode ?? child.signalCode}:\n${stderr}`)
    },
    words: () => stderr,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    peakMiB: () => Math.round(peakKiB / 1_024),
  }
}
