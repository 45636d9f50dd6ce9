// A page walks the primary key's index from where it begins, whatever the key's types: no table is sorted or read whole.

import { describe, expect, it, onTestFinished } from 'vitest'
import type { ColumnType } from '../../src/codec/catalogue.ts'
import { pageSql } from '../../src/store/postgres/sql/page.ts'
import { datasetOf, prepare } from '../contract/store-fixture.ts'
import { KEYS } from '../contract/store-values.ts'
import { openPostgres } from './postgres-bench.ts'

describe.each([15, 18] as const)('on Postgres %i', (version) => {
  it.each(Object.keys(KEYS) as ColumnType[])('by %s', async (type) => {
    const bench = await openPostgres(version)
    onTestFinished(() => bench.close())
    const dataset = datasetOf('pages', {
      key: { a: type, b: 'long', c: type },
      columns: { v: 'string', r: 'long' },
      required: ['r'],
    })
    await prepare(bench.store(), dataset)
    const [first, last] = [KEYS[type]![0]!, KEYS[type]!.at(-1)!]
    // Without statistics of its content a table is planned as one of some hundred rows.
    await bench.pool.query(
      `insert into spindexer.d_pages (k_a, k_b, k_c, alive, c_r)
       select case when i % 2 = 0 then $1::text else $2::text end::${TYPES[type]}, i, $1::text::${TYPES[type]},
         '00000000-0000-0000-0000-000000000001', 1
       from generate_series(1, 20000) as i`,
      [first, last],
    )
    await bench.pool.query('analyze spindexer.d_pages')
    for (const after of [null, [first, '500', first]]) {
      const sql = pageSql(dataset, [...dataset.columns.values()], after !== null)
      const { rows } = await bench.pool.query<{ 'QUERY PLAN': string }>(`explain ${sql}`, [
        1_000,
        ...(after ?? []),
      ])
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
      expect(plan).toContain('Index Scan using p_pages')
      expect(plan).not.toMatch(/Sort|Seq Scan/)
      expect(plan.includes('Index Cond: (ROW(k_a, k_b, k_c) > ROW(')).toBe(after !== null)
    }
  })
})

const TYPES: Readonly<Partial<Record<ColumnType, string>>> = {
  boolean: 'boolean',
  long: 'bigint',
  string: 'text',
  uuid: 'uuid',
  date: 'date',
  timestamp: 'timestamptz',
}
