// Messages of a foreign client: framed as Confluent's serializers do or not at all, placed by another partitioner, of the same rows as ours.

import { afterAll, beforeAll, expect, it } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { inspectValue } from '../../src/codec/inspect.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { createKafkaLog, type KafkaLog } from '../../src/log/kafka/log.ts'
import { cli } from '../support/cli.ts'
import { runPython } from '../support/python.ts'
import {
  type RegistryService,
  registry as sharedRegistry,
  startRegistry,
  temporaryDir,
} from '../support/services.ts'
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

const ROWS = 120
const T0_NS = BigInt(Date.parse('2024-05-01T10:00:00Z')) * 1_000_000n
const at = (n: number) => String(T0_NS + BigInt(n))

interface Line {
  readonly time: number
  readonly operation: 'upsert' | 'update' | 'delete'
  readonly row: number
  readonly columns?: Readonly<Record<string, string | number>>
}

/** The lines as our `publish` takes them. */
const toOurs = (lines: readonly Line[]) =>
  lines.map(({ time, operation, row, columns }) =>
    JSON.stringify({
      timestamp: at(time),
      dataset: 'tracks',
      operation,
      data: { id: `r${row}`, ...columns },
    }),
  )
/** The lines as examples/python/write_topic.py takes them. */
const toPython = (lines: readonly Line[]) =>
  lines.map(({ time, operation, row, columns = {} }) => {
    const branches = Object.entries(columns).map(([name, value]) => [
      name,
      typeof value === 'number' ? { long: String(value) } : { string: value },
    ])
    const typed = Object.fromEntries(branches)
    return JSON.stringify({
      timestamp: at(time),
      dataset: 'tracks',
      operation,
      key: [`r${row}`],
      columns: typed,
    })
  })
const everyRow = (line: (row: number) => Line) => Array.from({ length: ROWS }, (_, row) => line(row))

async function writeInPython(
  log: KafkaTestLog,
  lines: readonly Line[],
  flags: readonly string[] = [],
): Promise<void> {
  const args = ['--brokers', log.brokers.join(','), '--topic', log.topic, ...flags]
  const written = await runPython('write_topic.py', args, { input: toPython(lines).join('\n') })
  expect(written.code, written.stderr).toBe(0)
}
const writeOurs = (log: KafkaTestLog, lines: readonly Line[], env = {}) =>
  cli(['publish', '-'], { env: { ...log.env, ...env }, input: toOurs(lines).join('\n') })

async function withLog<T>(log: KafkaTestLog, use: (opened: KafkaLog) => Promise<T>): Promise<T> {
  const opened = createKafkaLog({
    connection: { brokers: [...log.brokers] },
    topic: log.topic,
    onLog: () => {},
  })
  try {
    return await use(opened)
  } finally {
    await opened.close()
  }
}

/** By row, the partitions in which messages of it stand; by framing, how many there are. */
function placesOf(log: KafkaTestLog) {
  return withLog(log, async (opened) => {
    const { partitions } = await opened.describe()
    const pointers = partitions.flatMap(({ partition, end }) =>
      Array.from({ length: Number(end) - 1 }, (_, i) => ({ partition, offset: BigInt(i + 1) })),
    )
    const partitionsByRow = new Map<string, Set<number>>()
    const countByFraming = new Map<string, number>()
    for (const record of await opened.pick(pointers)) {
      const { key, framing } = inspectValue(record!.value!)
      const places = partitionsByRow.get(key[0]!) ?? new Set()
      partitionsByRow.set(key[0]!, places.add(record!.partition))
      countByFraming.set(framing, (countByFraming.get(framing) ?? 0) + 1)
    }
    return { partitionsByRow, countByFraming }
  })
}

it('rows that our writer and another one write, in different partitions and framings, end as their timestamps say', async () => {
  const log = await createTestLog('mixed', { partitions: 6, datasets: 'examples/catalogue' })
  const { url } = await sharedRegistry()
  // Other order than time: the updates are in the log before their rows are.
  await writeInPython(
    log,
    everyRow((row) => ({ time: 20, operation: 'update', row, columns: { plays: row } })),
  )
  await writeOurs(
    log,
    everyRow((row) => ({ time: 10, operation: 'upsert', row, columns: { title: 'ours', plays: -1 } })),
  )
  // A third is deleted by the other writer and a sixth of all by ours, before and after what it deletes.
  await writeInPython(
    log,
    everyRow((row) => ({ time: 30, operation: 'delete', row })).filter(({ row }) => row % 3 === 0),
    ['--registry', url],
  )
  await writeOurs(
    log,
    everyRow((row) => ({ time: 15, operation: 'delete', row })).filter(({ row }) => row % 6 === 1),
    { SCHEMA_REGISTRY_URL: url },
  )
  // Half of the deleted ones come back, with one column.
  await writeOurs(
    log,
    everyRow((row) => ({ time: 40, operation: 'upsert', row, columns: { title: 'back' } })).filter(
      ({ row }) => row % 6 === 0,
    ),
  )
  // The very same message from both, and two that have one time and disagree: a hash of each decides.
  const same = everyRow(
    (row) => ({ time: 50, operation: 'update', row, columns: { artistId: `a${row}` } }) as const,
  )
  await writeOurs(log, same)
  await writeInPython(log, same, ['--registry', url])
  await writeOurs(
    log,
    everyRow((row) => ({ time: 60, operation: 'update', row, columns: { title: `our ${row}` } })),
  )
  await writeInPython(
    log,
    everyRow((row) => ({ time: 60, operation: 'update', row, columns: { title: `their ${row}` } })),
  )
  // One stamp, two values, in two partitions: the greater value, and null is least.
  await withLog(log, (opened) => {
    const stamp = createStamp(T0_NS + 70n, 'ab'.repeat(8) as Origin)
    const tied = (key: string, partition: number, plays: Value) => {
      const mutation = { stamp, seq: null, operation: 'upsert', dataset: 'tracks', key: [key] } as const
      const columns = new Map([['plays', plays]])
      return { partition, key: null, value: frameSingleObject(encodeMutation({ ...mutation, columns })) }
    }
    return opened.append([
      tied('tie1', 0, 5n),
      tied('tie1', 3, 9n),
      tied('tie2', 4, 5n),
      tied('tie2', 1, null),
    ])
  })

  const { partitionsByRow, countByFraming } = await placesOf(log)
  const spread = [...partitionsByRow.values()].filter((places) => places.size > 1).length
  expect(spread, 'rows that stand in more than one partition').toBeGreaterThan(ROWS / 2)
  expect(countByFraming.get('confluent')).toBe(ROWS / 3 + ROWS / 6 + ROWS)

  const node = await createTestNode(log, 'mixed')
  await catchUp(node)
  expect(await countsOf(node)).toMatchObject({ parked: 0n, quarantined: 0n })
  const cells = await cellsOf(node)
  expect(sha256(await foldInPython(log))).toBe(sha256(cells))
  const rows = await node.query('select id, title, plays, "artistId" from data.tracks')
  const rowById = new Map(rows.map((row) => [row.id!, row]))
  for (let row = 0; row < ROWS; row++) {
    const found = rowById.get(`r${row}`)
    // Deleted by the other writer and not back; or by ours, after the only upsert.
    const isGone = (row % 3 === 0 && row % 6 !== 0) || row % 6 === 1
    expect([row, found === undefined]).toEqual([row, isGone])
    if (found === undefined) continue
    expect(found.artistId).toBe(`a${row}`)
    expect([`our ${row}`, `their ${row}`]).toContain(found.title)
    expect(found.plays).toBe(row % 6 === 0 ? null : String(row))
  }
  // The hash favours nobody.
  const ours = rows.filter(({ title }) => title?.startsWith('our ')).length
  expect(ours).toBeGreaterThan(0)
  expect(ours).toBeLessThan(rows.length - 2)
  expect([rowById.get('tie1')!.plays, rowById.get('tie2')!.plays]).toEqual(['9', '5'])
  expect(cells.split('\n').filter((line) => line.includes('"column":"artistId"')).length).toBe(ROWS)
  await node.drop()
}, 240_000)
