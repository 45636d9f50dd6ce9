// kcat, a tool of librdkafka's that knows nothing of us, reads what we write and writes what we read.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { inspectValue } from '../../src/codec/inspect.ts'
import { createStamp, type Origin, stampToTime } from '../../src/crdt/stamp.ts'
import { cli } from '../support/cli.ts'
import { program } from '../support/containers/run.ts'
import { registry, temporaryDir } from '../support/services.ts'
import {
  catchUp,
  countsOf,
  createTestLog,
  createTestNode,
  type KafkaTestLog,
  type TestNode,
} from './support.ts'

const KEY = '["tracks","Blü \\"1\\""]'
const dir = temporaryDir()
let log: KafkaTestLog
let node: TestNode

beforeAll(async () => {
  log = await createTestLog('kcat', { partitions: 3, datasets: 'examples/catalogue' })
  node = await createTestNode(log, 'kcat')
})
afterAll(async () => {
  await node?.drop()
  dir.remove()
})

/** Runs kcat on the log's topic; gives the bytes of its stdout. */
async function kcat(...args: readonly string[]): Promise<Buffer> {
  const [file, ...before] = program('kcat', 'kcat', [dir.path])
  const child = spawn(file!, [...before, '-b', log.brokers.join(','), '-t', log.topic, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  const [out, err] = [child.stdout, child.stderr].map((stream) => stream.toArray() as Promise<Buffer[]>)
  const [code] = await once(child, 'close').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT'
      ? new Error('kcat is missing: install it (Debian: apt-get install kcat)')
      : error
  })
  expect(code, Buffer.concat(await err!).toString()).toBe(0)
  return Buffer.concat(await out!)
}

/** Partition, offset, append time, size and key of every message that has a key. */
async function readAll() {
  const listed = await kcat('-C', '-e', '-q', '-f', '%p|%o|%T|%S|%k\n')
  const lines = listed.toString('utf8').trimEnd().split('\n')
  return lines
    .map(
      (line) =>
        /^(?<partition>\d+)[|](?<offset>\d+)[|](?<time>\d+)[|](?<size>\d+)[|](?<key>.*)$/.exec(line)!.groups!,
    )
    .filter(({ key }) => key !== '')
}

it('reads our messages: the key as JSON, the log’s time, the bytes as they are, framed or not', async () => {
  const line = (plays: number) =>
    JSON.stringify({ dataset: 'tracks', operation: 'upsert', data: { id: 'Blü "1"', plays } })
  await cli(['publish', '-'], { env: log.env, input: line(1) })
  const { url } = await registry()
  await cli(['publish', '-'], { env: { ...log.env, SCHEMA_REGISTRY_URL: url }, input: line(2) })
  const found = await readAll()
  // librdkafka reads the messages of one key from one partition: ours are placed as Java's are.
  expect(new Set(found.map(({ partition }) => partition)).size).toBe(1)
  expect(found.map(({ key }) => key)).toEqual([KEY, KEY])
  const read = await Promise.all(
    found.map(async ({ partition, offset, size, time }) => {
      const value = await kcat('-C', '-q', '-p', partition!, '-o', offset!, '-c', '1', '-f', '%s')
      expect(value.length).toBe(Number(size))
      const { framing, stamp, columns, key } = inspectValue(value)
      expect(key).toEqual(['Blü "1"'])
      expect(Math.abs(Number(stampToTime(stamp!) / 1_000_000n - BigInt(time!)))).toBeLessThan(60_000)
      return [framing, columns]
    }),
  )
  expect(read).toEqual([
    ['single-object', [{ name: 'plays', value: 1n }]],
    ['confluent', [{ name: 'plays', value: 2n }]],
  ])
})

it('what it writes, with foreign headers and its own partitioner, is merged', async () => {
  const stamp = createStamp(BigInt(Date.now()) * 1_000_000n, 'ab'.repeat(8) as Origin)
  const columns = new Map([['plays', 3n]])
  const mutation = {
    stamp,
    seq: null,
    operation: 'update',
    dataset: 'tracks',
    key: ['Blü "1"'],
    columns,
  } as const
  const file = join(dir.path, 'message')
  writeFileSync(file, frameSingleObject(encodeMutation(mutation)))
  await kcat('-P', '-k', KEY, '-H', 'trace=1', '-H', 'trace=2', '-H', 'Spindexer-x=other', file)
  const reserved = join(dir.path, 'reserved')
  writeFileSync(reserved, frameSingleObject(encodeMutation({ ...mutation, key: ['t2'] })))
  await kcat('-P', '-H', 'spindexer-x=1', reserved)
  await catchUp(node)
  expect(await node.query('select id, plays from data.tracks')).toEqual([{ id: 'Blü "1"', plays: '3' }])
  expect(await countsOf(node)).toMatchObject({ merged: 3n, quarantined: 1n })
})
