// The process behind startSmallDiskPostgres: runs Postgres inside the mounts, fills and frees them, ends with its stdin.

import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { type PostgresService, startPostgres } from '../../scripts/services/postgres.ts'
import { isAlive } from '../../src/embedded/identity.ts'
import { postgresUser } from '../../src/embedded/user.ts'

const TABLESPACE = 'small'
const FULL = 'ENOSPC'
const dir = process.argv[2]!
const server = await startPostgres({ dir: join(dir, 'postgres'), version: 18 })
try {
  await moveToSmallDisks(server)
  say({ url: server.url, tablespace: TABLESPACE })
  for await (const line of createInterface({ input: process.stdin })) say(await act(JSON.parse(line)))
} finally {
  await server.kill('SIGKILL')
}

async function act({ command, disk }: { command: string; disk?: string }): Promise<object> {
  switch (command) {
    case 'fill':
      fill(join(dir, disk!, 'ballast'))
      return {}
    case 'free':
      rmSync(join(dir, disk!, 'ballast'))
      return {}
    case 'isRunning':
      return { isRunning: isAlive(server.process) }
    case 'restart':
      await server.restart()
      return {}
    default:
      throw new Error(`no such command: ${command}`)
  }
}

/** Down to the last bytes: Postgres writes pages of 8 kB, and needs more than one. */
function fill(file: string): void {
  const ballast = openSync(file, 'a')
  for (const size of [1024 * 1024, 4096]) {
    try {
      for (;;) writeSync(ballast, Buffer.alloc(size))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== FULL) throw error
    }
  }
  // An open file keeps its space when it is removed.
  closeSync(ballast)
}

/** The write-ahead log behind a link, as people put it on a disk of its own; a tablespace on the other disk. */
async function moveToSmallDisks(server: PostgresService): Promise<void> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  const { rows } = await client.query(`select current_setting('data_directory') as data`)
  await client.end()
  const data: string = rows[0].data
  await server.stop()
  const wal = join(dir, 'wal/pg_wal')
  cpSync(join(data, 'pg_wal'), wal, { recursive: true })
  rmSync(join(data, 'pg_wal'), { recursive: true })
  symlinkSync(wal, join(data, 'pg_wal'))
  const tables = join(dir, 'tables', TABLESPACE)
  mkdirSync(tables, { mode: 0o700 })
  const user = postgresUser()
  if (user !== undefined) {
    const { status } = spawnSync('chown', ['-R', `${user.uid}:${user.gid}`, tables, wal])
    if (status !== 0) throw new Error('chown failed')
  }
  appendFileSync(join(data, 'postgresql.conf'), 'min_wal_size = 32MB\nmax_wal_size = 48MB\n')
  await server.restart()
  const again = new pg.Client({ connectionString: server.url })
  await again.connect()
  await again.query(`create tablespace ${TABLESPACE} location '${tables}'`)
  await again.end()
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
