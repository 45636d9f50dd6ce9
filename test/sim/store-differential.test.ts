// Postgres against the reference model: the same random steps, two workers at once, must leave the same state.

import type { Pool } from 'pg'
import { describe, expect, it } from 'vitest'
import type { Catalogue, ColumnType, Dataset } from '../../src/codec/catalogue.ts'
import type { GuardedStanding } from '../../src/codec/policy/standing.ts'
import type { Pointer } from '../../src/codec/record.ts'
import type { Signer } from '../../src/codec/signing/signer-key.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import type { Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { createMemoryDatabase, type MemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryReader } from '../../src/store/memory/reader.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import { isTransient } from '../../src/store/postgres/errors.ts'
import type {
  Authorship,
  Batch,
  OriginStep,
  ParkedMessage,
  Rejudgement,
  SetAside,
  Store,
} from '../../src/store/store.ts'
import {
  ALL_TYPES,
  batchOf,
  catalogueOf,
  datasetOf,
  definitionStep,
  foldOf,
  LOG,
  loadState,
  mutationOf,
  setAsideOf,
  signerOf,
  standingOf,
  wholeState,
} from '../contract/store-fixture.ts'
import { openPostgres, type PostgresBench } from '../store/postgres-bench.ts'
import { announceSeed } from '../support/seed.ts'
import type { PostgresVersion } from '../support/services.ts'
import { soaked } from '../support/soak.ts'
import { below, createRandom, one, type Random } from './world.ts'

const FILE = 'test/sim/store-differential.test.ts'
const ROUNDS = soaked(4)
const STEPS = 60
/** Few, so that equal ones meet: within a batch, across batches, across workers. */
const RANKS = 5
const WORKERS = [0, 1] as const

const VALUES: Readonly<Record<ColumnType, readonly Value[]>> = {
  boolean: [null, true, false],
  long: [null, 1n, -1n, 9_223_372_036_854_775_807n],
  double: [null, 1.5, -1.5],
  string: [null, '', '\uffff', '\u{10000}'],
  bytes: [null, new Uint8Array(), Uint8Array.of(0x7f), Uint8Array.of(0x80)],
  uuid: [null, '00000000-0000-4000-8000-000000000000', 'f0000000-0000-4000-8000-000000000000'],
  decimal: [null, '10', '9', '-0.5'],
  date: [null, '0001-01-01', '2024-02-29'],
  timestamp: [null, '0001-01-01T00:00:00.000000Z', '2024-02-29T23:59:59.999999Z'],
  json: [null, 'null', '{"aa":1,"b":2}', '[1,2]', '"x"'],
}
const KEYS: Readonly<Partial<Record<ColumnType, readonly string[]>>> = {
  boolean: ['false', 'true'],
  long: ['-1', '10', '9'],
  string: ['', 'a', '\u{10000}'],
  timestamp: ['2024-02-29T23:59:59.999999Z'],
}

const named = (types: readonly ColumnType[], suffix: string): Record<string, ColumnType> =>
  Object.fromEntries(types.map((type) => [`${type}_${suffix}`, type]))

/** The first is that of `stampOf`; of the others there is no row, and the last is, like the first, negative as a signed number. */
const ORIGINS = ['aaaaaaaaaaaaaaaa', '0000000000000001', '7fffffffffffffff', 'ffffffffffffffff'] as Origin[]
const SIGNERS: readonly Signer[] = [null, signerOf(1), signerOf(2), signerOf(1, 'eip191')]

/** What each definition makes of the catalogue: new columns, a new dataset, a requirement gone, nothing. */
const CATALOGUES: readonly Catalogue[] = (() => {
  const narrow = named(ALL_TYPES.slice(0, 5), 'x')
  const wide = { ...named(ALL_TYPES, 'x'), ...named(ALL_TYPES, 'Y') }
  const required = ['long_x', 'string_x']
  const first = datasetOf('all', { columns: narrow, required, changedAt: 1n })
  const pair = datasetOf('Pair', { key: { n: 'long', on: 'boolean' }, columns: { select: 'json' } })
  const second = datasetOf('all', { columns: wide, required: ['long_x'], changedAt: 2n })
  const bare = datasetOf('bare', { key: { at: 'timestamp', id: 'string' }, changedAt: 3n })
  const third = datasetOf('bare', {
    key: { at: 'timestamp', id: 'string' },
    columns: { ctid: 'decimal' },
    changedAt: 5n,
  })
  return [
    catalogueOf(1n, first, pair),
    catalogueOf(2n, second, pair),
    catalogueOf(3n, second, pair, bare),
    catalogueOf(4n, second, pair, bare),
    catalogueOf(5n, second, pair, third),
  ]
})()

interface World {
  readonly random: Random
  readonly database: MemoryDatabase
  readonly model: Store
  /** Workers of one node, on one database. */
  readonly workers: readonly [Store, Store]
  version: number
}

function randomMutation({ random, version }: World): Mutation {
  const dataset = one(random, [...CATALOGUES[version]!.datasets.values()])
  const key = dataset.key.map(({ type }) => one(random, KEYS[type]!))
  const rank = 1 + below(random, RANKS)
  const operation = one(random, ['upsert', 'upsert', 'update', 'update', 'delete'] as const)
  if (operation === 'delete') return mutationOf(operation, dataset.name, key, rank)
  // Now and then a row as a whole, which is stored without a stamp beside each value.
  const share = one(random, [0.3, 0.3, 1])
  const columns = [...dataset.columns.values()]
    .filter(() => random() < share)
    .map(({ name, type }) => [name, one(random, VALUES[type])])
  return mutationOf(
    columns.length === 0 ? 'upsert' : operation,
    dataset.name,
    key,
    rank,
    Object.fromEntries(columns),
  )
}

const some = <T>(random: Random, max: number, make: () => T): T[] =>
  Array.from({ length: below(random, max + 1) }, make)

/** What some definition brings, a first one too, or what none does. */
function randomWait(random: Random): string | null {
  return one(random, ['', null, 'ctid', 'long_Y', 'json_x'])
}

/** Often none, at times the same one twice. */
function randomAuthors({ random }: World): Authorship[] {
  return some(random, 3, () => ({ origin: one(random, ORIGINS), signer: one(random, SIGNERS) }))
}

/** What holds from now on, now and then. */
function randomStanding({ random }: World): GuardedStanding | null {
  if (random() < 0.8) return null
  return standingOf(below(random, 4), { unsigned: random() < 0.5, isClosed: random() < 0.2 })
}

function randomBatch(world: World, partition: number): Batch {
  const { random, database } = world
  let offset = database.partitions.get(partition)?.position ?? 0n
  const from = offset
  const setAside = (): SetAside => {
    const dataset = one(random, ['all', 'Pair', 'bare', 'never'])
    return setAsideOf({ partition, offset: offset++ }, dataset, one(random, ['r1', 'r2']))
  }
  const parked = (): ParkedMessage => ({ ...setAside(), waitsFor: randomWait(random) })
  const origins = new Map<string, OriginStep>()
  for (const origin of some(random, 2, () => one(random, ['00000000000000aa', '00000000000000bb']))) {
    origins.set(origin, { origin, partition, highestSeq: BigInt(below(random, 9)), count: 1 })
  }
  return batchOf(
    some(random, 12, () => randomMutation(world)),
    {
      at: database.catalogue.offset,
      partition,
      from,
      parked: some(random, 3, parked),
      quarantined: some(random, 1, setAside),
      origins: [...origins.values()],
      authors: randomAuthors(world),
      step: { standing: randomStanding(world) },
    },
  )
}

/** What a worker of a node does with a deadlock: the same again. */
async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!isTransient(error)) throw error
    }
  }
}

/** Both workers at once; the model one after the other, because the order must not matter. */
async function commitBoth(world: World): Promise<void> {
  const batches = WORKERS.map((partition) => randomBatch(world, partition))
  const results = await Promise.all(batches.map((batch, i) => retried(() => world.workers[i]!.commit(batch))))
  const expected: unknown[] = []
  for (const batch of batches) expected.push(await world.model.commit(batch))
  expect(results).toEqual(expected)
}

async function commitStale(world: World): Promise<void> {
  const batch = randomBatch(world, one(world.random, WORKERS))
  const [step] = batch.steps
  const changed =
    world.random() < 0.5
      ? { ...batch, catalogueOffset: batch.catalogueOffset - 1n }
      : { ...batch, steps: [{ ...step!, from: step!.from + 1n }] }
  expect(await world.workers[0].commit(changed)).toEqual(await world.model.commit(changed))
}

async function defineNext(world: World): Promise<void> {
  if (world.version + 1 === CATALOGUES.length) return
  const catalogue = CATALOGUES[++world.version]!
  const offset = world.database.catalogue.offset
  const refused = some(world.random, 1, () => setAsideOf({ partition: -1, offset }, 'all', 'type-changed'))
  const step = definitionStep(offset, catalogue, { refused, standing: randomStanding(world) })
  expect(await world.workers[1].define(step)).toEqual(await world.model.define(step))
}

/** One worker judges parked messages again while the other writes a batch. */
async function rejudge(world: World): Promise<void> {
  const limit = 1 + below(world.random, 6)
  const [first] = await world.model.parkedToJudge(null, limit)
  const after = first !== undefined && world.random() < 0.5 ? first : null
  const pointers = await world.model.parkedToJudge(after, limit)
  expect(await world.workers[0].parkedToJudge(after, limit)).toEqual(pointers)
  const parkedAgain: Pointer[] = pointers.filter(() => world.random() < 0.3)
  const rejudgement: Rejudgement = {
    identity: LOG,
    catalogueOffset: world.database.catalogue.offset,
    taken: pointers,
    rows: foldOf(some(world.random, 6, () => randomMutation(world))),
    authors: randomAuthors(world),
    parked: parkedAgain.map((pointer) => ({
      ...setAsideOf(pointer, one(world.random, ['all', 'Pair']), 'again'),
      waitsFor: randomWait(world.random),
    })),
  }
  const batch = randomBatch(world, 1)
  const results = await Promise.all([
    retried(() => world.workers[0].rejudge(rejudgement)),
    retried(() => world.workers[1].commit(batch)),
  ])
  expect(results).toEqual([await world.model.rejudge(rejudgement), await world.model.commit(batch)])
}

async function expectSame(world: World, bench: PostgresBench): Promise<void> {
  const reader = await bench.reader()
  try {
    expect(await wholeState(reader)).toEqual(await wholeState(createMemoryReader(world.database)))
  } finally {
    await reader.close()
  }
  for (const store of world.workers) expect(await loadState(store)).toEqual(await loadState(world.model))
  const { parked, quarantined, authors } = world.database
  expect(await readSetAside(bench.pool, 'parked')).toEqual(sorted([...parked.values()]))
  expect(await readSetAside(bench.pool, 'quarantined')).toEqual(sorted([...quarantined.values()]))
  expect(await readAuthors(bench.pool)).toEqual(authors)
  for (const dataset of world.database.catalogue.datasets.values()) await expectClean(bench.pool, dataset)
}

function sorted<T extends Pointer>(messages: readonly T[]): T[] {
  return messages.toSorted((a, b) => a.partition - b.partition || (a.offset < b.offset ? -1 : 1))
}

async function readSetAside(pool: Pool, table: 'parked' | 'quarantined'): Promise<unknown[]> {
  const { rows } = await pool.query(`select * from spindexer.${table} order by partition, "offset"`)
  return rows.map(({ append_ms, judged_at, waits_for, offset, size, ...row }) => ({
    ...row,
    offset: BigInt(offset),
    size: Number(size),
    appendMs: BigInt(append_ms),
    ...(judged_at === undefined ? {} : { judgedAt: BigInt(judged_at), waitsFor: waits_for }),
  }))
}

/** All of them, also of origins that no reader meets. */
async function readAuthors(pool: Pool): Promise<ReadonlyMap<string, ReadonlySet<Signer>>> {
  const { rows } = await pool.query<{ origin: string; signer: Signer }>(
    `select lpad(to_hex(origin), 16, '0') as origin, signer
     from spindexer.authors left join spindexer.signers on id = signer_id`,
  )
  const authors = new Map<string, Set<Signer>>()
  for (const { origin, signer } of rows) {
    authors.set(origin, (authors.get(origin) ?? new Set()).add(signer))
  }
  return authors
}

/** A cell that is no part of the state leaves nothing behind: no value without a stamp, no stamp that is not above the tombstone. */
async function expectClean(pool: Pool, dataset: Dataset): Promise<void> {
  const leftovers = [...dataset.columns.keys()].flatMap((name) => [
    `("s_${name}" is null and "c_${name}" is not null and (alive is null or alive <= dead))`,
    `("s_${name}" <= dead)`,
  ])
  const { rowCount } = await pool.query(
    `select from spindexer."d_${dataset.name}" where ${['false', ...leftovers].join(' or ')}`,
  )
  expect(rowCount).toBe(0)
}

/** Puts the stamps beside the values, in some of the rows, that are in `alive`: as databases have them that are older than that. */
async function writeOut({ random, database }: World, pool: Pool): Promise<void> {
  const dataset = one(random, [...database.catalogue.datasets.values()])
  const sets = [...dataset.columns.keys()].map(
    (name) => `"s_${name}" = coalesce("s_${name}", case when "c_${name}" is not null then alive end)`,
  )
  if (sets.length === 0) return
  await pool.query(
    `update spindexer."d_${dataset.name}" set ${sets.join(', ')} where hashtext(${random()}::text || ctid::text) % 2 = 0`,
  )
}

async function runRound(random: Random, version: PostgresVersion): Promise<void> {
  const bench = await openPostgres(version)
  try {
    const database = createMemoryDatabase()
    const world: World = {
      random,
      database,
      model: createMemoryStore(database),
      workers: [bench.store(), bench.store()],
      version: -1,
    }
    for (const store of [world.model, ...world.workers]) await loadState(store)
    await defineNext(world)
    for (let step = 1; step <= STEPS; step++) {
      const dice = random()
      if (dice < 0.7) await commitBoth(world)
      else if (dice < 0.78) await commitStale(world)
      else if (dice < 0.86) await defineNext(world)
      else await rejudge(world)
      if (random() < 0.2) await writeOut(world, bench.pool)
      if (step % 10 === 0) await expectSame(world, bench)
    }
  } finally {
    await bench.close()
  }
}

describe('the store in Postgres is the reference model', () => {
  const seed = announceSeed(FILE)
  for (const version of [15, 18] as const) {
    for (let round = 0; round < ROUNDS; round++) {
      it(`Postgres ${version}, round ${round + 1}`, () => runRound(createRandom(seed + round), version))
    }
  }
})
