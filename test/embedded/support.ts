// Folders with an embedded Postgres, opened by this process or by one that can be killed.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client } from 'pg'
import { createTemporaryDir } from '../../scripts/services/temporary-dir.ts'
import type { Refused } from '../../src/embedded/folder.ts'
import { type Opened, openEmbedded } from '../../src/embedded/open.ts'

export interface Place {
  /** A working directory. */
  readonly directory: string
  readonly folder: string
  remove(): void
}

/** Its name has what paths may have. */
export function createPlace(): Place {
  const dir = createTemporaryDir('embedded')
  const directory = join(dir.path, "Ada's  Prüfung – 試験")
  mkdirSync(directory)
  return { directory, folder: join(directory, '.spindexer/postgres'), remove: () => dir.remove() }
}

export type Outcome = Awaited<ReturnType<typeof openEmbedded>>

export interface OpenHow {
  readonly command?: string
  readonly isNode?: boolean
  readonly say?: (text: string) => void
}

export function tryOpen(directory: string, how: OpenHow = {}): Promise<Outcome> {
  const { command = 'run', isNode = true, say = () => {} } = how
  return openEmbedded({ directory, command, isNode, say, signal: new AbortController().signal })
}

export async function open(directory: string, how: OpenHow = {}): Promise<Opened> {
  const outcome = await tryOpen(directory, how)
  if (outcome.type !== 'opened') throw new Error(JSON.stringify(outcome))
  return outcome
}

export async function refusal(directory: string, how: OpenHow = {}): Promise<Refused> {
  const outcome = await tryOpen(directory, how)
  if (outcome.type === 'opened') await outcome.close()
  if (outcome.type !== 'refused') throw new Error(`not refused: ${outcome.type}`)
  return outcome
}

export interface Holder {
  readonly pid: number
  readonly child: ChildProcess
  /** What came of it. */
  readonly outcome: Promise<Outcome>
  /** Closes it in order. */
  end(): Promise<void>
  kill(): Promise<void>
}

const HOLDER = join(import.meta.dirname, 'holder.ts')

/** Opens it in a process of its own. */
export function startHolder(directory: string, { command = 'run', isNode = true }: OpenHow = {}): Holder {
  const args = [HOLDER, JSON.stringify({ directory, command, isNode })]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const ended = once(child, 'exit')
  const line = once(createInterface({ input: child.stdout }), 'line').then(([text]) => JSON.parse(text))
  const early = ended.then(() => Promise.reject(new Error(`ended before it said a word: ${stderr}`)))
  const outcome = Promise.race([line, early])
  outcome.catch(() => {})
  early.catch(() => {})
  return {
    pid: child.pid!,
    child,
    outcome,
    async end() {
      child.stdin.end()
      await ended
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Of the postmaster, by its pid file. */
export function serverPid(data: string): number {
  return Number.parseInt(readFileSync(join(data, 'postmaster.pid'), 'utf8'), 10)
}
