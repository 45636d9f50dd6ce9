// Rows as wide as the limits allow fit, and values as long.

import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ColumnType } from '../../src/codec/catalogue.ts'
import { COLUMNS_MAX, KEY_BYTES_MAX, KEY_TEXTS_MAX, VALUE_BYTES_MAX } from '../../src/codec/limits.ts'
import type { Value } from '../../src/crdt/value.ts'
import type { Store } from '../../src/store/store.ts'
import { batchOf, datasetOf, mutationOf, prepare, rowsOf } from '../contract/store-fixture.ts'
import { openPostgres, type PostgresBench } from './postgres-bench.ts'

let bench: PostgresBench
let store: Store
beforeEach(async () => {
  bench = await openPostgres(15)
  store = bench.store()
})
afterEach(() => bench.close())

async function storedRows(dataset: string) {
  const reader = await bench.reader()
  try {
    return await rowsOf(reader, dataset)
  } finally {
    await reader.close()
  }
}

/** Always the same, and nothing that Postgres could compress. */
function bytesOf(size: number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: size }).digest())
}

function textOf(size: number): string {
  return Buffer.from(bytesOf(size)).toString('base64').slice(0, size)
}

function digitsOf(count: number): string {
  return `9${[...bytesOf(count - 1)].map((byte) => byte % 10).join('')}`
}

/** What a column of each type may hold; short texts most of all, which cannot be moved out of the row. */
const WIDE: readonly (readonly [ColumnType, string, Value])[] = [
  ['boolean', 'a boolean', true],
  ['long', 'a long', -9_223_372_036_854_775_808n],
  ['double', 'a double', -1.7976931348623157e308],
  ['uuid', 'a uuid', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  ['date', 'a date', '9999-12-31'],
  ['timestamp', 'a timestamp', '9999-12-31T23:59:59.999999Z'],
  ...[1, 19, 20, 21, 22, 23, 24, 25, 31, 126, 127, 128, 4_000].map(
    (n) => ['string', `${n} bytes of text`, textOf(n)] as const,
  ),
  ...[20, 23, 24, 127].map((n) => ['bytes', `${n} bytes`, bytesOf(n)] as const),
  ...[40, 80, 90, 1_000].map((n) => ['decimal', `${n} digits`, digitsOf(n)] as const),
  ['json', 'a document', `{"a":"${'x'.repeat(10)}"}`],
]

describe('limits', () => {
  it.each(WIDE)(
    `${COLUMNS_MAX} columns of %s, each with %s, and the longest key, are one row`,
    async (type, _, value) => {
      const key = { id: 'string' } as const
      const names = Array.from({ length: COLUMNS_MAX - 1 }, (_, i) => `c${i}`)
      await prepare(
        store,
        datasetOf('wide', { key, columns: Object.fromEntries(names.map((name) => [name, type])) }),
      )
      const cells = Object.fromEntries(names.map((name) => [name, value]))
      const keyText = textOf(KEY_BYTES_MAX)
      const write = async (rank: number, columns: Readonly<Record<string, Value>>, from: bigint) =>
        expect(
          await store.commit(batchOf([mutationOf('upsert', 'wide', keyText, rank, columns)], { from })),
        ).toEqual({
          type: 'committed',
        })
      await write(1, cells, 0n)
      await write(2, cells, 1n)
      await write(3, { c7: null }, 2n)
      const [row] = await storedRows('wide')
      expect(row?.cells.size).toBe(names.length)
      expect(row?.cells.get('c8')?.value).toEqual(value)
      const view = await bench.pool.query('select * from data.wide')
      expect(view.fields).toHaveLength(COLUMNS_MAX)
      expect(view.rowCount).toBe(1)
      expect(await store.commit(batchOf([mutationOf('delete', 'wide', keyText, 4)], { from: 3n }))).toEqual({
        type: 'committed',
      })
      expect((await storedRows('wide'))[0]?.cells.size).toBe(0)
    },
  )

  it('columns of all types side by side, each as wide as it can be', async () => {
    const key = Object.fromEntries(
      Array.from({ length: KEY_TEXTS_MAX }, (_, i) => [`k${i}`, 'string' as const]),
    )
    const columns = Array.from({ length: COLUMNS_MAX - KEY_TEXTS_MAX }, (_, i) => {
      const [type, , value] = WIDE[i % WIDE.length]!
      return { name: `c${i}`, type, value }
    })
    const types = Object.fromEntries(columns.map(({ name, type }) => [name, type]))
    await prepare(store, datasetOf('mixed', { key, columns: types }))
    const cells = Object.fromEntries(columns.map(({ name, value }) => [name, value]))
    const texts = Array.from({ length: KEY_TEXTS_MAX }, (_, i) => String(i % 10).repeat(64))
    await store.commit(batchOf([mutationOf('upsert', 'mixed', texts, 1, cells)]))
    const [row] = await storedRows('mixed')
    expect(row?.key).toEqual(texts)
    expect([...row!.cells].map(([name, { value }]) => [name, value])).toEqual(Object.entries(cells))
  })

  it('values as long as a message can be, of bytes that do not compress', async () => {
    const size = VALUE_BYTES_MAX
    const values: readonly (readonly [ColumnType, Value])[] = [
      ['bytes', bytesOf(size)],
      ['string', textOf(size)],
      ['string', '"\\'.repeat(size / 2)],
      ['string', '\u{1f600}'.repeat(size / 4)],
      ['json', `"${'\\u0001\\"'.repeat(size / 8 - 1)}"`],
      ['json', `[${'0,'.repeat(size / 2 - 2)}0]`],
    ]
    const columns = Object.fromEntries(values.map(([type], i) => [`c${i}`, type]))
    await prepare(store, datasetOf('long', { columns }))
    const cells = Object.fromEntries(values.map(([, value], i) => [`c${i}`, value]))
    const mutations = ['a', 'b', 'c'].map((key) => mutationOf('upsert', 'long', key, 1, cells))
    expect(await store.commit(batchOf(mutations))).toEqual({ type: 'committed' })
    const rows = await storedRows('long')
    expect(rows).toHaveLength(3)
    for (const row of rows) {
      for (const [name, value] of Object.entries(cells)) {
        const stored = row.cells.get(name)?.value
        // Not `toEqual`: a failure would print megabytes.
        expect(Buffer.compare(Buffer.from(stored as string), Buffer.from(value as string))).toBe(0)
      }
    }
  })

  it('a batch of more rows than one statement takes, and a reader of them', async () => {
    await prepare(store, datasetOf('many', { columns: { n: 'long' } }))
    const count = 60_000
    const mutations = Array.from({ length: count }, (_, n) =>
      mutationOf('upsert', 'many', String(n), 1, { n: BigInt(n) }),
    )
    expect(await store.commit(batchOf(mutations))).toEqual({ type: 'committed' })
    const rows = await storedRows('many')
    expect(rows).toHaveLength(count)
    expect(rows.every((row) => String(row.cells.get('n')?.value) === row.key[0])).toBe(true)
  })
})
