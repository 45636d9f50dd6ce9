// Processes: start one, send it signals, wait for its end, and let it die with whoever started it.

import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Identity, identify, isAlive } from './identity.ts'
import { type Watched, watch } from './watchdog.ts'

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  readonly user?: { readonly uid: number; readonly gid: number }
  readonly logFile: string
}

/** How long a process lives: until somebody ends it, or no longer than this Node process, whatever ends that. */
export type Life = 'detached' | Watched

/**
 * Starts a command in its own session: Ctrl-C in a terminal reaches us, and we decide what to do. `onExit` is told of
 * its end, while this process lives.
 */
export async function launch(command: Command, life: Life, onExit?: () => void): Promise<Identity> {
  const log = openSync(command.logFile, 'a', 0o600)
  try {
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: command.env ?? process.env,
      stdio: ['ignore', log, log],
      detached: true,
      ...command.user,
    })
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    child.unref()
    if (onExit) child.once('exit', onExit)
    const identity = identify(child.pid!)
    if (!identity) throw new Error(`${command.file} ended at once; see ${command.logFile}`)
    if (life !== 'detached') {
      const release = watch(identity, life)
      child.once('exit', release)
    }
    return identity
  } finally {
    closeSync(log)
  }
}

/** Sends a signal to exactly this process; false when it is gone. */
export function signal(identity: Identity, name: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false
  try {
    return process.kill(identity.pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** Waits until the process is gone; false when it is still there after `timeoutMs`. */
export async function waitForExit(identity: Identity, timeoutMs: number): Promise<boolean> {
  const until = Date.now() + timeoutMs
  while (isAlive(identity)) {
    if (Date.now() > until) return false
    await sleep(20)
  }
  return true
}

/** Asks a process to end, waits, and insists: after this it is gone. */
export async function end(identity: Identity, name: NodeJS.Signals, timeoutMs: number): Promise<void> {
  if (!signal(identity, name)) return
  if (await waitForExit(identity, timeoutMs)) return
  signal(identity, 'SIGKILL')
  if (!(await waitForExit(identity, 10_000))) throw new Error(`process ${identity.pid} does not end`)
}
