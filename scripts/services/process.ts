// Processes: start one, know it again later, end it, and let it die with whoever started it.
import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A pid alone may belong to somebody else tomorrow; with its start time and the boot it may not. */
export interface Identity {
  readonly pid: number
  readonly startTicks: string
  readonly bootId: string
}

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  readonly user?: { readonly uid: number; readonly gid: number }
  readonly logFile: string
}

/**
 * How long a process lives: 'detached' until somebody ends it, or no longer than this Node process,
 * whatever ends that. `signal` asks it to go, `removeDir` is deleted after it, and
 * so is the directory around that once nothing is left there.
 */
export type Life = 'detached' | { readonly signal: 'KILL' | 'QUIT'; readonly removeDir?: string }

/** Starts a command in its own session: Ctrl-C in a terminal reaches us, and we decide what to do. */
export async function launch(command: Command, life: Life): Promise<Identity> {
  const log = openSync(command.logFile, 'a')
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
    const identity = identify(child.pid!)
    if (!identity) throw new Error(`${command.file} ended at once; see ${command.logFile}`)
    if (life !== 'detached') {
      const release = watch(identity, life.signal, life.removeDir)
      child.once('exit', release)
    }
    return identity
  } finally {
    closeSync(log)
  }
}

/**
 * Node has no prctl(PR_SET_PDEATHSIG). A shell that reads from a pipe held open by us sees its end when
 * we are gone, even by SIGKILL, and ends the process then. Returns what calls it off.
 */
export function watch(identity: Identity, signal: string, removeDir = ''): () => void {
  const script = [
    'read _',
    'start() { cut -d" " -f22 "/proc/$1/stat" 2>/dev/null; }',
    'if [ "$(start "$1")" = "$2" ]; then',
    '  kill "-$3" "$1"; i=0',
    '  while [ "$(start "$1")" = "$2" ] && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done',
    '  [ "$(start "$1")" = "$2" ] && kill -KILL "$1"',
    'fi',
    '[ -z "$4" ] || { rm -rf -- "$4"; rmdir -- "$(dirname -- "$4")" 2>/dev/null; }',
  ].join('\n')
  const args = ['-c', script, 'sh', `${identity.pid}`, identity.startTicks, signal, removeDir]
  const watchdog = spawn('/bin/sh', args, { cwd: '/', stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  watchdog.on('error', () => {})
  watchdog.stdin.on('error', () => {})
  watchdog.unref()
  ;(watchdog.stdin as unknown as { unref(): void }).unref()
  return () => watchdog.kill('SIGKILL')
}

/** Who a running process is; undefined when there is none, or only its exit status is left (a zombie). */
export function identify(pid: number): Identity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is a name in brackets that may hold anything, so count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'X' || (fields[0] === 'Z' && !hasOtherThreads(pid))) return undefined
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return { pid, startTicks: fields[19]!, bootId }
  } catch {
    return undefined
  }
}

/** The first thread of a killed process may be gone while others still hold its files and ports. */
function hasOtherThreads(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).length > 1
}

export function isAlive(identity: Identity): boolean {
  const now = identify(identity.pid)
  return now?.startTicks === identity.startTicks && now.bootId === identity.bootId
}

/** A running process's arguments; none when it is gone. */
export function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

/** Direct children of a process, so that a crash can take all of a server at once. */
export function childrenOf(pid: number): Identity[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
      const child = parent === `${pid}` ? identify(Number(name)) : undefined
      return child ? [child] : []
    } catch {
      return []
    }
  })
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
