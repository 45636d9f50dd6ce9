// A running node's door for writing and for listening, on real logs: what is written is read back, what is applied is heard.

import { describe, expect, it, onTestFinished } from 'vitest'
import { openEvents } from '../http/event-stream.ts'
import { LINES, post, upsertJson } from '../http/live-node.ts'
import { cli, type RunningCli, startCli } from '../support/cli.ts'
import { waitFor } from '../support/wait.ts'
import { createLogOfKind, createTestNode, LOG_KINDS, type TestNode } from './support.ts'

async function startNode(node: TestNode): Promise<{ readonly url: string; readonly running: RunningCli }> {
  const running = startCli(['run', '--http', '127.0.0.1:0'], { env: node.env })
  onTestFinished(() => running.kill('SIGKILL'))
  const url = await waitFor('the door', () => /HTTP at (\S+)/.exec(running.stderr())?.[1])
  await waitFor('the node to be ready', async () => (await fetch(`${url}/readyz`)).ok)
  return { url, running }
}

async function stop(running: RunningCli): Promise<void> {
  running.kill('SIGTERM')
  expect((await running.ended).code).toBe(0)
}

const rowOf = async (url: string, id: string) => (await fetch(`${url}/v1/datasets/tracks/rows/${id}`)).json()

describe.each(LOG_KINDS)('the door of a node, on a log in %s', (kind) => {
  it('whoever waits reads what he wrote, and whoever listens hears it, across a restart', async () => {
    const log = await createLogOfKind(kind, 'door', { partitions: 3, datasets: 'examples/catalogue' })
    const node = await createTestNode(log, 'door')
    onTestFinished(() => node.drop())
    const first = await startNode(node)
    const listener = await openEvents(first.url)
    onTestFinished(() => listener.close())
    const took: number[] = []
    const client = async (n: number): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        const began = performance.now()
        const { status, json } = await post(first.url, upsertJson(`c${n}`, { plays: i }), '?wait=applied')
        took.push(performance.now() - began)
        expect([status, json.applied]).toEqual([200, true])
        expect(await rowOf(first.url, `c${n}`)).toMatchObject({ row: { plays: i } })
      }
    }
    await client(0)
    took.sort((a, b) => a - b)
    console.log(
      `${kind}: one after the other, applied after ${took[10]!.toFixed(1)} ms (median), ${took[18]!.toFixed(1)} ms (p95)`,
    )
    await Promise.all(Array.from({ length: 10 }, (_, n) => client(n + 1)))
    await listener.until(220)
    const id = listener.lastId()!
    // From the command line, while nobody listens.
    listener.close()
    await cli(['publish', '-'], { env: node.env, input: `${upsertJson('from-cli', { plays: 7 })}\n` })
    const many = Array.from({ length: 1_000 }, (_, i) => upsertJson(`m${i}`, { plays: i })).join('\n')
    expect((await post(first.url, many, '?wait=applied', LINES)).json).toMatchObject({
      durable: 1_000,
      applied: true,
    })
    const held = await openEvents(first.url)
    await stop(first.running)
    expect(held.hasEnded()).toBe(true)

    const second = await startNode(node)
    const resumed = await openEvents(second.url, '', { 'last-event-id': id })
    onTestFinished(() => resumed.close())
    const events = await resumed.until(1_001)
    expect(new Set(events.map(({ data }) => data.key.id))).toEqual(
      new Set(['from-cli', ...Array.from({ length: 1_000 }, (_, i) => `m${i}`)]),
    )
    await post(second.url, upsertJson('last'), '?wait=applied')
    expect((await resumed.until(1_002)).at(-1)).toMatchObject({
      data: { key: { id: 'last' }, status: 'merged' },
    })
    const whole = await openEvents(second.url, '?from=start&dataset=tracks')
    onTestFinished(() => whole.close())
    await whole.until(1 + 220 + 1_002)
    await stop(second.running)
  }, 120_000)

  it('writes that a closed log refuses are answered so', async () => {
    const log = await createLogOfKind(kind, 'door-closed', { partitions: 1, datasets: 'examples/catalogue' })
    const node = await createTestNode(log, 'door-closed')
    onTestFinished(() => node.drop())
    const { url, running } = await startNode(node)
    expect((await post(url, upsertJson('a'))).status).toBe(200)
    const opened = log.open()
    const isSealed = await opened.seal([])
    await opened.close()
    const { status, json } = await post(url, upsertJson('b'))
    expect([isSealed, status]).toEqual(kind === 'postgres' ? [true, 409] : [false, 200])
    if (isSealed) expect(json).toMatchObject({ type: 'urn:spindexer:problem:log-closed', durable: 0 })
    await stop(running)
  }, 60_000)
})
