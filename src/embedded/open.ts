// Opens the embedded Postgres of a working directory: starts it, or finds it where another process runs it.

import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { bundledHome, majorOf } from './binaries.ts'
import { type Folder, hasFolder, prepareFolder, type Refused } from './folder.ts'
import { identify } from './identity.ts'
import { type Lock, takeLock } from './lock.ts'
import { startOwned } from './owner.ts'
import { liveOwner, newState, type Owner, type State, type StateFile, stateFile } from './state.ts'
import { DATABASE, postgresUrl } from './url.ts'

export interface OpenOptions {
  readonly directory: string
  /** What opens it, for other people's messages: `run`. */
  readonly command: string
  /**
   * A node makes what is not there, stays, and lets others use its server. Anything else uses the server of a node that
   * runs, or has one for itself alone, and never makes a folder.
   */
  readonly isNode: boolean
  readonly signal: AbortSignal
  /** Words for people, while it takes long or when something happens to the server. */
  readonly say: (text: string) => void
}

export interface Opened {
  readonly type: 'opened'
  /** Of its database, as superuser. */
  readonly url: string
  /** A file that holds the URL, for its owner's eyes. */
  readonly urlFile: string
  readonly data: string
  /** The port that it had before, where somebody else has that now; else null. */
  readonly portBefore: number | null
  /** Stops a server that this process started. */
  close(): Promise<void>
}

const POLL_MS = 100
/** For a node to start (recovery after a crash takes its time), or to end. */
const NODE_WAIT_MS = 120_000
/** For a command that has the folder to itself. */
const COMMAND_WAIT_MS = 30_000
const SAY_AFTER_MS = 1_000
/** Between taking the lock and signing for it. */
const UNSIGNED_MS = 2_000

/** `absent`: nothing was ever made here, and this is no node. Throws when the server does not start, or on the signal. */
export async function openEmbedded(
  options: OpenOptions,
): Promise<Opened | Refused | { readonly type: 'absent' }> {
  if (!options.isNode && !hasFolder(options.directory)) return { type: 'absent' }
  const packaged = bundledHome()
  const folder = prepareFolder(options.directory, majorOf(packaged))
  if (folder.type === 'refused') return folder
  const file = stateFile(folder.dir)
  const turn = await takeTurn(options, folder, file)
  if (turn.type === 'refused') return turn
  if (turn.type === 'guest') return guestOf(folder, turn.state)
  try {
    return await own(options, { packaged, folder, file, lock: turn.lock })
  } catch (error) {
    turn.lock.release()
    throw error
  }
}

type Turn =
  | { readonly type: 'mine'; readonly lock: Lock }
  | { readonly type: 'guest'; readonly state: State }
  | Refused

async function takeTurn(options: OpenOptions, folder: Folder, file: StateFile): Promise<Turn> {
  const beganMs = performance.now()
  let isSaid = false
  for (;;) {
    options.signal.throwIfAborted()
    const lock = takeLock(folder.lockFile)
    if (lock !== null) return { type: 'mine', lock }
    const state = file.read()
    const owner = liveOwner(state)
    const waitedMs = performance.now() - beganMs
    if (owner?.isNode === true) {
      if (options.isNode) return inUse(folder, owner)
      if (owner.isServing) return { type: 'guest', state: state! }
    }
    if (owner === null && options.isNode && waitedMs > UNSIGNED_MS) return inUse(folder, null)
    if (waitedMs > (owner?.isNode === true ? NODE_WAIT_MS : COMMAND_WAIT_MS)) return inUse(folder, owner)
    if (!isSaid && waitedMs > SAY_AFTER_MS) {
      isSaid = true
      options.say(`waiting: ${nameOf(owner)} has the embedded Postgres of this folder`)
    }
    await sleep(POLL_MS)
  }
}

function guestOf(folder: Folder, { port, password }: State): Opened {
  const { data, urlFile } = folder
  const url = postgresUrl(port!, password, DATABASE)
  return { type: 'opened', url, urlFile, data, portBefore: null, close: async () => {} }
}

interface Mine {
  readonly packaged: string
  readonly folder: Folder
  readonly file: StateFile
  readonly lock: Lock
}

async function own(options: OpenOptions, { packaged, folder, file, lock }: Mine): Promise<Opened> {
  const found = file.read()
  const state: State = { ...(found ?? newState()), owner: ownerOf(options) }
  const isForgotten = found === null && existsSync(folder.data)
  file.write(state)
  const { signal, say } = options
  const server = await startOwned({ folder, packaged, file, state, isForgotten, say, signal })
  return {
    type: 'opened',
    url: server.url,
    urlFile: folder.urlFile,
    data: folder.data,
    portBefore: server.portBefore,
    async close() {
      try {
        await server.stop()
      } finally {
        lock.release()
      }
    },
  }
}

function ownerOf({ command, isNode }: OpenOptions): Owner {
  const since = new Date().toISOString()
  return { process: identify(process.pid)!, since, command, isNode, isServing: false }
}

function inUse({ dir }: Folder, owner: Owner | null): Refused {
  return {
    type: 'refused',
    what: `${dir} is in use: ${nameOf(owner)} has the embedded Postgres there, and only one process can`,
    remedy:
      owner === null
        ? 'end that process, or run this one in another folder'
        : `end it (kill ${owner.process.pid}), or run this one in another folder`,
  }
}

function nameOf(owner: Owner | null): string {
  if (owner === null) return 'another process'
  return `process ${owner.process.pid} (spindexer ${owner.command}, since ${owner.since})`
}
