// Messages of a foreign client, framed as Confluent's serializers do, applied by a new node with the registry stopped.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { runPython } from '../support/python.ts'
import { type RegistryService, startRegistry, temporaryDir } from '../support/services.ts'
import { catchUp, cellsOf, countsOf, createTestLog, createTestNode, foldInPython, sha256 } from './support.ts'

const dir = temporaryDir()
let registry: RegistryService

beforeAll(async () => {
  registry = await startRegistry({ dir: dir.path, removeDirWhenOrphaned: true })
})

afterAll(async () => {
  await registry?.kill('SIGKILL')
  dir.remove()
})

it('a new node applies what a Python writer framed by the registry, without the registry', async () => {
  const log = await createTestLog('foreign', { partitions: 3, datasets: 'examples/catalogue' })
  const args = ['--brokers', log.brokers.join(','), '--topic', log.topic, '--registry', registry.url]
  const written = await runPython('write_topic.py', [
    ...args,
    '--dataset',
    'tracks',
    '--column',
    'plays',
    '--count',
    '5000',
  ])
  expect(written.code, written.stderr).toBe(0)
  await registry.stop()
  const node = await createTestNode(log, 'foreign')
  await catchUp(node)
  expect(await countsOf(node)).toEqual({ consumed: 5_000n, merged: 5_000n, parked: 0n, quarantined: 0n })
  const cells = await cellsOf(node)
  expect(sha256(await foldInPython(log))).toBe(sha256(cells))
  const [row] = await node.query('select count(*) as rows from data.tracks where plays is not null')
  expect(Number(row!.rows)).toBeGreaterThan(0)
  await node.drop()
}, 120_000)
