// What a folder of an embedded Postgres remembers: its port and password, and which process has it.

import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Identity, isAlive } from './identity.ts'
import { DATABASE, postgresUrl } from './url.ts'

/** The process that holds the lock. */
export interface Owner {
  readonly process: Identity
  /** ISO 8601. */
  readonly since: string
  /** What it does, for people: `run`. */
  readonly command: string
  /** It stays, and others may use its server; else they wait until it is done. */
  readonly isNode: boolean
  /** From when its server answers until it is asked to end. */
  readonly isServing: boolean
}

export interface State {
  /** Kept over restarts where nobody else takes it; null before the first. */
  readonly port: number | null
  /** The superuser's. */
  readonly password: string
  /** Of the last process that had the folder: that of a killed one stays behind. */
  readonly owner: Owner | null
}

export interface StateFile {
  /** Null where there is none. */
  read(): State | null
  /** Only for who holds the lock. Durable when it returns: without the password nobody gets at the data. */
  write(state: State): void
}

export function stateFile(dir: string): StateFile {
  const file = join(dir, 'state.json')
  return {
    read() {
      try {
        return JSON.parse(readFileSync(file, 'utf8'))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
        if (!(error instanceof SyntaxError)) throw error
        throw new Error(
          `${file} is damaged (${error.message}); remove it, and \`spindexer run\` makes another for the same data`,
        )
      }
    },
    write: (state) => writeDurably(file, `${JSON.stringify(state, null, 2)}\n`),
  }
}

export function newState(): State {
  return { port: null, password: randomBytes(18).toString('base64url'), owner: null }
}

/** The owner that is alive, or null: what a killed one left behind says nothing. */
export function liveOwner(state: State | null): Owner | null {
  return state?.owner && isAlive(state.owner.process) ? state.owner : null
}

/** Of the server that runs on the data in `dir`, or ran last; null where none ever did. */
export function rememberedUrl(dir: string): string | null {
  const state = stateFile(dir).read()
  return state?.port ? postgresUrl(state.port, state.password, DATABASE) : null
}

/** Replaces a file whole, for its owner's eyes alone. */
export function writeDurably(file: string, text: string): void {
  const partial = `${file}.partial`
  const descriptor = openSync(partial, 'w', 0o600)
  try {
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(partial, file)
  syncDir(dirname(file))
}

/** Makes the names in a directory durable. */
export function syncDir(dir: string): void {
  const descriptor = openSync(dir, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
