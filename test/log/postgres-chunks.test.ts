// What the database does for one chunk: no more than its records, whatever it knows of the table, and few bytes.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PostgresLog } from '../../src/log/postgres/log.ts'
import { chunkSql } from '../../src/log/postgres/statements.ts'
import { createLogDatabase, type PostgresDatabase } from './postgres-admin.ts'

const RECORDS = 40_000
/** So large a table, of which nothing is known, that fetching and sorting looks cheaper than reading on along the index. */
const VALUE = Buffer.alloc(1_500, 1)
let database: PostgresDatabase
let log: PostgresLog

beforeAll(async () => {
  database = await createLogDatabase(15, 2)
  // So that Postgres has not looked at the table yet, as with a log that has just been filled.
  await database.execute('alter table spindexer_log.records set (autovacuum_enabled = off)')
  log = database.open()
  await log.append(Array.from({ length: RECORDS }, () => ({ partition: 0, key: null, value: VALUE })))
  await log.append(
    Array.from({ length: 40 }, () => ({ partition: 1, key: null, value: Buffer.alloc(200_000) })),
  )
})
afterAll(async () => {
  await log?.close()
  await database?.drop()
})

interface Plan {
  readonly 'Actual Rows': number
  readonly Plans?: readonly Plan[]
}

/** The rows of the step of a plan that has most. */
function rowsMost(plan: Plan): number {
  return Math.max(plan['Actual Rows'], ...(plan.Plans ?? []).map(rowsMost))
}

const explain = (query: Parameters<typeof chunkSql>[0]) => {
  const select = /^copy \((.*)\) to stdout/s.exec(chunkSql(query))![1]
  return database.execute(`explain (analyze, format json) ${select}`)
}

test.each(['before', 'behind'])(
  '%s the first analysis of the table, a chunk costs what it holds',
  async (when) => {
    if (when === 'behind') await database.execute('analyze spindexer_log.records')
    for (const from of [0n, 20_000n]) {
      const query = { partition: 0, from, end: BigInt(RECORDS), recordsMax: 1_000, bytesMax: 10_000_000 }
      const { rows } = await explain(query)
      const [{ Plan: plan }] = rows[0]['QUERY PLAN']
      expect([plan['Actual Rows'], rowsMost(plan)]).toEqual([1_000, 1_000])
    }
  },
)

test('a chunk has no more than one record behind its bytes, and at least one', async () => {
  const rowsOf = async (bytesMax: number) => {
    const query = { partition: 1, from: 3n, end: 40n, recordsMax: 1_000, bytesMax }
    return (await explain(query)).rows[0]['QUERY PLAN'][0].Plan['Actual Rows']
  }
  expect([await rowsOf(1), await rowsOf(200_000), await rowsOf(200_001), await rowsOf(1_000_000)]).toEqual([
    1, 1, 2, 5,
  ])
})
