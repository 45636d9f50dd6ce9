// What is left of rows that a node has already: new ones whole, changed cells alone, nothing of equal ones.

import { describe, expect, it } from 'vitest'
import type { TypedChange } from '../../src/codec/line.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { stampToTime } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryReader } from '../../src/store/memory/reader.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import { onlyChanged } from '../../src/writer/only-changed.ts'
import type { Entry, Source } from '../../src/writer/source.ts'
import { batchOf, datasetOf, mutationOf, prepare, stampOf } from '../contract/store-fixture.ts'

const DATASET = datasetOf('rows', {
  columns: { l: 'long', s: 'string', d: 'decimal', j: 'json', x: 'bytes', f: 'double' },
})
type Columns = Readonly<Record<string, Value>>

const row = (key: string, columns: Columns, timeNs: bigint | null = null): TypedChange => ({
  timeNs,
  operation: 'upsert',
  dataset: 'rows',
  key: [key],
  columns: new Map(Object.entries(columns)),
})

async function compare(held: readonly Mutation[], changes: readonly TypedChange[], chunk = 2) {
  const database = createMemoryDatabase()
  const store = createMemoryStore(database)
  await prepare(store, DATASET)
  await store.commit(batchOf(held))
  const reader = createMemoryReader(database)
  const entries = changes.map((change, i): Entry => ({ type: 'change', line: i + 1, change }))
  const source: Source = async function* () {
    for (let at = 0; at < entries.length; at += chunk) yield entries.slice(at, at + chunk)
  }
  let lookups = 0
  const findRows = (keys: readonly (readonly string[])[]) => {
    lookups += keys.length
    return reader.rows('rows', { type: 'keys', keys })
  }
  const compared = await onlyChanged(source, findRows, new AbortController().signal)
  const sent: string[] = []
  for await (const left of compared.source()) {
    for (const entry of left) {
      if (entry.type !== 'change') throw new Error('a bad entry')
      const { operation, key, columns } = entry.change
      const cells = [...columns].map(([name, value]) => `${name}=${value}`)
      sent.push(`${entry.line}: ${operation} ${key[0]} ${cells.join(' ')}`.trimEnd())
    }
  }
  return { sent, counts: compared.counts(), lookups }
}

const at = (rank: number) => stampToTime(stampOf(rank))

describe('of the rows of a file', () => {
  it('new ones are sent whole, changed ones with the cells that differ, equal ones not', async () => {
    const held = [
      mutationOf('upsert', 'rows', 'same', 1, { l: 1n, s: 'a' }),
      mutationOf('upsert', 'rows', 'other', 1, { l: 1n, s: 'a' }),
    ]
    const { sent, counts } = await compare(held, [
      row('same', { l: 1n, s: 'a' }),
      row('other', { l: 2n, s: 'a' }),
      row('new', { l: 3n, s: null }),
      row('same', {}),
    ])
    expect(sent).toEqual(['2: update other l=2', '3: upsert new l=3 s=null'])
    expect(counts).toEqual({ new: 1, changed: 1, equal: 2, older: 0 })
  })

  it('null and a column that nothing has set are equal for readers; null and a value are not', async () => {
    const held = [mutationOf('upsert', 'rows', 'a', 1, { l: null, s: 'x' })]
    expect((await compare(held, [row('a', { l: null, j: null })])).sent).toEqual([])
    expect((await compare(held, [row('a', { l: 0n, s: null })])).sent).toEqual(['1: update a l=0 s=null'])
  })

  it('values are compared exactly, as they are canonical', async () => {
    const big = 9_007_199_254_740_993n
    const bytes = Uint8Array.of(0, 255)
    const held = [mutationOf('upsert', 'rows', 'a', 1, { l: big, d: '1.5', j: '{"a":1}', x: bytes, f: 0.1 })]
    const same = { l: big, d: '1.5', j: '{"a":1}', x: Uint8Array.of(0, 255), f: 0.1 }
    expect((await compare(held, [row('a', same)])).sent).toEqual([])
    const others = { l: big - 1n, d: '1.51', j: '{"a":2}', x: Uint8Array.of(0), f: 0.2 }
    expect((await compare(held, [row('a', others)])).sent).toEqual([
      '1: update a l=9007199254740992 d=1.51 j={"a":2} x=0 f=0.2',
    ])
  })

  it('one that was deleted, or was only updated so far, is new: sent whole', async () => {
    const held = [
      mutationOf('upsert', 'rows', 'gone', 1, { l: 1n }),
      mutationOf('delete', 'rows', 'gone', 2),
      mutationOf('update', 'rows', 'waiting', 1, { l: 1n }),
    ]
    const { sent } = await compare(held, [row('gone', { l: 1n }), row('waiting', { l: 1n })])
    expect(sent).toEqual(['1: upsert gone l=1', '2: upsert waiting l=1'])
  })

  it.each([1, 2, 10])(
    'one that stands there twice ends as its last line says, %i lines at once',
    async (chunk) => {
      const held = [mutationOf('upsert', 'rows', 'a', 1, { l: 4n, s: 'x' })]
      const changes = [
        row('a', { l: 5n }),
        row('a', { l: 4n }),
        row('a', { l: 4n, s: 'x' }),
        row('b', { l: 1n }),
        row('b', { l: 1n, s: null }),
        row('b', { l: 2n }),
      ]
      const { sent, counts } = await compare(held, changes, chunk)
      expect(sent).toEqual(['1: update a l=5', '2: update a l=4', '4: upsert b l=1', '6: update b l=2'])
      expect(counts).toEqual({ new: 1, changed: 3, equal: 2, older: 0 })
    },
  )

  it('with a timestamp, what is older than the node’s cell or tombstone is not sent', async () => {
    const held = [
      mutationOf('upsert', 'rows', 'a', 5, { l: 1n, s: 'old' }),
      mutationOf('update', 'rows', 'a', 9, { s: 'newer' }),
      mutationOf('upsert', 'rows', 'gone', 1, { l: 1n }),
      mutationOf('delete', 'rows', 'gone', 9),
    ]
    const { sent, counts } = await compare(held, [
      row('a', { l: 2n, s: 'mine' }, at(7)),
      row('a', { s: 'mine' }, at(7)),
      row('gone', { l: 2n }, at(7)),
    ])
    expect(sent).toEqual(['1: update a l=2'])
    expect(counts).toEqual({ new: 0, changed: 1, equal: 0, older: 2 })
  })

  it('bad lines pass, so that they are told', async () => {
    const source: Source = async function* () {
      yield [{ type: 'bad', line: 1, fault: 'not a row' }]
    }
    const compared = await onlyChanged(source, async function* () {}, new AbortController().signal)
    for await (const left of compared.source())
      expect(left).toEqual([{ type: 'bad', line: 1, fault: 'not a row' }])
  })
})
