// Who a process is: known again later, also when its number has gone to somebody else. From /proc, elsewhere from ps.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** A pid alone may belong to somebody else tomorrow; with its start time and the boot it may not. */
export interface Identity {
  readonly pid: number
  /** When it started: ticks since the boot, or (macOS) the date. */
  readonly startTicks: string
  /** Of this start of the machine; empty where `startTicks` is a date. */
  readonly bootId: string
}

const hasProc = existsSync('/proc/self/stat')

/** Who a running process is; undefined when there is none, or only its exit status is left (a zombie). */
export function identify(pid: number): Identity | undefined {
  return hasProc ? identifyByProc(pid) : identifyByPs(pid)
}

export function isAlive(identity: Identity): boolean {
  const now = identify(identity.pid)
  return now?.startTicks === identity.startTicks && now.bootId === identity.bootId
}

/** Whether `text` is one of the arguments of that process. */
export function hasArgument(pid: number, text: string): boolean {
  if (!hasProc) return ` ${ps(pid, 'command=')} `.includes(` ${text} `)
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(text)
  } catch {
    return false
  }
}

/** Direct children of a process, so that a crash can take all of a server at once. */
export function childrenOf(pid: number): Identity[] {
  return listParents()
    .filter(([, parent]) => parent === pid)
    .flatMap(([child]) => identify(child) ?? [])
}

function identifyByProc(pid: number): Identity | undefined {
  try {
    const fields = statFields(pid)
    if (fields[0] === 'X' || (fields[0] === 'Z' && !hasOtherThreads(pid))) return undefined
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return { pid, startTicks: fields[19]!, bootId }
  } catch {
    return undefined
  }
}

/** From the third on: the second field is a name in brackets that may hold anything. */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** The first thread of a killed process may be gone while others still hold its files and ports. */
function hasOtherThreads(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).length > 1
}

function identifyByPs(pid: number): Identity | undefined {
  const [state, ...start] = ps(pid, 'state=,lstart=').split(/\s+/)
  return !state || state.startsWith('Z') ? undefined : { pid, startTicks: start.join(' '), bootId: '' }
}

/** The watchdog asks in the same words: dates have to come out alike. */
function ps(pid: number, columns: string): string {
  return runPs(['-o', columns, '-p', `${pid}`])
}

function runPs(args: readonly string[]): string {
  const env = { PATH: `${process.env.PATH ?? ''}:/usr/bin:/bin`, LC_ALL: 'C', TZ: 'UTC' }
  return (spawnSync('ps', args, { env, encoding: 'utf8' }).stdout ?? '').trim()
}

/** Of every process its number and its parent's. */
function listParents(): (readonly [number, number])[] {
  if (!hasProc) {
    return runPs(['-A', '-o', 'pid=,ppid='])
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number) as [number, number])
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [[Number(name), Number(statFields(Number(name))[1])] as const]
      } catch {
        return []
      }
    })
}
