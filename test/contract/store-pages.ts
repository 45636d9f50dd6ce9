// Contract of stores: pages of rows, in the order of the keys' values, of what readers see alone.

import { describe, expect, it } from 'vitest'
import type { ColumnType } from '../../src/codec/catalogue.ts'
import { compareKeys } from '../../src/store/key-order.ts'
import type { StoreSubject } from './store.ts'
import { batchOf, datasetOf, mutationOf, prepare } from './store-fixture.ts'
import { KEYS } from './store-values.ts'

const LONGS_IN_ORDER = ['-9223372036854775808', '-10', '-1', '0', '1', '2', '10', '9223372036854775807']

export function pageContract(subject: StoreSubject): void {
  describe('pages', () => {
    /** The keys of all pages, one page after the other, as a client would ask for them. */
    const walk = async (limit: number): Promise<readonly (readonly string[])[]> => {
      const keys: (readonly string[])[] = []
      for (let after: readonly string[] | null = null; ; after = keys.at(-1)!) {
        const page = await subject.rows('pages', { type: 'page', after, limit })
        expect(page.length).toBeLessThanOrEqual(limit)
        keys.push(...page.map(({ key }) => key))
        if (page.length < limit) return keys
      }
    }

    it.each(Object.keys(KEYS) as ColumnType[])('%s as keys: all rows once, in order', async (type) => {
      const dataset = datasetOf('pages', { key: { first: type, second: 'long', third: type } })
      await prepare(subject.store(), dataset)
      const texts = KEYS[type]!.filter((text) => text.length < 500)
      const keys = texts.flatMap((first) =>
        LONGS_IN_ORDER.flatMap((second) => texts.slice(0, 3).map((third) => [first, second, third])),
      )
      await subject.store().commit(batchOf(keys.map((key) => mutationOf('upsert', 'pages', key, 1))))
      const expected = keys.toSorted((a, b) => compareKeys(dataset, a, b))
      expect(await walk(1_000)).toEqual(expected)
      expect(await walk(17)).toEqual(expected)
      // Behind a key that is no row's, too.
      const absent = [texts.at(-1)!, '3', texts[0]!]
      const behind = await subject.rows('pages', { type: 'page', after: absent, limit: 1_000 })
      expect(behind.map(({ key }) => key)).toEqual(
        expected.filter((key) => compareKeys(dataset, key, absent) > 0),
      )
    })

    it('longs go by their numbers', async () => {
      await prepare(subject.store(), datasetOf('pages', { key: { id: 'long' } }))
      const upserts = LONGS_IN_ORDER.toReversed().map((key) => mutationOf('upsert', 'pages', key, 1))
      await subject.store().commit(batchOf(upserts))
      expect((await walk(3)).flat()).toEqual(LONGS_IN_ORDER)
    })

    it('rows that do not exist or want a required column are in none, and fill none', async () => {
      await prepare(
        subject.store(),
        datasetOf('pages', { columns: { v: 'long', r: 'long' }, required: ['r'] }),
      )
      const mutations = Array.from({ length: 40 }, (_, i) => String(i + 10)).flatMap((id) => {
        switch (Number(id) % 4) {
          case 0:
            return [mutationOf('upsert', 'pages', id, 1, { v: 1n, r: 2n })]
          case 1:
            return [mutationOf('upsert', 'pages', id, 1, { v: 1n, r: null })]
          case 2:
            return [mutationOf('update', 'pages', id, 1, { v: 1n, r: 2n })]
          default:
            return [mutationOf('upsert', 'pages', id, 1, { r: 2n }), mutationOf('delete', 'pages', id, 2)]
        }
      })
      await subject.store().commit(batchOf(mutations))
      const visible = Array.from({ length: 10 }, (_, i) => String(12 + 4 * i))
      expect((await walk(3)).flat()).toEqual(visible)
      const [row] = await subject.rows('pages', { type: 'page', after: ['12'], limit: 1 })
      expect(row).toMatchObject({ key: ['16'], dead: null })
      expect(row!.cells.get('r')?.value).toBe(2n)
    })

    it('of a dataset that is not defined there are none: that is a bug', async () => {
      await prepare(subject.store())
      await expect(subject.rows('pages', { type: 'page', after: null, limit: 1 })).rejects.toThrow(
        'there is no dataset "pages"',
      )
    })
  })
}
