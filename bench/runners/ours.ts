// One run of our node, from outside: `spindexer run --until-end` as a process of its own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { identify } from '../../src/embedded/identity.ts'
import { watch } from '../../src/embedded/watchdog.ts'
import { peakOf } from '../measure.ts'
import { cli } from '../paths.ts'
import { watchMarks } from '../visible.ts'
import type { Measured, RunTask } from './measured.ts'

const POLL_MS = 20
const END_MS = 60_000
/** What the node says when it begins to read. */
const STARTED = /^Node of log /m

export interface OursTask extends RunTask {
  readonly logUrl: string
  /** Called when the node says that it begins to read. */
  readonly onStart?: () => void
}

export interface OursMeasured extends Measured {
  /** From the start of the process until it had ended by itself. */
  readonly wholeSeconds: number
}

/** Throws with the node's words when it fails. It counts from its word that it begins to read. */
export async function runOurs(task: OursTask): Promise<OursMeasured> {
  const { databaseUrl, logUrl, dataset, marks } = task
  const env = { ...process.env, SPINDEXER_LOG: logUrl, DATABASE_URL: databaseUrl, SCHEMA_REGISTRY_URL: '' }
  const began = performance.now()
  const child = spawn(process.execPath, [cli, 'run', '--until-end'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const identity = identify(child.pid!)
  const release = identity === undefined ? () => {} : watch(identity, { signal: 'KILL' })
  let stderr = ''
  let wordMs: number | null = null
  let endedMs: number | null = null
  let peakKiB = 0
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    if (wordMs !== null || !STARTED.test(stderr)) return
    wordMs = performance.now()
    task.onStart?.()
  })
  child.once('exit', () => {
    endedMs = performance.now()
  })
  const poll = setInterval(() => {
    peakKiB = Math.max(peakKiB, peakOf(child.pid!))
  }, POLL_MS)
  const check = () => {
    if (child.exitCode !== null && child.exitCode !== 0) {
      throw new Error(`the node ended with ${child.exitCode}:\n${stderr}`)
    }
    if (child.signalCode !== null) throw new Error(`the node was ended by ${child.signalCode}:\n${stderr}`)
    if (endedMs !== null && performance.now() > endedMs + END_MS) {
      throw new Error(`the node has ended, and its last message is not to be seen:\n${stderr}`)
    }
  }
  try {
    const relation = `data."${dataset.name}"`
    const { firstMs, lastMs } = await watchMarks(databaseUrl, relation, dataset, { marks, check })
    if (endedMs === null) await once(child, 'exit', { signal: AbortSignal.timeout(END_MS) })
    check()
    if (wordMs === null) throw new Error(`the node never said that it begins to read:\n${stderr}`)
    const seconds = (lastMs - wordMs) / 1_000
    return {
      seconds,
      fromWordSeconds: seconds,
      fromFirstRowSeconds: (lastMs - firstMs) / 1_000,
      fromProcessSeconds: (lastMs - began) / 1_000,
      wholeSeconds: (endedMs! - began) / 1_000,
      peakMiB: peakKiB / 1_024,
    }
  } finally {
    clearInterval(poll)
    child.kill('SIGKILL')
    release()
  }
}
