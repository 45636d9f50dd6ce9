// A node that waits for a service ends soon when it is asked to: quietly, with exit code 0.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cli, startCli } from '../support/cli.ts'
import { createDatabase, kafka, uniqueTopic } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'

const dir = mkdtempSync(join(tmpdir(), 'spindexer-stop-'))
const sockets: Socket[] = []
/** Takes connections and never says a word. */
const silent = createServer((socket) => void sockets.push(socket.on('error', () => {})))
let database: { url: string; drop(): Promise<void> }
let address: string

beforeAll(async () => {
  database = await createDatabase(18, 'stop')
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  address = `127.0.0.1:${(silent.address() as AddressInfo).port}`
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  silent.close()
  await database?.drop()
  rmSync(dir, { recursive: true })
})

const NOWHERE = '127.0.0.1:4'
/** The two seconds that are promised, and some for a busy machine. */
const SOON_MS = 3_000

async function stop(
  env: Record<string, string>,
  signal: NodeJS.Signals,
  isThere: (stderr: string) => boolean,
) {
  const node = startCli(['run'], { env, cwd: dir })
  try {
    await waitFor('the node to wait', async () => isThere(node.stderr()), { everyMs: 20 })
    const askedMs = performance.now()
    node.kill(signal)
    const { code, stderr } = await node.ended
    expect([code, stderr]).toEqual([0, expect.stringMatching(/Stopped/)])
    expect(performance.now() - askedMs).toBeLessThan(SOON_MS)
  } finally {
    node.kill('SIGKILL')
  }
}

const waits = (stderr: string) => /waiting: could not/.test(stderr)

it('while the database is away', async () => {
  const env = { DATABASE_URL: `postgres://a:b@${NOWHERE}/none`, SPINDEXER_LOG: `kafka://${NOWHERE}/log` }
  await stop(env, 'SIGTERM', waits)
  await stop(env, 'SIGINT', waits)
})

it('while the database takes connections and does not answer', async () => {
  const before = sockets.length
  const env = { DATABASE_URL: `postgres://a:b@${address}/none`, SPINDEXER_LOG: `kafka://${NOWHERE}/log` }
  await stop(env, 'SIGTERM', () => sockets.length > before)
})

it('while the log is away', async () => {
  const env = { DATABASE_URL: database.url, SPINDEXER_LOG: `kafka://${NOWHERE}/log` }
  await cli(['migrate'], { env, cwd: dir })
  const startedMs = performance.now()
  // Long enough to stand before the log, whose adapter tries again for a while before it says so.
  await stop(env, 'SIGINT', () => performance.now() - startedMs > 2_500)
  await stop(env, 'SIGTERM', waits)
})

it('while the log takes connections and does not answer', async () => {
  const before = sockets.length
  const env = { DATABASE_URL: database.url, SPINDEXER_LOG: `kafka://${address}/log` }
  await stop(env, 'SIGTERM', () => sockets.length > before)
})

it('while it joins its group, beside another member', async () => {
  const { brokers } = await kafka()
  const env = {
    DATABASE_URL: database.url,
    SPINDEXER_LOG: `kafka://${brokers[0]}/${uniqueTopic('stop')}`,
  }
  await cli(['log', 'create', '--partitions', '2'], { env, cwd: dir })
  const other = startCli(['run'], { env, cwd: dir })
  const joins = (stderr: string) => /Node of log/.test(stderr)
  try {
    await stop(env, 'SIGTERM', joins)
    await stop(env, 'SIGINT', joins)
  } finally {
    other.kill('SIGTERM')
    expect((await other.ended).code).toBe(0)
  }
})
