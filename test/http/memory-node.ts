// A node whose state is in memory (or in a store that is given), as the door's ports see it.

import { createApplied } from '../../src/http/applied.ts'
import { LIMITS } from '../../src/http/limits.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { createProgress } from '../../src/http/progress.ts'
import type { DoorPorts } from '../../src/http/routes.ts'
import { createSnapshots } from '../../src/http/snapshots.ts'
import { createWatermarks } from '../../src/http/watermarks.ts'
import type { Log, LogDescription } from '../../src/log/log.ts'
import { createMemoryLog } from '../../src/log/memory/log.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryReader } from '../../src/store/memory/reader.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import type { Store, StoreReader } from '../../src/store/store.ts'
import { batchOf, datasetOf, mutationOf, prepare } from '../contract/store-fixture.ts'
import { makeTestLog, TRACKS } from '../writer/support.ts'
import {
  createTestRelay,
  createTestWriting,
  defineIn,
  explainTestLog,
  inspectTestLog,
  proveHere,
} from './writing.ts'

export interface TestStore {
  store(): Store
  reader(): Promise<StoreReader>
}

export function memoryStore(): TestStore {
  const database = createMemoryDatabase()
  return { store: () => createMemoryStore(database), reader: async () => createMemoryReader(database) }
}

/** A log in memory with the dataset `tracks`, made when it is first asked for. */
function createLateLog(): Log {
  const log = createMemoryLog({ partitions: 2, now: () => BigInt(Date.now()) })
  const made = makeTestLog(log).then(() => defineIn(log, TRACKS))
  return {
    ...log,
    async describe() {
      await made
      return log.describe()
    },
  }
}

/** Every port of the door on a store; the log is one that has no more than the store, and another takes mutations. */
export function portsOf(store: TestStore): DoorPorts {
  const description: LogDescription = {
    name: 'a log of a test',
    partitions: [],
    definitions: null,
    problems: [],
    warnings: [],
  }
  const log = createLateLog()
  const writing = createTestWriting(log, 5_000)
  const now = () => performance.now()
  const lookAtLog = async () => ({ type: 'seen', description }) as const
  const watermarks = createWatermarks({ lookAtLog, now, maxAgeMs: 0, waitMs: 1_000 })
  const progress = createProgress({ now, stallMs: 60_000 })
  return {
    withSnapshot: createSnapshots({
      open: () => store.reader(),
      isTransient: () => false,
      snapshotsMax: 2,
      waitMs: 5_000,
    }),
    lookAtLog,
    watermarks,
    progress,
    metrics: createMetrics({ version: '0.0.0', progress, watermarks }),
    log,
    findQuarantined: async () => [],
    inspectLog: () => inspectTestLog(log),
    writing,
    relay: createTestRelay(log, writing, 5_000),
    prove: proveHere,
    applied: createApplied({ look: async () => null }),
    explainLog: explainTestLog,
    limits: LIMITS,
  }
}

/** Rows of every kind that a reader may ask for: visible, hidden, deleted, not there yet. */
export async function fillStore({ store }: TestStore): Promise<void> {
  const tracks = datasetOf('tracks', {
    columns: { title: 'string', plays: 'long', price: 'decimal' },
    required: ['title'],
  })
  const pairs = datasetOf('pairs', { key: { a: 'string', b: 'string' }, columns: { v: 'long' } })
  const numbers = datasetOf('numbers', { key: { n: 'long' } })
  const flags = datasetOf('flags', { key: { f: 'boolean', u: 'uuid', at: 'timestamp', day: 'date' } })
  await prepare(store(), tracks, pairs, numbers, flags)
  const mutations = [
    mutationOf('upsert', 'tracks', 't1', 1, { title: 'Blue', plays: 7n, price: '9.9' }),
    mutationOf('update', 'tracks', 't1', 2, { price: '12.5' }),
    mutationOf('upsert', 'tracks', 'great', 1, { title: 'Great', plays: 9_007_199_254_740_993n }),
    mutationOf('upsert', 'tracks', 'hidden', 1, { plays: 1n }),
    mutationOf('upsert', 'tracks', 'gone', 1, { title: 'Gone' }),
    mutationOf('delete', 'tracks', 'gone', 2),
    mutationOf('update', 'tracks', 'early', 1, { title: 'Early' }),
    ...PAIRS.map((key) => mutationOf('upsert', 'pairs', key, 1, { v: 1n })),
    ...SINGLES.map((key) => mutationOf('upsert', 'tracks', key, 1, { title: key.slice(0, 20) })),
    ...[-2, 10, 9, 1, 0].map((n) => mutationOf('upsert', 'numbers', String(n), 1)),
    mutationOf('upsert', 'flags', FLAG, 1),
  ]
  const committed = await store().commit(batchOf(mutations))
  if (committed.type !== 'committed') throw new Error(`the rows were not taken: ${committed.type}`)
}

export const FLAG = [
  'true',
  '0a1b2c3d-0000-4000-8000-000000000001',
  '2024-03-31T01:30:00.999999Z',
  '2024-03-31',
] as const

/** Texts that an address has its own thoughts about. */
export const SINGLES = [
  '',
  ' ',
  'a,b',
  ',',
  'a/b',
  '/',
  '%',
  '%2C',
  '%252C',
  '%zz',
  'a?b#c&d=e+f;g',
  'ä',
  '\u{10000}\uffff',
  '"\\',
  '\n\t',
  '...',
  'rows',
  'k'.repeat(1_000),
  'ü'.repeat(500),
]

export const PAIRS = ['', ',', '%2C', 'a/b', 'ä', 'x', '..', 'k'.repeat(500)].flatMap((a) =>
  ['', ',', '%', 'a,b', '\u{10000}', 'y'].map((b) => [a, b]),
)
