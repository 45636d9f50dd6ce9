// A Postgres of a test's own with two small disks that can be filled: one for its tables, one for its write-ahead log.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

export type Disk = 'tables' | 'wal'

export interface SmallDiskPostgres {
  readonly url: string
  /** The tablespace that is on the small disk. */
  readonly tablespace: string
  /** Takes all the space that a disk still has. */
  fill(disk: Disk): Promise<void>
  /** Gives it back. */
  free(disk: Disk): Promise<void>
  /** True while the server runs; one that finds no room for its log gives up. */
  isRunning(): Promise<boolean>
  restart(): Promise<void>
  close(): Promise<void>
}

/** One way to get mounts that nobody else sees, and that are gone with the last process that sees them. */
interface Way {
  readonly command: readonly string[]
  /** Puts the user back that Postgres and its files belong to. */
  readonly within: readonly string[]
}

const MOUNT = `
for disk in tables:$TABLES_MB wal:$WAL_MB; do
  mkdir -p "$DIR/\${disk%:*}" && mount -t tmpfs -o "size=\${disk#*:}m,mode=1777" tmpfs "$DIR/\${disk%:*}" || exit 1
done
exec "$@"`
const TABLES_MB = 192
const WAL_MB = 96

/**
 * Starts it in a process with a mount namespace of its own: whatever ends that, no mount is left behind. Throws with
 * what is missing where none can be made. `dir` is empty, and may be entered by everyone.
 */
export async function startSmallDiskPostgres(dir: string): Promise<SmallDiskPostgres> {
  const refusals: string[] = []
  for (const way of ways()) {
    const tried = await start(way, dir)
    if (typeof tried !== 'string') return tried
    refusals.push(`${way.command.join(' ')}: ${tried.trim()}`)
  }
  throw new Error(
    `a disk that can be full needs a mount: run the tests as root, or with sudo without a password, or where users may make namespaces (${refusals.join('; ')})`,
  )
}

function ways(): readonly Way[] {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  const asRoot = ['unshare', '--mount', '--propagation', 'private']
  if (uid === 0) return [{ command: asRoot, within: [] }]
  return [
    {
      command: ['unshare', '--user', '--map-root-user', '--mount', '--propagation', 'private'],
      within: ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`],
    },
    { command: ['sudo', '--non-interactive', '--preserve-env', ...asRoot], within: [] },
  ]
}

/** The server, or why this way is none. */
async function start({ command, within }: Way, dir: string): Promise<SmallDiskPostgres | string> {
  const server = join(import.meta.dirname, 'small-disk-server.ts')
  const [file, ...args] = [...command, 'sh', '-c', MOUNT, 'sh', ...within, process.execPath, server, dir]
  const child = spawn(file!, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, DIR: dir, TABLES_MB: String(TABLES_MB), WAL_MB: String(WAL_MB) },
  })
  let words = ''
  child.stderr.on('data', (chunk: Buffer) => {
    words += chunk.toString('utf8')
  })
  child.stdin.on('error', () => {})
  const failed = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code) => resolve(`${words} (ended with ${code})`))
  })
  const ask = createAsk(child, failed)
  const answer = await Promise.race([ask(null), failed])
  if (typeof answer === 'string') return answer
  const { url, tablespace } = answer as { url: string; tablespace: string }
  const act = async (command: string, disk?: Disk) => {
    const answer = await ask({ command, disk })
    if (typeof answer === 'string') throw new Error(answer)
    return answer
  }
  return {
    url,
    tablespace,
    fill: async (disk) => void (await act('fill', disk)),
    free: async (disk) => void (await act('free', disk)),
    isRunning: async () => (await act('isRunning')).isRunning === true,
    restart: async () => void (await act('restart')),
    async close() {
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
    },
  }
}

type Answer = Readonly<Record<string, unknown>>

/** A line asks, a line answers; the first answer comes unasked. */
function createAsk(child: ChildProcessByStdio<Writable, Readable, Readable>, failed: Promise<string>) {
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async (question: object | null): Promise<Answer | string> => {
    if (question !== null) child.stdin.write(`${JSON.stringify(question)}\n`)
    const { value, done } = await lines.next()
    return done ? await failed : JSON.parse(value)
  }
}
