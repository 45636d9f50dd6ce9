// What an operator sets for a database changes nothing: neither what is stored nor what is read back.

import { describe, expect, it } from 'vitest'
import { isTransient } from '../../src/store/postgres/errors.ts'
import { batchOf, foldOf, LOG, loadState, mutationOf, parkedOf, rowsOf } from '../contract/store-fixture.ts'
import { COLUMN_TYPES } from '../support/arbitrary.ts'
import type { PostgresVersion } from '../support/services.ts'
import { createNarrowWorld, defineAll, frameUpsert, type NarrowWorld } from './narrower.ts'
import { avroType, definitionOf } from './narrower-catalogue.ts'
import { openPostgres } from './postgres-bench.ts'

const set = (settings: Readonly<Record<string, string>>): string[] =>
  Object.entries(settings).map(([name, value]) => `alter database % set ${name} = ${value}`)

/** What stands in the way of names that are looked up without their schema. */
const IMPOSTORS = [
  'create schema impostor',
  'create domain impostor.text as pg_catalog.text check (value is null)',
  'create domain impostor.uuid as pg_catalog.text check (value is null)',
  'create domain impostor.jsonb as pg_catalog.text check (value is null)',
  'create domain impostor.bytea as pg_catalog.text check (value is null)',
  'create domain impostor.timestamptz as pg_catalog.text check (value is null)',
  'create domain impostor.date as pg_catalog.text check (value is null)',
  "create function impostor.encode(pg_catalog.bytea, pg_catalog.text) returns pg_catalog.text language sql as $$ select 'x' $$",
  "create function impostor.to_char(pg_catalog.date, pg_catalog.text) returns pg_catalog.text language sql as $$ select 'x' $$",
  'create function impostor.clock_timestamp() returns pg_catalog.timestamptz language sql as $$ select null::pg_catalog.timestamptz $$',
  'create function impostor.gen_random_uuid() returns pg_catalog.uuid language sql as $$ select null::pg_catalog.uuid $$',
  'create view impostor.pg_roles as select null::pg_catalog.name as rolname where false',
  'create view impostor.pg_namespace as select null::pg_catalog.name as nspname where false',
  'create view impostor.pg_class as select 1 as nothing where false',
]

const PLANNER = {
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_nestloop: 'off',
  enable_seqscan: 'off',
  enable_indexscan: 'off',
  enable_sort: 'off',
  plan_cache_mode: 'force_generic_plan',
  jit: 'on',
  jit_above_cost: '0',
  work_mem: "'64kB'",
  cursor_tuple_fraction: '1',
  parallel_setup_cost: '0',
  min_parallel_table_scan_size: '0',
  synchronous_commit: 'remote_apply',
  session_replication_role: 'replica',
  row_security: 'off',
  check_function_bodies: 'off',
}

const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  [
    'of the form of values',
    set({
      timezone: "'Pacific/Kiritimati'",
      datestyle: "'SQL, DMY'",
      intervalstyle: "'sql_standard'",
      bytea_output: "'escape'",
      extra_float_digits: '-15',
      array_nulls: 'off',
      standard_conforming_strings: 'off',
      transform_null_equals: 'on',
      quote_all_identifiers: 'on',
      client_encoding: "'LATIN1'",
      xmloption: "'document'",
    }),
  ],
  ['of another form', set({ timezone: "'<Z>5'", datestyle: "'German'", client_encoding: "'SQL_ASCII'" })],
  [
    'of other zones',
    set({ timezone: "'America/St_Johns'", timezone_abbreviations: "'India'", datestyle: "'Postgres, MDY'" }),
  ],
  [
    'of transactions',
    set({
      default_transaction_isolation: "'serializable'",
      default_transaction_deferrable: 'on',
    }),
  ],
  ['of plans', set(PLANNER)],
  ['of an empty search path', set({ search_path: "''" })],
  [
    'of a search path with impostors',
    [...IMPOSTORS, ...set({ search_path: 'impostor, pg_catalog, public' })],
  ],
]

const VALUES = {
  boolean: [true, false],
  long: [-9_223_372_036_854_775_808n, 7n],
  double: [0.1 + 0.2, 1.7976931348623157e308, 5e-324],
  string: ['NULL', 'null', '', '\\x41', "a'b\\'c", '\u0080\u{1f600}'],
  bytes: [Uint8Array.of(0, 92, 39, 255), new Uint8Array()],
  uuid: ['ffffffff-ffff-ffff-ffff-ffffffffffff'],
  decimal: ['-0.000000000000000000001', '123456789012345678901234567890'],
  date: ['0001-01-01', '9999-12-31', '2024-03-02'],
  timestamp: ['0001-01-01T00:00:00.000000Z', '9999-12-31T23:59:59.999999Z', '2024-03-31T02:30:00.000001Z'],
  json: ['null', '"NULL"', '{"a":[0.1,"\\\\"]}', '12345678901234567890.5'],
} as const

/** All that a store does: definitions, inserts, updates, ties, deletes, parked messages taken again, all its readers. */
async function liveThrough(world: NarrowWorld): Promise<void> {
  const columns = COLUMN_TYPES.map((type) => ({ name: type, type: ['null', avroType(type)] }))
  const key = (['timestamp', 'date', 'uuid', 'boolean', 'long', 'string'] as const).map((type) => ({
    name: `k_${type}`,
    type: avroType(type),
  }))
  await defineAll(world, [definitionOf('all', key, columns.slice(0, 4)), definitionOf('all', key, columns)])
  const rows = [0, 1, 2, 3, 4, 5].map((i) => {
    const at = <T>(values: readonly T[]): T => values[i % values.length]!
    const keyOf = [VALUES.timestamp, VALUES.date, VALUES.uuid, VALUES.boolean, VALUES.long, VALUES.string]
    const cells = new Map(
      COLUMN_TYPES.map((type) => [
        type,
        i === 5 ? null : at<string | bigint | boolean | number | Uint8Array>(VALUES[type]),
      ]),
    )
    return { key: keyOf.map((values) => String(at<string | bigint | boolean>(values))), cells }
  })
  await world.store(rows.map(({ key, cells }) => frameUpsert('all', key, cells, 5n)))
  // The same time and origin, other values: ties, which the greater value wins.
  await world.store(rows.map(({ key }, i) => frameUpsert('all', key, rows[(i + 1) % 6]!.cells, 5n)))
  await world.store(rows.map(({ key }) => frameUpsert('all', key, new Map([['string', null]]), 6n)))
  expect(world.verdicts().merge).toBe(18)
  await world.expectSame()
}

/** Parked messages taken again, a reader's status, and a delete. */
async function parkAndTake(world: NarrowWorld): Promise<void> {
  const store = world.bench.store()
  const at = world.catalogue().offset
  const pointer = { partition: 3, offset: 0n }
  const identity = LOG
  const parked = [parkedOf(pointer, 'all', 'later')]
  const origins = [{ origin: '00000000000000aa', partition: 3, highestSeq: 0n, count: 1 }]
  expect(await store.commit(batchOf([], { at, partition: 3, parked, origins }))).toEqual({
    type: 'committed',
  })
  const rejudgement = {
    identity,
    catalogueOffset: at,
    taken: [pointer],
    rows: foldOf([]),
    parked: [],
    authors: [],
  }
  expect(await store.rejudge(rejudgement)).toEqual({ type: 'committed' })
  const reader = await world.bench.reader()
  try {
    const [row] = await rowsOf(reader, 'all')
    const remove = { ...mutationOf('delete', 'all', row!.key, 100), dataset: 'all' }
    expect(await store.commit(batchOf([remove], { at, partition: 3, from: 1n }))).toEqual({
      type: 'committed',
    })
    const status = await reader.status()
    expect(status.rows[0]?.visible).toBe(6n)
    expect(status.counts.find(({ partition }) => partition === 3)).toMatchObject({ merged: 1n, parked: 0n })
  } finally {
    await reader.close()
  }
  const state = await loadState(store)
  expect(state.positions.get(3)).toBe(2n)
}

describe.each([15, 18] as const)('settings, on Postgres %i', (version: PostgresVersion) => {
  it.each(GROUPS)('%s', async (_, beforehand) => {
    const world = await createNarrowWorld(version, await openPostgres(version, {}, beforehand))
    try {
      await liveThrough(world)
      await parkAndTake(world)
    } finally {
      await world.close()
    }
  })

  it('read-only, as hosts make a database whose disk is full, is an error that passes', async () => {
    const opened = openPostgres(version, {}, set({ default_transaction_read_only: 'on' }))
    await expect(opened).rejects.toSatisfy(isTransient)
  })
})
