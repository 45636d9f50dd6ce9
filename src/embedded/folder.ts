// The folder of an embedded Postgres: where its files are, who may use it, and as whom Postgres runs on it.

import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { dataHome, postgresUser, type User } from './user.ts'

/** Why something cannot be had: the thing, the reason, the remedy. */
export interface Refused {
  readonly type: 'refused'
  readonly what: string
  readonly remedy: string
}

export interface Folder {
  readonly type: 'folder'
  /** Absolute, without links: state, log and (where its user can get there) data are in it. */
  readonly dir: string
  readonly data: string
  /** Beside the data, so that two folders with a link to the same data share it. */
  readonly lockFile: string
  /** Holds the URL of the server that runs, or ran last. */
  readonly urlFile: string
  /** Whom Postgres runs as; undefined: as ourselves. */
  readonly user: User | undefined
}

export const ROOM = '.spindexer'

/** Below a working directory. `make up` keeps its services beside it. */
export function folderOf(directory: string): string {
  return join(directory, ROOM, 'postgres')
}

/** True where an embedded Postgres was made in this working directory. */
export function hasFolder(directory: string): boolean {
  return existsSync(join(folderOf(directory), 'state.json'))
}

/** Makes what is missing of the folder, and looks whether this process can work with what is there. */
export function prepareFolder(directory: string, major: string): Folder | Refused {
  const wanted = folderOf(directory)
  const isRoot = process.getuid?.() === 0
  try {
    makeFolder(join(directory, ROOM), isRoot)
    makeFolder(wanted, isRoot)
    accessSync(wanted, constants.R_OK | constants.W_OK | constants.X_OK)
    keepOutOfGit(join(directory, ROOM))
  } catch (error) {
    return closed(wanted, error)
  }
  const dir = realpathSync(wanted)
  const found = findData(dir)
  if (found === null) {
    const user = postgresUser()
    return describe(dir, makeDataHome(dir, user), user)
  }
  return refuseData(found, major) ?? describe(dir, found, isRoot ? ownerOf(found) : undefined)
}

function describe(dir: string, data: string, user: User | undefined): Folder {
  const lockFile = join(dirname(data), 'lock')
  return { type: 'folder', dir, data, lockFile, urlFile: join(dir, 'url'), user }
}

/** Ours alone; for root others may pass, of whom one runs Postgres. */
function makeFolder(path: string, isRoot: boolean): void {
  if (existsSync(path)) return
  try {
    // Not recursive, with which Node never comes back from where nothing can be made (/proc).
    mkdirSync(path)
    // Not by mkdir's mode, from which the umask takes.
    chmodSync(path, isRoot ? 0o711 : 0o700)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** A password and somebody's rows are nothing to be committed by accident. */
function keepOutOfGit(room: string): void {
  try {
    writeFileSync(join(room, '.gitignore'), '*\n', { flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Where the cluster is, or null where none was made yet. */
function findData(dir: string): string | null {
  const data = join(dir, 'data')
  const found = lstatSync(data, { throwIfNoEntry: false })
  if (!found?.isSymbolicLink()) return found ? data : null
  // The link comes first, the cluster a moment later; without the place for it both are gone.
  const target = readlinkSync(data)
  return existsSync(target) || !existsSync(dirname(target)) ? target : null
}

/** Two that start at once may both find no link yet. */
function makeDataHome(dir: string, user: User | undefined): string {
  try {
    return dataHome(dir, user)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return dataHome(dir, user)
  }
}

function refuseData(data: string, major: string): Refused | null {
  let version: string
  try {
    version = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EACCES') return foreign(data)
    if (code !== 'ENOENT') throw error
    return {
      type: 'refused',
      what: `${data} holds no data of Postgres (there is no PG_VERSION)`,
      remedy: `restore it from a backup; or, to begin anew with nothing, remove the folder ${ROOM}/postgres`,
    }
  }
  const { uid } = statSync(data)
  if (uid === 0) {
    return {
      type: 'refused',
      what: `${data} belongs to root, and Postgres does not run as root`,
      remedy: 'give it back to whom it belonged to: chown -R',
    }
  }
  if (process.getuid?.() !== 0 && process.getuid?.() !== uid) return foreign(data)
  return version === major ? null : otherVersion(data, version, major)
}

function otherVersion(data: string, version: string, major: string): Refused {
  const isOlder = Number(version) < Number(major)
  return {
    type: 'refused',
    what: `${data} is of Postgres ${version}, and this spindexer comes with Postgres ${major}`,
    remedy: isOlder
      ? `run the spindexer that made it, and with \`spindexer log copy\` take its log into another folder, where this one runs; or take the database over with pg_dumpall and psql of Postgres ${version}`
      : 'run the newer spindexer that made it',
  }
}

function foreign(data: string): Refused {
  return {
    type: 'refused',
    what: `${data} belongs to another user: it was made by root (Postgres then runs as \`nobody\`), or by somebody else`,
    remedy: 'run spindexer as that user, or in a folder of your own',
  }
}

function closed(dir: string, error: unknown): Refused {
  return {
    type: 'refused',
    what: `${dir} cannot be used for an embedded Postgres (${(error as Error).message})`,
    remedy:
      'run spindexer in a folder where you may write, as one and the same user; or set SPINDEXER_LOG and DATABASE_URL',
  }
}

function ownerOf(path: string): User {
  const { uid, gid } = statSync(path)
  return { uid, gid }
}
