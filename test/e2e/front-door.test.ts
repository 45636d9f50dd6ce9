// From one node to many: the real data through HTTP into a log in Postgres, that log copied to Kafka, a second node there: equal cells and stamps.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { cli, ROOT, type RunningCli, startCli } from '../support/cli.ts'
import { createDatabase, kafka, uniqueTopic } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestNode,
  foldInPython,
  kafkaTestLog,
  realDataFolder,
  sha256,
  type TestNode,
} from './support.ts'

const TIMESTAMP = '2022-11-01T00:00:00Z'
const ROWS: Readonly<Record<string, number>> = {
  platforms: 17,
  artists: 1_064,
  artist_profiles: 1_216,
  processed_tracks: 3_576,
  nft_factories: 6_094,
  nfts_processed_tracks: 46_592,
  nfts_collectors: 103_384,
}
const ALL = 161_943

const folder = realDataFolder()

describe('real data, through the front door', () => {
  if (folder === null) {
    it('IS NOT HERE: nothing was tested on it', () => {
      console.warn(
        'front-door.test.ts: the folder ../shared/data (or SPINDEXER_TEST_DATA) is not there, so the tests on real production data did not run.',
      )
      expect(folder).toBe(null)
    })
    return
  }

  it('HTTP into the log in Postgres, log copy to Kafka, a second node from Kafka, the first one moved there: equal cells and stamps', async () => {
    const node = await createSingleNode()
    const running = startCli(['run'], { env: { ...node.env, SPINDEXER_HTTP: '127.0.0.1:0' } })
    try {
      const address = await doorOf(running)
      for (const [dataset, rows] of Object.entries(ROWS)) {
        const answer = await postLines(address, changesOf(folder, dataset))
        expect(answer).toMatchObject({ durable: rows })
      }
      await waitFor('the node to have them all', async () => (await countsOf(node)).merged === BigInt(ALL), {
        timeoutMs: 120_000,
      })
      await comparePage(address, node)
    } finally {
      running.kill('SIGTERM')
    }
    expect((await running.ended).code).toBe(0)
    const cells = await cellsOf(node)

    const { brokers } = await kafka()
    const log = kafkaTestLog(brokers, uniqueTopic('front-door'))
    await cli(['log', 'copy', '--from', node.url, '--to', log.env.SPINDEXER_LOG!, '--close'])
    const second = await createTestNode(log, 'second')
    await catchUp(second)
    expect(sha256(await cellsOf(second))).toBe(sha256(cells))
    expect(sha256(await foldInPython(log))).toBe(sha256(cells))
    expect(await countsOf(second)).toEqual({
      consumed: BigInt(ALL),
      merged: BigInt(ALL),
      parked: 0n,
      quarantined: 0n,
    })

    const moved = await createTestNode(log, 'first', node.url)
    await catchUp(moved)
    expect(sha256(await cellsOf(moved))).toBe(sha256(cells))
    expect(await countsOf(moved)).toEqual(await countsOf(second))
    await second.drop()
  }, 600_000)
})

/** A node and its log in one database. */
async function createSingleNode(): Promise<TestNode> {
  const { url } = await createDatabase(18, 'single')
  const env = { SPINDEXER_LOG: url }
  await cli(['log', 'create'], { env })
  await cli(['datasets', 'apply', join(ROOT, 'examples/music')], { env })
  return createTestNode({ env }, 'single', url)
}

async function doorOf(running: RunningCli): Promise<string> {
  return waitFor('the door', async () => /\bhttp:\/\/127\.0\.0\.1:\d+/.exec(running.stderr())?.[0])
}

function* changesOf(path: string, dataset: string): Generator<Buffer> {
  const text = gunzipSync(readFileSync(join(path, `${dataset}.jsonl.gz`))).toString('utf8')
  for (const row of text.trimEnd().split('\n')) {
    yield Buffer.from(
      `{"timestamp":"${TIMESTAMP}","operation":"upsert","dataset":"${dataset}","data":${row}}\n`,
    )
  }
}

async function postLines(address: string, lines: Iterable<Buffer>): Promise<unknown> {
  const response = await fetch(`${address}/v1/mutations`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: Readable.toWeb(Readable.from(lines)) as ReadableStream,
    duplex: 'half',
  } as RequestInit)
  const text = await response.text()
  expect(response.status, text.slice(0, 500)).toBe(200)
  return JSON.parse(text)
}

/** A page of rows as HTTP gives it is what `dump` prints. */
async function comparePage(address: string, node: TestNode): Promise<void> {
  const response = await fetch(`${address}/v1/datasets/artists/rows?limit=1000`)
  expect(response.status).toBe(200)
  const { rows } = (await response.json()) as { rows: unknown[] }
  const dumped = (await cli(['dump', 'artists'], { env: node.env })).trimEnd().split('\n')
  expect(rows.slice(0, 1_000)).toEqual(dumped.slice(0, 1_000).map((line) => JSON.parse(line)))
}
