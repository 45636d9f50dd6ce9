// The registry wiped and with other ids, or away: the writer registers again or says so, and nodes do not care.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { createKafkaLog } from '../../src/log/kafka/log.ts'
import { runCli } from '../support/cli.ts'
import { type RegistryService, startRegistry, temporaryDir } from '../support/services.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestLog,
  createTestNode,
  foldInPython,
  type KafkaTestLog,
  sha256,
} from './support.ts'

const dir = temporaryDir()
let registry: RegistryService

beforeAll(async () => {
  registry = await startRegistry({ dir: dir.path, removeDirWhenOrphaned: true })
})

afterAll(async () => {
  await registry?.kill('SIGKILL')
  dir.remove()
})

const publish = (log: KafkaTestLog, id: string) =>
  runCli(['publish', '-'], {
    env: { ...log.env, SCHEMA_REGISTRY_URL: registry.url },
    input: `{"dataset":"tracks","operation":"upsert","data":{"id":"${id}","plays":1}}\n`,
  })

/** The schema ids in the framing of a partition's records, in order. */
async function idsOf(log: KafkaTestLog, count: number): Promise<number[]> {
  const handle = createKafkaLog({ connection: { brokers: log.brokers }, topic: log.topic, onLog: () => {} })
  try {
    const places = Array.from({ length: count }, (_, i) => ({ partition: 0, offset: BigInt(i + 1) }))
    const records = await handle.pick(places)
    return records.map((record) => {
      expect(record!.value![0]).toBe(0)
      return record!.value!.readInt32BE(1)
    })
  } finally {
    await handle.close()
  }
}

it('a registry that was wiped and gives other ids: the same log goes on, and a node needs no registry at all', async () => {
  const log = await createTestLog('registry', { partitions: 1, datasets: 'examples/catalogue' })
  expect((await publish(log, 'before')).code).toBe(0)
  await registry.stop()
  const away = await publish(log, 'away')
  expect(away.code).toBe(1)
  expect(away.stderr).toMatch(/the schema registry at .* does not give registry-.*-value an id/)
  expect(away.stderr).toMatch(/check SCHEMA_REGISTRY_URL and that the registry runs/)

  await registry.disk.wipe()
  await registry.restart()
  // Somebody else's schema comes first now, so that ours gets another number than it had.
  const other = JSON.stringify({ schema: JSON.stringify({ type: 'record', name: 'Other', fields: [] }) })
  const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' }
  for (const name of ['one', 'two']) {
    const schema = other.replace('Other', `Other_${name}`)
    const answer = await fetch(`${registry.url}/subjects/${name}/versions`, {
      method: 'POST',
      headers,
      body: schema,
    })
    expect(answer.status).toBe(200)
  }
  expect((await publish(log, 'after')).code).toBe(0)
  const [before, after] = await idsOf(log, 2)
  expect(after).not.toBe(before)
  await registry.kill('SIGKILL')

  const node = await createTestNode(log, 'registry')
  await catchUp({ ...node, env: { ...node.env, SCHEMA_REGISTRY_URL: registry.url } })
  expect(await countsOf(node)).toEqual({ consumed: 2n, merged: 2n, parked: 0n, quarantined: 0n })
  expect(sha256(await foldInPython(log))).toBe(sha256(await cellsOf(node)))
  await node.drop()
}, 180_000)
