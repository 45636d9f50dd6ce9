// Where a stamp is kept, and which way rows take: the edges of both, held against the reference model.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ColumnType } from '../../src/codec/catalogue.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import type { Value } from '../../src/crdt/value.ts'
import { createPool } from '../../src/postgres/pool.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryReader } from '../../src/store/memory/reader.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import { createPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import {
  ALL_TYPES,
  batchOf,
  datasetOf,
  mutationOf,
  prepare,
  stampOf,
  wholeState,
} from '../contract/store-fixture.ts'
import { openPostgres, type PostgresBench } from './postgres-bench.ts'

const TRACKS = datasetOf('tracks', { columns: { title: 'string', plays: 'long' } })

/** Two values of each type. */
const VALUES: Readonly<Record<ColumnType, readonly [Value, Value]>> = {
  boolean: [true, false],
  long: [-9_223_372_036_854_775_808n, 7n],
  double: [-0.1, 5e-324],
  string: ['', 'NULL\\"{},\u{1f600}'],
  bytes: [new Uint8Array(), Uint8Array.of(0, 255)],
  uuid: ['0123abcd-ef45-6789-abcd-ef0123456789', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  decimal: ['-12345678.000012345', '10000000000000000'],
  date: ['0001-01-01', '2024-02-29'],
  timestamp: ['0001-01-01T00:00:00.000001Z', '9999-12-31T23:59:59.999999Z'],
  json: ['{"a":[1,"\\u0001"]}', 'null'],
}

describe.each([15, 18] as const)('applying, on Postgres %i', (version) => {
  let bench: PostgresBench
  let stores: readonly Store[]
  let database: ReturnType<typeof createMemoryDatabase>
  let from: bigint
  beforeEach(async () => {
    bench = await openPostgres(version)
    database = createMemoryDatabase()
    stores = [bench.store(), createMemoryStore(database)]
    from = 0n
  })
  afterEach(() => bench.close())

  const write = async (...mutations: readonly Mutation[]): Promise<void> => {
    for (const store of stores) {
      expect(await store.commit(batchOf(mutations, { from }))).toEqual({ type: 'committed' })
    }
    from += BigInt(mutations.length)
  }
  const expectSame = async (): Promise<void> => {
    const reader = await bench.reader()
    try {
      expect(await wholeState(reader)).toEqual(await wholeState(createMemoryReader(database)))
    } finally {
      await reader.close()
    }
  }
  const upsert = (rank: number, columns: Readonly<Record<string, Value>>, key = 'a') =>
    mutationOf('upsert', 'tracks', key, rank, columns)
  const update = (rank: number, columns: Readonly<Record<string, Value>>, key = 'a') =>
    mutationOf('update', 'tracks', key, rank, columns)
  const remove = (rank: number, key = 'a') => mutationOf('delete', 'tracks', key, rank)
  const whole = (rank: number) => upsert(rank, { title: `t${rank}`, plays: BigInt(rank) })
  /** The stamps that stand beside the values, by rank. */
  const ownStamps = async (): Promise<unknown> => {
    const { rows } = await bench.pool.query('select s_title, s_plays from spindexer.d_tracks')
    return Object.values(rows[0]).map((stamp) =>
      stamp === null
        ? null
        : Number.parseInt(String(stamp).slice(0, 8) + String(stamp).slice(9, 18).replace('-', ''), 16),
    )
  }

  /** Groups of messages, and the stamps beside the values of title and plays that they leave. */
  const EDGES: readonly (readonly [string, readonly (readonly Mutation[])[], readonly (number | null)[]])[] =
    [
      ['a whole row has one stamp', [[whole(1)]], [null, null]],
      ['a whole row over another', [[whole(1)], [whole(2)]], [null, null]],
      ['a whole row over a newer one', [[whole(2)], [whole(1)]], [null, null]],
      ['null has a stamp of its own', [[upsert(1, { title: null, plays: 1n })]], [1, null]],
      ['null over a value, as a whole row', [[whole(1)], [upsert(2, { title: null, plays: 2n })]], [2, null]],
      [
        'a value over null, as a whole row',
        [[upsert(1, { title: null, plays: 1n })], [whole(2)]],
        [null, null],
      ],
      ['alive rises without a cell', [[whole(1)], [upsert(2, { plays: 2n })]], [1, null]],
      ['alive rises without any cell', [[whole(1)], [upsert(2, {})]], [1, 1]],
      [
        'alive rises, an older cell comes with it',
        [[whole(2)], [upsert(3, {}), update(1, { title: 'x' })]],
        [2, 2],
      ],
      ['a cell rises', [[whole(1)], [update(2, { title: 'x' })]], [2, null]],
      ['a cell rises, then the whole row', [[whole(1)], [update(3, { title: 'x' })], [whole(2)]], [3, null]],
      [
        'a cell has the stamp of alive',
        [[upsert(2, { plays: 2n })], [update(2, { title: 'x' })]],
        [null, null],
      ],
      [
        'alive comes to the stamp of a cell',
        [[update(2, { title: 'x', plays: 1n })], [upsert(2, {})]],
        [2, 2],
      ],
      ['a tie on a cell without a stamp', [[whole(2)], [update(2, { title: 'zz' })]], [null, null]],
      ['a tie that loses', [[whole(2)], [update(2, { title: '', plays: 1n })]], [null, null]],
      ['a tie of whole rows', [[whole(2)], [upsert(2, { title: 'zz', plays: 1n })]], [null, null]],
      ['a value ties with null', [[upsert(2, { title: null })], [update(2, { title: 'x' })]], [null, null]],
      ['null ties with a value', [[whole(2)], [update(2, { title: null })]], [null, null]],
      [
        'a tie, and a cell that rises',
        [[whole(2)], [update(2, { title: 'zz' }), update(3, { plays: 9n })]],
        [null, 3],
      ],
      ['a delete between', [[whole(1)], [remove(2)], [upsert(3, { plays: 3n })]], [null, null]],
      ['a delete that is too old', [[whole(3)], [remove(2)]], [null, null]],
      [
        'a delete that is newer than one cell',
        [[whole(1)], [update(3, { title: 'x' })], [remove(2)]],
        [3, null],
      ],
      ['a delete with the stamp of the row', [[whole(2)], [remove(2)]], [null, null]],
      ['a whole row under the tombstone', [[remove(3)], [whole(2)]], [null, null]],
      [
        'a delete and an upsert over a whole row',
        [[whole(1)], [remove(2), upsert(3, { title: 'x' })]],
        [null, null],
      ],
      ['an absent cell of a newer row', [[upsert(3, { plays: 3n })], [whole(2)]], [2, null]],
      ['duplicates', [[whole(1)], [whole(1)]], [null, null]],
    ]
  it.each(EDGES)('%s', async (_, groups, expected) => {
    for (const store of stores) await prepare(store, TRACKS)
    for (const group of groups) await write(...group)
    await expectSame()
    expect(await ownStamps()).toEqual(expected)
  })

  it('stamps that stand beside values from before mean the same', async () => {
    for (const store of stores) await prepare(store, TRACKS)
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    await write(...keys.map((key) => upsert(2, { title: 'two', plays: 2n }, key)))
    await bench.pool.query('update spindexer.d_tracks set s_title = alive, s_plays = alive')
    await expectSame()
    await write(
      upsert(3, { title: 'three', plays: 3n }, 'a'),
      upsert(3, { plays: 3n }, 'b'),
      update(3, { plays: 3n }, 'c'),
      remove(3, 'd'),
      update(2, { title: 'zwei' }, 'e'),
      upsert(1, { title: 'one', plays: 1n }, 'f'),
    )
    await expectSame()
  })

  it('duplicates write nothing: no row is locked, none is new', async () => {
    for (const store of stores) await prepare(store, TRACKS)
    const rows = ['a', 'b'].flatMap((key) => [
      upsert(1, { title: 'x', plays: 1n }, key),
      update(2, { plays: 2n }, key),
    ])
    const wholes = [upsert(4, { title: null, plays: 4n }, 'c'), upsert(4, { title: 'x', plays: 4n }, 'd')]
    await write(...rows)
    await write(...wholes, update(5, { plays: 5n }, 'd'))
    const places = () => bench.pool.query('select k_id, ctid, xmin, xmax from spindexer.d_tracks order by 1')
    const before = (await places()).rows
    await write(...rows)
    await write(...wholes)
    // Older than all that is there.
    await write(upsert(3, { title: 'y', plays: 3n }, 'c'), upsert(3, { title: null, plays: 3n }, 'd'))
    expect((await places()).rows).toEqual(before)
  })

  /** Enough rows for a COPY, of every type, with all that a row can be. */
  const manyRows = (count: number, rank: number): Mutation[] =>
    Array.from({ length: count }, (_, i) => {
      const key = [String(i * 7919 - 5_000_000), ALL_TYPES[i % 10]!, i % 2 === 0 ? 'true' : 'false']
      const columns = Object.fromEntries(
        ALL_TYPES.filter((_type, at) => (i + at) % 5 !== 0).map((type, at) => [
          `c_${type}`,
          (i + at) % 7 === 0 ? null : VALUES[type][(i + at) % 2]!,
        ]),
      )
      const operation = (['upsert', 'upsert', 'update', 'delete'] as const)[i % 4]!
      return mutationOf(operation, 'all', key, rank, operation === 'delete' ? {} : columns)
    })
  const ALL = datasetOf('all', {
    key: { n: 'long', type: 'string', on: 'boolean' },
    columns: Object.fromEntries(ALL_TYPES.map((type) => [`c_${type}`, type])),
  })

  it('many rows at once: new, then some of them, then all again', async () => {
    for (const store of stores) await prepare(store, ALL)
    await write(...manyRows(3_000, 2))
    await expectSame()
    // One row in a hundred is there: as a rule none of the sample is, and the key is what says so.
    await write(...manyRows(6_000, 3).filter((_, i) => i > 2_970))
    await expectSame()
    await write(...manyRows(6_000, 1), ...manyRows(4_000, 4).filter((_, i) => i % 3 === 0))
    await expectSame()
  })

  it('rows go by COPY where they are new, and in the order of the key', async () => {
    await prepare(stores[0]!, datasetOf('many', { key: { n: 'long' }, columns: { text: 'string' } }))
    await bench.pool.query(
      `create table public.statements (what text);
       create function public.note() returns trigger language plpgsql as
         $$ begin insert into public.statements values (current_query()); return null; end $$;
       create trigger note after insert on spindexer.d_many for each statement execute function public.note()`,
    )
    const mutations = [5, 0, -3].flatMap((start) =>
      Array.from({ length: 1_000 }, (_, i) =>
        mutationOf('upsert', 'many', String(start + 11 * i), 1, { text: 'x' }),
      ),
    )
    expect(await stores[0]!.commit(batchOf(mutations))).toEqual({ type: 'committed' })
    const { rows } = await bench.pool.query('select what from public.statements')
    expect(rows).toHaveLength(1)
    expect(rows[0].what).toMatch(/^copy /)
    const { rows: places } = await bench.pool.query(
      'select k_n::int as n from spindexer.d_many order by ctid',
    )
    expect(places.map(({ n }) => n)).toEqual(places.map(({ n }) => n).toSorted((a, b) => a - b))
    expect(places).toHaveLength(3_000)
  })

  it('what COPY is refused is merged, and traced to its row', async () => {
    const store = stores[0]!
    await prepare(store, TRACKS)
    await bench.pool.query(`alter table spindexer.d_tracks add constraint no_x check (c_title <> 'x')`)
    const rows = Array.from({ length: 1_500 }, (_, i) =>
      upsert(1, { title: i === 1_234 ? 'x' : 'y' }, `k${i}`),
    )
    expect(await store.commit(batchOf(rows))).toMatchObject({
      type: 'rejected',
      dataset: 'tracks',
      key: ['k1234'],
      column: 'title',
      stamp: stampOf(1),
    })
  })

  it('where row security is forced upon the owner, which takes no COPY, rows are merged', async () => {
    await prepare(stores[0]!, TRACKS)
    const role = `forced_${new URL(bench.url).pathname.slice(1)}`
    await bench.pool.query(
      `create role ${role};
       grant usage on schema spindexer to ${role}; grant all on all tables in schema spindexer to ${role};
       alter table spindexer.d_tracks owner to ${role}; alter table spindexer.d_tracks enable row level security;
       alter table spindexer.d_tracks force row level security;
       create policy everything on spindexer.d_tracks using (true) with check (true)`,
    )
    const pool = createPool(`${bench.url}?options=-c%20role%3D${role}`)
    try {
      const rows = Array.from({ length: 1_500 }, (_, i) => upsert(1, { title: 'y' }, `k${i}`))
      expect(await createPostgresStore({ pool }).commit(batchOf(rows))).toEqual({ type: 'committed' })
    } finally {
      await pool.end()
      await bench.pool.query(`drop owned by ${role} cascade; drop role ${role}`)
    }
  })

  it('workers that add the same rows at once', async () => {
    await prepare(stores[0]!, TRACKS)
    const workers = [0, 1, 2].map(() => bench.store())
    for (const count of [1, 50, 1_200, 1_200]) {
      const start = count * 10 + (from++ > 2n ? 7_000 : 0)
      const results = await Promise.all(
        workers.map((worker, partition) => {
          const rows = Array.from({ length: count }, (_, i) =>
            upsert(1 + partition, { title: `of ${partition}` }, `k${start + i}`),
          )
          return worker.commit(batchOf(rows, { partition: partition + 10 * Number(from) }))
        }),
      )
      expect(results).toEqual(workers.map(() => ({ type: 'committed' })))
    }
    const { rows } = await bench.pool.query('select distinct c_title from spindexer.d_tracks')
    expect(rows).toEqual([{ c_title: 'of 2' }])
  })
})
