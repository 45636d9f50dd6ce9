// Looking messages up by dataset, key and column: one look into an index, and what a scan of the log would find.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRandom } from '../../scripts/demo/random.ts'
import { decodeMutation } from '../../src/codec/avro.ts'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { findAvro, frameConfluent, frameSingleObject } from '../../src/codec/framing.ts'
import type { LogRecord, Pointer } from '../../src/codec/record.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { findSql, type MessageQuery } from '../../src/log/postgres/find.ts'
import type { PostgresLog } from '../../src/log/postgres/log.ts'
import { textArray } from '../../src/postgres/arrays.ts'
import { announceSeed } from '../support/seed.ts'
import { createLogDatabase, type PostgresDatabase } from './postgres-admin.ts'
import { until } from './reading.ts'
import { text } from './samples.ts'

const seed = announceSeed('test/log/postgres-find.test.ts')
const random = createRandom(seed)
const PARTITIONS = 3
let database: PostgresDatabase
let log: PostgresLog
let decoded: readonly Decoded[]

interface Decoded extends Pointer {
  readonly mutation: Mutation
  readonly row: string
}

const below = (n: number) => Math.floor(random() * n)
const one = <T>(items: readonly T[]): T => items[below(items.length)]!

const KEYS: readonly (readonly string[])[] = [
  ['a'],
  ['a', ''],
  [''],
  ['NULL'],
  ['{}', '"', '\\', ','],
  ['é😀\u0001'],
  ['a b', 'a', 'b'],
  // As long and as many as a key may be.
  Array.from({ length: 16 }, (_, i) => `${i % 10}`.repeat(64)),
  ['k'.repeat(1_024)],
]
const COLUMNS = ['title', 'plays', 'n'.repeat(55)]

function randomMutation(): Mutation {
  const operation = one(['upsert', 'update', 'delete'] as const)
  const names = COLUMNS.filter(() => random() < 0.5)
  const isEmpty = operation === 'delete' || (operation === 'upsert' && names.length === 0)
  const columns = new Map(isEmpty ? [] : (names.length > 0 ? names : ['title']).map((name) => [name, 1n]))
  return {
    stamp: createStamp(BigInt(below(1_000_000)) + 1n, '00000000000000aa' as Origin),
    seq: null,
    operation,
    dataset: one(['tracks', 'd'.repeat(55)]),
    key: one(KEYS),
    columns,
  }
}

function randomRecord(): NewRecord {
  const partition = below(PARTITIONS)
  if (random() < 0.1) return text(partition, one(['', 'rubbish', '{"kind":"unknown"}']))[0]!
  const avro = encodeMutation(randomMutation())
  const broken = random() < 0.05 ? Buffer.concat([avro, Buffer.from('x')]) : avro
  return {
    partition,
    key: null,
    value: random() < 0.5 ? frameSingleObject(broken) : frameConfluent(7, broken),
  }
}

function mutationRecord(dataset: string, key: readonly string[]): NewRecord {
  const value = frameSingleObject(encodeMutation({ ...randomMutation(), dataset, key }))
  return { partition: below(PARTITIONS), key: null, value }
}

function decode({ partition, offset, value }: LogRecord): Decoded[] {
  const start = value === null ? 'unknown-framing' : findAvro(value)
  const read = typeof start === 'string' ? null : decodeMutation(value!, start)
  if (read?.type !== 'mutation') return []
  const { dataset, key } = read.mutation
  return [{ partition, offset, mutation: read.mutation, row: JSON.stringify([dataset, key]) }]
}

beforeAll(async () => {
  database = await createLogDatabase(18, PARTITIONS)
  log = database.open()
  for (let i = 0; i < 20; i++) await log.append(Array.from({ length: 1_000 }, randomRecord))
  // Most rows of a log have few messages: that is what a plan is made for.
  await log.append(Array.from({ length: 40_000 }, (_, i) => mutationRecord('usual', [`k${i % 10_000}`])))
  await database.execute('analyze spindexer_log.records')
  const read = await until(log, { scope: { type: 'all' } }, (state) => state.isCaughtUp([0, 1, 2]))
  decoded = read.records.flatMap(decode)
})
afterAll(async () => {
  await log?.close()
  await database?.drop()
})

async function find(query: MessageQuery): Promise<string[]> {
  const found: Pointer[] = []
  for await (const page of log.findMessages(query)) found.push(...page)
  return found.map(({ partition, offset }) => `${partition} ${offset}`)
}

function scan({ dataset, key, column }: MessageQuery): string[] {
  const row = JSON.stringify([dataset, key])
  const found = decoded.filter(
    (one) =>
      one.row === row &&
      (column === undefined || one.mutation.operation === 'delete' || one.mutation.columns.has(column)),
  )
  found.sort((a, b) => a.partition - b.partition || Number(a.offset - b.offset))
  return found.map(({ partition, offset }) => `${partition} ${offset}`)
}

test('finds what a scan finds, of every key that there may be, with a column and without', async () => {
  let count = 0
  for (const dataset of ['tracks', 'd'.repeat(55), 'none']) {
    for (const key of [...KEYS, ['none'], ['a', 'a']]) {
      for (const column of [undefined, ...COLUMNS, 'none']) {
        const query = column === undefined ? { dataset, key } : { dataset, key, column }
        const found = await find(query)
        expect(found).toEqual(scan(query))
        count += found.length
      }
    }
  }
  // More than a page of one row.
  expect((await find({ dataset: 'tracks', key: ['a'] })).length).toBeGreaterThan(500)
  expect(count).toBeGreaterThan(20_000)
})

test('pages follow each other', async () => {
  await log.append(Array.from({ length: 2_500 }, () => mutationRecord('many', ['x'])))
  const found = await find({ dataset: 'many', key: ['x'] })
  expect([found.length, new Set(found).size]).toEqual([2_500, 2_500])
})

test.each([false, true])('is one look into the index (of a column: %s)', async (hasColumn) => {
  const values = [`'usual'`, `'${textArray(['k7'])}'`, '-2', '0', ...(hasColumn ? [`'title'`] : [])]
  const types = ['text', 'text', 'int', 'bigint', 'text'].slice(0, values.length)
  const { rows } = await database.execute(
    `prepare find (${types.join(', ')}) as ${findSql(hasColumn)}; explain (format json) execute find (${values.join(', ')})`,
  )
  const [{ Plan: plan }] = rows[0]['QUERY PLAN']
  expect(plan).toMatchObject({ 'Node Type': 'Limit' })
  const [scanned] = plan.Plans
  expect(scanned).toMatchObject({
    'Node Type': expect.stringMatching(/^Index (Only )?Scan$/),
    'Index Name': 'records_by_row',
  })
  expect(scanned['Index Cond']).toMatch(/dataset = .*row_key = .*ROW\(partition, "offset"\) >/s)
  expect(scanned.Filter ?? '').toMatch(hasColumn ? /columns/ : /^$/)
  expect(scanned.Plans).toBeUndefined()
})
