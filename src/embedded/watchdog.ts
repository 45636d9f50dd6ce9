// Lets a process die with this one, whatever ends this one.

import { spawn } from 'node:child_process'
import type { Identity } from './identity.ts'

export interface Watched {
  /** What asks it to go; SIGKILL follows where it stays. */
  readonly signal: 'KILL' | 'QUIT' | 'INT'
  /** How long it may take to go; 5 s unless said. */
  readonly patienceMs?: number
  /** Deleted after it, and so is the directory around that once nothing is left there. */
  readonly removeDir?: string
}

/**
 * Node has no prctl(PR_SET_PDEATHSIG). A shell that reads from a pipe held open by us sees its end when
 * we are gone, even by SIGKILL, and ends the process then. Returns what calls it off.
 */
export function watch(identity: Identity, watched: Watched): () => void {
  const { signal, patienceMs = 5_000, removeDir = '' } = watched
  const tries = `${Math.ceil(patienceMs / 100)}`
  const args = ['-c', SCRIPT, 'sh', `${identity.pid}`, identity.startTicks, signal, tries, removeDir]
  // On a machine with little more than Node, PATH may lead to nothing else.
  const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/bin:/bin`, LC_ALL: 'C', TZ: 'UTC' }
  const watchdog = spawn('/bin/sh', args, {
    cwd: '/',
    env,
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watchdog.on('error', () => {})
  watchdog.stdin.on('error', () => {})
  watchdog.unref()
  ;(watchdog.stdin as unknown as { unref(): void }).unref()
  return () => watchdog.kill('SIGKILL')
}

/** Words apart from each other as in identity.ts: what `identify` said of the start has to be found again. */
const SCRIPT = `
read _
start() {
  if read -r stat < "/proc/$1/stat"; then
    set -- \${stat##*) }
    echo "\${20}"
  else
    set -- $(ps -o lstart= -p "$1")
    echo "$*"
  fi
} 2>/dev/null
if [ "$(start "$1")" = "$2" ]; then
  kill "-$3" "$1"; i=0
  while [ "$(start "$1")" = "$2" ] && [ $i -lt "$4" ]; do sleep 0.1; i=$((i+1)); done
  [ "$(start "$1")" = "$2" ] && kill -KILL "$1"
fi
[ -z "$5" ] || { rm -rf -- "$5"; rmdir -- "$(dirname -- "$5")" 2>/dev/null; }`
