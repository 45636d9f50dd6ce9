// Writers that append while a log is copied: each message is in the copy at the end, or was refused to its writer.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { block, branch, rawMutation, text } from '../../scripts/golden/raw-avro.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { cli, ROOT, runCli } from '../support/cli.ts'
import { expectCopy } from '../support/copies.ts'
import {
  copy,
  createLogAt,
  expectMoved,
  kafkaPlace,
  type LogPlace,
  nodeAt,
  postgresPlace,
  readPlace,
  runCopy,
} from './copy-support.ts'
import { catchUp } from './support.ts'

const WRITERS = 4
const PARTITIONS = 3
const places: LogPlace[] = []
afterAll(async () => {
  for (const place of places) await place.drop()
})

async function start(source: LogPlace, target: LogPlace): Promise<void> {
  places.push(source, target)
  await createLogAt(source, '--partitions', String(PARTITIONS))
  await cli(['datasets', 'apply', `${ROOT}/examples/catalogue`], { env: { SPINDEXER_LOG: source.url } })
}

it('a log in Postgres: --close refuses those who come later, and all before are in the copy', async () => {
  const [source, target] = [await postgresPlace('writers'), await kafkaPlace('writers')]
  await start(source, target)
  const node = await nodeAt(source, 'kept')
  const writers = startWriters(source)
  await writers.reached(500)
  const open = await copy(source, target)
  expect(open).toMatchObject({ generation: 2, closed: null, marked: 0 })
  await writers.reached(writers.acknowledged().length + 500)
  const closed = await copy(source, target, '--close')
  expect(closed).toMatchObject({ generation: 2, copyId: open.copyId, closed: 'sealed', marked: 0 })
  const refusals = await writers.ended
  expect(refusals).toHaveLength(WRITERS)
  for (const refusal of refusals)
    expect(refusal).toMatch(/the log was closed .*; point SPINDEXER_LOG at the copy/)
  // What one run has is what the next one need not bring: few come twice.
  const again = await copy(source, target, '--close')
  expect(again).toMatchObject({ closed: 'sealed', copied: 0, copyId: open.copyId })

  const [from, to] = [await readPlace(source), await readPlace(target)]
  expectCopy(from, to)
  const titles = new Set(to.records.map(({ value }) => titleOf(value)))
  for (const id of writers.acknowledged()) expect(titles.has(id), id).toBe(true)
  for (const id of writers.refused()) expect(titles.has(id), id).toBe(false)

  // A writer of the command line is told, and where to go.
  const line = JSON.stringify({ dataset: 'tracks', operation: 'upsert', data: { id: 'late', title: 'late' } })
  const late = (env: Record<string, string>) => runCli(['publish', '-'], { env, input: `${line}\n` })
  const refused = await late({ SPINDEXER_LOG: source.url })
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/the log was closed/)
  expect((await late({ SPINDEXER_LOG: target.url })).code).toBe(0)

  await catchUp(node)
  const status = await runCli(['status', '--json'], { env: { ...node.env, SPINDEXER_LOG: target.url } })
  expect(status.stderr).toContain('the log is generation 2, a copy of generation 1')
  expect(JSON.parse(status.stdout)).toMatchObject({ generation: 1, lag: null })
  const { cells } = await expectMoved(node, target, 2)
  expect(cells).toContain('"late"')
  const back = await runCli(['run', '--until-end'], { env: node.env })
  expect([back.code, back.stderr]).toEqual([1, expect.stringContaining('the older generation 1')])
  await node.drop()
}, 180_000)

it('a log in Kafka: the copy says that writers go on, and has everything when it is resumed after they stopped', async () => {
  const [source, target] = [await kafkaPlace('writers'), await postgresPlace('writers')]
  await start(source, target)
  const writers = startWriters(source)
  await writers.reached(500)
  const first = await runCopy(source, target, '--close')
  expect(first.code, first.stderr).toBe(0)
  expect(first.stderr).toContain('The source has close records, which decide nothing')
  expect(first.stderr).toMatch(/Writers go on: there are records behind the close of .*partition/)
  await writers.reached(writers.acknowledged().length + 200)
  writers.stop()
  expect(await writers.ended).toEqual([])
  const second = await runCopy(source, target, '--close')
  expect(second.code, second.stderr).toBe(0)
  expect(second.stderr).toContain('Stop the writers, then run the same command once more')
  expect(await copy(source, target, '--close')).toMatchObject({ closed: 'recorded', copied: 0, marked: 0 })
  const [from, to] = [await readPlace(source), await readPlace(target)]
  expectCopy(from, to)
  const titles = new Set(to.records.map(({ value }) => titleOf(value)))
  for (const id of writers.acknowledged()) expect(titles.has(id), id).toBe(true)
}, 180_000)

/** The title of a message that `message` has made. */
function titleOf(value: Buffer | null): string {
  return /writer \d+ message \d+/.exec(value?.toString('latin1') ?? '')?.[0] ?? ''
}

function message(title: string): Buffer {
  const columns = block([Buffer.concat([text('title'), branch.string(title)])])
  return frameSingleObject(rawMutation({ dataset: text('tracks'), key: block([text(title)]), columns }))
}

interface Writers {
  acknowledged(): readonly string[]
  /** Those of calls that failed. */
  refused(): readonly string[]
  reached(count: number): Promise<void>
  stop(): void
  /** What each was told that did not end by itself. */
  readonly ended: Promise<readonly string[]>
}

/** Each appends some messages at a time, until it is stopped or refused. */
function startWriters(place: LogPlace): Writers {
  const acknowledged: string[] = []
  const refused: string[] = []
  let isStopped = false
  const write = async (writer: number): Promise<string | null> => {
    const log = place.open()
    try {
      for (let n = 0; !isStopped; n += 5) {
        const titles = Array.from({ length: 5 }, (_, i) => `writer ${writer} message ${n + i}`)
        const records = titles.map((title) => ({
          partition: null,
          key: Buffer.from(title),
          value: message(title),
        }))
        try {
          await log.append(records)
        } catch (error) {
          refused.push(...titles)
          return (error as Error).message
        }
        acknowledged.push(...titles)
        await sleep(2)
      }
      return null
    } finally {
      await log.close()
    }
  }
  const all = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
  return {
    acknowledged: () => acknowledged,
    refused: () => refused,
    async reached(count) {
      for (let i = 0; i < 3_000 && acknowledged.length < count; i++) await sleep(20)
      expect(acknowledged.length).toBeGreaterThanOrEqual(count)
    },
    stop() {
      isStopped = true
    },
    ended: all.then((told) => told.filter((words) => words !== null)),
  }
}
