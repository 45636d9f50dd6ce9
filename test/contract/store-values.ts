// Contract of stores: values and keys come back bit by bit, up to the limits.

import { describe, expect, it } from 'vitest'
import type { ColumnType } from '../../src/codec/catalogue.ts'
import { compareText, type Value } from '../../src/crdt/value.ts'
import type { StoreSubject } from './store.ts'
import { ALL_TYPES, batchOf, datasetOf, mutationOf, prepare } from './store-fixture.ts'

const NINES = '9'.repeat(1_000)

const VALUES: Readonly<Record<ColumnType, readonly Value[]>> = {
  boolean: [true, false],
  long: [0n, -1n, 9_007_199_254_740_993n, 9_223_372_036_854_775_807n, -9_223_372_036_854_775_808n],
  double: [0, 0.1, -2.5, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1e21, 123456789012345680],
  string: [
    '',
    'NULL',
    'null',
    ' ',
    '{}',
    '{"a",b}',
    '\\',
    '"',
    "'",
    'a\nb\t\r\u0001',
    'ü\u{1f600}\uffff',
    '\u200b',
  ],
  bytes: [new Uint8Array(), Uint8Array.of(0, 1, 0x5c, 0x22, 255), new TextEncoder().encode('\\x00')],
  uuid: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  decimal: [
    '0',
    '-0.1',
    '0.000000000000000000000000000001',
    NINES,
    `-0.${NINES.slice(1)}`,
    `${'1'.repeat(500)}.${'2'.repeat(500)}`,
  ],
  date: ['0001-01-01', '1582-10-10', '1900-02-28', '2000-02-29', '9999-12-31'],
  timestamp: [
    '0001-01-01T00:00:00.000000Z',
    '1883-11-18T17:00:00.123456Z',
    '1970-01-01T00:00:00.000001Z',
    '2024-03-31T01:30:00.999999Z',
    '9999-12-31T23:59:59.999999Z',
  ],
  json: [
    'null',
    '"a\\"\\\\\\u0001\u{1f600}"',
    '{"":1,"a":{"aa":[],"b":null},"aa":0,"\u{10000}":true}',
    '{"\uffff":1,"\u{10000}":2}',
    `[-0.5,${NINES},123456789012345678901234567890.1]`,
    `${'['.repeat(64)}${']'.repeat(64)}`,
  ],
}

export const KEYS: Readonly<Partial<Record<ColumnType, readonly string[]>>> = {
  boolean: ['false', 'true'],
  long: ['-9223372036854775808', '-1', '-10', '0', '1', '10', '2', '9223372036854775807'],
  string: ['', ' ', 'A', 'NULL', '\\', 'a', 'a b', 'aB', '{', 'ä', '\uffff', '\u{10000}', 'k'.repeat(1_024)],
  uuid: VALUES.uuid as readonly string[],
  date: VALUES.date as readonly string[],
  timestamp: VALUES.timestamp as readonly string[],
}

export function valueContract(subject: StoreSubject): void {
  describe('values', () => {
    it.each(ALL_TYPES)('%s comes back as it went in', async (type) => {
      const store = subject.store()
      await prepare(store, datasetOf('values', { key: { n: 'long' }, columns: { v: type } }))
      const values = VALUES[type]
      const mutations = values.map((v, n) => mutationOf('upsert', 'values', String(n), 1, { v }))
      expect(await store.commit(batchOf(mutations))).toEqual({ type: 'committed' })
      const rows = await subject.rows('values')
      const valueByKey = new Map(rows.map((row) => [row.key[0], row.cells.get('v')?.value]))
      for (const [n, value] of values.entries()) expect(valueByKey.get(String(n))).toStrictEqual(value)
    })

    it.each(Object.keys(KEYS) as ColumnType[])(
      '%s as a key keeps its text, in order of bytes',
      async (type) => {
        const store = subject.store()
        await prepare(
          store,
          datasetOf('keys', { key: { first: type, second: type }, columns: { v: 'long' } }),
        )
        const texts = KEYS[type]!
        const pairs = texts.flatMap((a) =>
          texts.filter((b) => a.length + b.length <= 1_024).map((b) => [a, b]),
        )
        const upserts = pairs.map((key) => mutationOf('upsert', 'keys', key, 1, { v: 1n }))
        await store.commit(batchOf(upserts))
        // The same keys are the same rows.
        const updates = pairs.map((key) => mutationOf('update', 'keys', key, 2, { v: 2n }))
        await store.commit(batchOf(updates, { from: BigInt(pairs.length) }))
        const rows = await subject.rows('keys')
        const sorted = pairs.toSorted(([a1, a2], [b1, b2]) => compareText(a1!, b1!) || compareText(a2!, b2!))
        expect(rows.map(({ key }) => key)).toEqual(sorted)
        expect(rows.every((row) => row.cells.get('v')?.value === 2n)).toBe(true)
        // Asked for by their keys they are those, and no others.
        const some = pairs.filter((_key, i) => i % 3 === 0)
        const found = await subject.rows('keys', { type: 'keys', keys: some })
        expect(found.length).toBe(some.length)
        expect(new Set(found.map(({ key }) => key.join('\0')))).toEqual(
          new Set(some.map((key) => key.join('\0'))),
        )
        expect(found.every((row) => row.cells.get('v')?.value === 2n)).toBe(true)
      },
    )

    it('rows asked for by key: of those that are not there nothing comes, of none nothing, of absent ones what they are', async () => {
      const store = subject.store()
      await prepare(store, datasetOf('some', { columns: { v: 'long' } }))
      const mutations = [
        mutationOf('upsert', 'some', 'a', 1, { v: null }),
        mutationOf('delete', 'some', 'b', 1),
      ]
      await store.commit(batchOf(mutations))
      expect(await subject.rows('some', { type: 'keys', keys: [] })).toEqual([])
      expect(await subject.rows('some', { type: 'keys', keys: [['c'], ['A']] })).toEqual([])
      const [gone] = await subject.rows('some', { type: 'keys', keys: [['c'], ['b']] })
      expect(gone).toMatchObject({ key: ['b'], alive: null })
      expect(
        (await subject.rows('some', { type: 'keys', keys: [['a']] }))[0]!.cells.get('v')?.value,
      ).toBeNull()
    })

    it('names that Postgres has for itself, in any case, are names like all others', async () => {
      const store = subject.store()
      const names = [
        'ctid',
        'xmin',
        'tableoid',
        'oid',
        'select',
        'user',
        'User',
        'alive',
        'dead',
        'tied',
        'c_a',
        'a',
      ]
      const columns = Object.fromEntries(names.map((name) => [name, 'string' as const]))
      const datasets = [...names, 'a_pkey', 'node', 'datasets', 'x'.repeat(55), `${'x'.repeat(54)}y`]
      const key = { offset: 'string', s_a: 'long' } as const
      await prepare(store, ...datasets.map((name) => datasetOf(name, { key, columns })))
      const cells = Object.fromEntries(names.map((name) => [name, `in ${name}`]))
      const mutations = datasets.map((name) => mutationOf('upsert', name, ['k', '1'], 1, cells))
      const deletes = datasets.map((name) => mutationOf('delete', name, ['gone', '1'], 1))
      expect(await store.commit(batchOf([...mutations, ...deletes]))).toEqual({ type: 'committed' })
      for (const name of datasets) {
        const [gone, row] = await subject.rows(name)
        expect(gone?.key).toEqual(['gone', '1'])
        expect([...row!.cells].map(([column, { value }]) => [column, value])).toEqual(Object.entries(cells))
      }
    })
  })
}
