// Runs a command as a process of its own and measures it from outside: seconds, and the greatest memory it held.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { identify } from '../src/embedded/identity.ts'
import { watch } from '../src/embedded/watchdog.ts'

const POLL_MS = 20

export interface Measured {
  readonly seconds: number
  /** The process's own peak resident set, MiB (VmHWM of Linux). */
  readonly peakMiB: number
  readonly stdout: string
}

/** Throws with the command's stderr when it fails, or when it takes longer than `timeoutMs`. */
export async function measure(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  timeoutMs = 600_000,
): Promise<Measured> {
  const began = performance.now()
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const identity = identify(child.pid!)
  const release = identity === undefined ? () => {} : watch(identity, { signal: 'KILL' })
  let stdout = ''
  let stderr = ''
  let peakKiB = 0
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const poll = setInterval(() => {
    peakKiB = Math.max(peakKiB, peakOf(child.pid!))
  }, POLL_MS)
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  try {
    const [code, signal] = await once(child, 'exit')
    const seconds = (performance.now() - began) / 1_000
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code ?? signal}:\n${stderr}`)
    return { seconds, peakMiB: peakKiB / 1_024, stdout }
  } finally {
    release()
    clearInterval(poll)
    clearTimeout(timer)
  }
}

/** The peak resident set of a process so far, KiB; 0 when it is gone. */
export function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
