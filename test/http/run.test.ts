// `spindexer run` opens the door, serves what the node has, and ends it before the node.

import { once } from 'node:events'
import { createServer } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createTestLog, createTestNode, type TestLog, type TestNode } from '../e2e/support.ts'
import { type CliResult, cli, runCli, startCli } from '../support/cli.ts'
import { waitFor } from '../support/wait.ts'

const TOKEN = 'a-token-that-nobody-guesses'

let log: TestLog
let node: TestNode

beforeAll(async () => {
  log = await createTestLog('door', { partitions: 2, datasets: 'examples/catalogue' })
  node = await createTestNode(log, 'door')
  await cli(['publish', '-'], {
    env: log.env,
    input:
      '{"dataset":"tracks","operation":"upsert","data":{"id":"t/1","title":"Blue","plays":9007199254740993}}\n',
  })
})
afterAll(() => node?.drop())

interface RunningNode {
  readonly url: string
  readonly stderr: () => string
  readonly stop: () => Promise<CliResult>
}

async function startNode(args: readonly string[], env: Record<string, string> = {}): Promise<RunningNode> {
  const running = startCli(['run', ...args], { env: { ...node.env, ...env } })
  onTestFinished(() => running.kill('SIGKILL'))
  const url = await waitFor(
    'the door to be open',
    async () => /HTTP at (\S+)/.exec(running.stderr())?.[1] ?? null,
  )
  return {
    url,
    stderr: running.stderr,
    stop() {
      running.kill('SIGTERM')
      return running.ended
    },
  }
}

describe('the door of a running node', () => {
  it('serves rows, status, readiness and metrics of the node, and says that it stops', async () => {
    const { url, stop, stderr } = await startNode(['--http', '127.0.0.1:0'])
    const row = await waitFor('the row to be there', async () => {
      const response = await fetch(`${url}/v1/datasets/tracks/rows/t%2F1`)
      return response.ok ? response.text() : null
    })
    expect(row).toContain('"plays":9007199254740993')
    await waitFor('the node to be ready', async () => (await fetch(`${url}/readyz`)).ok)
    const [status, metrics] = await Promise.all([
      fetch(`${url}/v1/status`).then((response) => response.json()),
      fetch(`${url}/metrics`).then((response) => response.text()),
    ])
    const printed = JSON.parse(await cli(['status', '--json'], { env: node.env }))
    expect(status).toEqual(printed)
    expect(status).toMatchObject({ lag: 0, problems: [] })
    expect(metrics).toMatch(/^spindexer_messages_merged_total 1$/m)
    expect(metrics).toMatch(/^spindexer_partition_lag_records\{partition="0"\} 0$/m)
    expect(metrics).toMatch(/^spindexer_ready 1$/m)
    expect(metrics).toMatch(/^spindexer_last_commit_timestamp_seconds 1\d{9}/m)
    const { code } = await stop()
    expect([code, stderr()]).toEqual([0, expect.stringContaining('Stopped')])
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })

  it('answers before the node has started, and says why it is not ready', async () => {
    const env = { DATABASE_URL: 'postgres://a:b@127.0.0.1:4/none' }
    const { url, stop } = await startNode(['--http', '0'], env)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    const reason = await waitFor('the node to wait', async () => {
      const { detail } = (await (await fetch(`${url}/readyz`)).json()) as { detail: string }
      return detail.includes('could not') ? detail : null
    })
    expect(reason).toMatch(/^the node has not started yet: for \d+ s it could not prepare the database$/)
    const rows = await fetch(`${url}/v1/datasets`)
    expect([rows.status, await rows.json()]).toEqual([
      503,
      expect.objectContaining({ type: 'urn:spindexer:problem:database-away' }),
    ])
    expect((await stop()).code).toBe(0)
  })

  it('takes another port where that of the default is taken, and none where one was asked for', async () => {
    const holder = createServer()
    holder.listen(4747, '127.0.0.1')
    // Where somebody else has it, it is taken just as well.
    await once(holder, 'listening').catch(() => {})
    onTestFinished(() => void holder.close())
    const { url, stderr, stop } = await startNode([])
    expect(url).not.toContain(':4747')
    expect(stderr()).toContain('127.0.0.1:4747 is taken; SPINDEXER_HTTP or --http sets another')
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    const port = new URL(url).port
    const asked = await runCli(['run', '--http', port], { env: node.env })
    expect([asked.code, asked.stderr]).toEqual([
      1,
      expect.stringContaining(`HTTP cannot be served at 127.0.0.1:${port}: something listens there already`),
    ])
    expect((await stop()).code).toBe(0)
  })

  it('a node that stands still behind the log is not ready, though all else answers', async () => {
    const { url, stop } = await startNode(['--http', '0'], { SPINDEXER_HTTP_STALL_SECONDS: '2' })
    const ready = async () => (await fetch(`${url}/readyz`)).status
    await waitFor('the node to be ready', async () => (await ready()) === 200)
    const locker = new pg.Client({ connectionString: node.url })
    await locker.connect()
    try {
      await locker.query('begin; lock table spindexer.d_tracks in access exclusive mode')
      await cli(['publish', '-'], {
        env: log.env,
        input: '{"dataset":"tracks","operation":"upsert","data":{"id":"t2","title":"Still"}}\n',
      })
      await waitFor('the node not to be ready', async () => (await ready()) === 503)
      const reason = (await (await fetch(`${url}/readyz`)).json()) as { detail: string }
      expect(reason.detail).toMatch(
        /^the node is \d+ records behind the log and has committed nothing for \d+ s$/,
      )
      expect((await fetch(`${url}/healthz`)).status).toBe(200)
      expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^spindexer_ready 0$/m)
    } finally {
      await locker.end()
    }
    await waitFor('the node to be ready', async () => (await ready()) === 200)
    expect((await fetch(`${url}/v1/datasets/tracks/rows/t2`)).status).toBe(200)
    expect((await stop()).code).toBe(0)
  })

  it('is off with --until-end, unless it is set', async () => {
    const plain = await runCli(['run', '--until-end'], { env: node.env })
    expect([plain.code, plain.stderr]).toEqual([0, expect.not.stringContaining('HTTP at')])
    const set = await runCli(['run', '--until-end'], { env: { ...node.env, SPINDEXER_HTTP: '127.0.0.1:0' } })
    expect([set.code, set.stderr]).toEqual([0, expect.stringContaining('HTTP at http://127.0.0.1:')])
    const off = startCli(['run'], { env: { ...node.env, SPINDEXER_HTTP: 'off' } })
    onTestFinished(() => off.kill('SIGKILL'))
    await waitFor('the node to start', async () => off.stderr().includes('Node of log'))
    off.kill('SIGTERM')
    expect((await off.ended).stderr).not.toContain('HTTP at')
  })

  it('warns of what is open to other machines, and keeps tokens to itself', async () => {
    const env = { SPINDEXER_HTTP: '0.0.0.0:0', SPINDEXER_HTTP_WRITE_TOKEN: TOKEN }
    const { stderr, stop } = await startNode([], env)
    await waitFor('the warnings', async () =>
      stderr().includes('asks for no token: whoever reaches it may read ('),
    )
    expect(stderr()).toContain('and has no TLS: tokens and rows can be read on the way')
    await stop()
    const config = await cli(['config'], { env: { ...env, SPINDEXER_HTTP_READ_TOKEN: `${TOKEN},${TOKEN}2` } })
    expect(config).not.toContain(TOKEN)
    expect(config).toContain('"name":"SPINDEXER_HTTP_READ_TOKEN","value":"****"')
  })

  it.each([
    [{ SPINDEXER_HTTP: 'nowhere' }, 'SPINDEXER_HTTP is "nowhere", which is no address'],
    [{ SPINDEXER_HTTP: '127.0.0.1:70000' }, 'which is no address'],
    [{ SPINDEXER_HTTP_READ_TOKEN: 'short' }, 'SPINDEXER_HTTP_READ_TOKEN: token 1 of 1 is no token'],
    [{ SPINDEXER_HTTP_WRITE_TOKEN: `${TOKEN}, a token with spaces` }, 'token 2 of 2 is no token'],
    [{ SPINDEXER_HTTP_TLS_CERT: '/nowhere' }, 'SPINDEXER_HTTP_TLS_KEY one alone is set'],
    [
      { SPINDEXER_HTTP_TLS_CERT: '/nowhere', SPINDEXER_HTTP_TLS_KEY: '/nowhere' },
      'names /nowhere, which cannot be read',
    ],
    [{ SPINDEXER_HTTP_BODY_BYTES: '16MiB' }, 'SPINDEXER_HTTP_BODY_BYTES is "16MiB"'],
    [{ SPINDEXER_HTTP_RECEIVE_SECONDS: '0' }, 'SPINDEXER_HTTP_RECEIVE_SECONDS is "0"'],
  ])('refuses %o', async (env, words) => {
    const { code, stderr } = await runCli(['run'], {
      env: { ...node.env, ...(env as Record<string, string>) },
    })
    expect([code, stderr]).toEqual([2, expect.stringContaining(words)])
    expect(stderr).not.toContain(TOKEN)
  })
})
