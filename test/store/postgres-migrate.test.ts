// Migrations: safe at once, forward only, and no more rights than there is work.

import type pg from 'pg'
import { afterEach, describe, expect, it } from 'vitest'
import { stampToOrigin } from '../../src/crdt/stamp.ts'
import { createPool } from '../../src/postgres/pool.ts'
import { migrate } from '../../src/store/postgres/migrate.ts'
import { createPostgresReader } from '../../src/store/postgres/reader.ts'
import { createPostgresStore } from '../../src/store/postgres/store.ts'
import { MIGRATIONS } from '../../src/store/postgres/version.ts'
import type { StoredRow } from '../../src/store/store.ts'
import {
  batchOf,
  catalogueOf,
  datasetOf,
  definitionStep,
  LOG,
  loadState,
  mutationOf,
  parkedOf,
  prepare,
  rowsOf,
  signerOf,
  stampOf,
  standingOf,
} from '../contract/store-fixture.ts'
import { runCli } from '../support/cli.ts'
import { createDatabase, postgres, startPostgres, temporaryDir } from '../support/services.ts'

const endings: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

function poolOf(url: string): pg.Pool {
  const pool = createPool(url)
  endings.push(() => pool.end())
  return pool
}

async function freshPool(): Promise<pg.Pool> {
  const database = await createDatabase(18, 'migrate')
  endings.push(() => database.drop())
  return poolOf(database.url)
}

/** What a program that knew so many migrations has made of an empty database. */
async function migrateTo(pool: pg.Pool, version: number): Promise<void> {
  await pool.query(`create schema data; create schema spindexer; create table spindexer.migrations
    (number int primary key, applied_at timestamptz not null default clock_timestamp())`)
  for (const [i, sql] of MIGRATIONS.slice(0, version).entries()) {
    await pool.query(sql)
    await pool.query('insert into spindexer.migrations (number) values ($1)', [i + 1])
  }
}

async function readRow(pool: pg.Pool): Promise<StoredRow | undefined> {
  const reader = await createPostgresReader(pool)
  if ('type' in reader) throw new Error(reader.what)
  const [row] = await rowsOf(reader, 'tracks', undefined, { signers: true })
  await reader.close()
  return row
}

describe('migrate', () => {
  it('two that start at once do the work once', async () => {
    const pool = await freshPool()
    const results = await Promise.all([migrate(pool), migrate(pool), migrate(pool)])
    const applied = results.map((result) => (result.type === 'migrated' ? result.applied : -1))
    expect(applied.sort()).toEqual([0, 0, MIGRATIONS.length])
    const { rows } = await pool.query('select count(*)::int as nodes from spindexer.node')
    expect(rows).toEqual([{ nodes: 1 }])
  })

  it('without it, store and reader are refused with the remedy', async () => {
    const pool = await freshPool()
    const refusal = { type: 'refused', remedy: 'run `spindexer migrate`' }
    expect(await createPostgresStore({ pool }).load(LOG)).toMatchObject(refusal)
    expect(await createPostgresReader(pool)).toMatchObject(refusal)
  })

  it('messages parked by version 1 wait for what its judge said of them, also those that were being judged again', async () => {
    const pool = await freshPool()
    await migrateTo(pool, 1)
    await pool.query(`
      insert into spindexer.node (data_schema, log_id, copy_id, generation) values ('data', 'l', 'c', 1);
      update spindexer.definitions set next_offset = 3, rejudged_to = 2;
      insert into spindexer.datasets values ('tracks', '{}', 3);
      insert into spindexer.parked (partition, "offset", dataset, reason, detail, size, append_ms, judged_at) values
        (0, 1, 'tracks', 'unknown-column', 'plays', 1, 1, 2),
        (0, 2, 'tracks', 'unknown-symbol', 'column mood: "X" is none of LOW', 1, 1, 2),
        (0, 3, 'tracks', 'unknown-symbol', 'key column id: "X" is none of LOW', 1, 1, 2),
        (0, 4, 'tracks', 'wrong-value', 'column plays: it is a string', 1, 1, 2),
        (0, 5, 'tracks', 'unknown-column', 'later', 1, 1, 3),
        (0, 6, 'albums', 'unknown-dataset', '', 1, 1, 2)`)
    expect(await migrate(pool)).toEqual({ type: 'migrated', applied: MIGRATIONS.length - 1 })
    const { rows } = await pool.query('select "offset", waits_for from spindexer.parked order by "offset"')
    expect(rows.map(({ waits_for }) => waits_for)).toEqual(['plays', 'mood', 'id', null, 'later', ''])
    const pending = await createPostgresStore({ pool }).parkedToJudge(null, 10)
    expect(pending.map(({ offset, waitsFor }) => `${offset} ${waitsFor}`)).toEqual([
      '3 id',
      '2 mood',
      '1 plays',
    ])
  })

  it('a state of version 3, which knows no signatures, stays, and goes on in a log that has them', async () => {
    const pool = await freshPool()
    await migrateTo(pool, 3)
    await pool.query(
      `insert into spindexer.node (data_schema, log_id, copy_id, generation) values ('data', $1, $2, $3)`,
      [LOG.logId, LOG.copyId, LOG.generation],
    )
    const store = createPostgresStore({ pool })
    const tracks = datasetOf('tracks', { columns: { title: 'string' } })
    await store.define(definitionStep(0n, catalogueOf(1n, tracks)))
    const parked = [parkedOf({ partition: 0, offset: 1n }, 'tracks', 'plays')]
    const old = batchOf([mutationOf('upsert', 'tracks', 'a', 1, { title: 'Blue' })], { parked })
    expect(await store.commit(old)).toEqual({ type: 'committed' })
    for (const refused of [await store.load(LOG), await createPostgresReader(pool)]) {
      expect(refused).toMatchObject({ type: 'refused', remedy: 'run `spindexer migrate`' })
    }

    expect(await migrate(pool)).toEqual({ type: 'migrated', applied: MIGRATIONS.length - 3 })
    const state = await loadState(store)
    expect(state).toMatchObject({ positions: new Map([[0, 2n]]), standings: new Map(), rejudgedTo: 1n })
    const row = await readRow(pool)
    expect([...row!.cells].map(([name, { value }]) => [name, value])).toEqual([['title', 'Blue']])
    expect(row!.signers).toEqual(new Map())
    const authors = [{ origin: stampToOrigin(stampOf(1)), signer: signerOf(1) }]
    const step = { standing: standingOf(1) }
    expect((await store.commit(batchOf([], { from: 2n, authors, step }))).type).toBe('committed')
    expect((await loadState(store)).standings).toEqual(new Map([[0, standingOf(1)]]))
    expect([...(await readRow(pool))!.signers!.values()]).toEqual([[signerOf(1)]])
  })

  it('a database newer than the program is refused by everything', async () => {
    const pool = await freshPool()
    await migrate(pool)
    await pool.query('insert into spindexer.migrations (number) values (1000)')
    const results = [
      await migrate(pool),
      await createPostgresStore({ pool }).load(LOG),
      await createPostgresReader(pool),
    ]
    for (const result of results) {
      expect(result).toMatchObject({ type: 'refused', remedy: expect.stringContaining('newer spindexer') })
    }
  })

  it('the schema of the views is chosen once, and never one of Postgres or ours', async () => {
    const pool = await freshPool()
    for (const dataSchema of ['spindexer', 'pg_catalog', 'information_schema', '', 'x'.repeat(64)]) {
      expect(await migrate(pool, { dataSchema })).toMatchObject({ type: 'refused' })
    }
    expect(await migrate(pool, { dataSchema: 'My "data"' })).toMatchObject({
      type: 'migrated',
      applied: MIGRATIONS.length,
    })
    expect(await migrate(pool, { dataSchema: 'My "data"' })).toMatchObject({ type: 'migrated', applied: 0 })
    expect(await migrate(pool)).toMatchObject({
      type: 'refused',
      what: expect.stringContaining('My ""data""'),
    })
    await prepare(createPostgresStore({ pool }), datasetOf('tracks'))
    expect((await pool.query('select * from "My ""data""".tracks')).rowCount).toBe(0)
  })

  it.each([
    [15, 'LATIN1'],
    [15, 'SQL_ASCII'],
    [18, 'LATIN1'],
    [18, 'SQL_ASCII'],
  ] as const)(
    'on Postgres %i a database in %s, which cannot hold every text, is refused',
    async (version, encoding) => {
      const admin = poolOf((await postgres(version)).url)
      const name = `${encoding.toLowerCase()}_${Date.now()}`
      await admin.query(`create database ${name} encoding '${encoding}' locale 'C' template template0`)
      endings.push(() => admin.query(`drop database ${name} with (force)`).then(() => {}))
      const url = new URL((await postgres(version)).url)
      url.pathname = name
      expect(await migrate(poolOf(url.href))).toMatchObject({
        type: 'refused',
        what: expect.stringContaining(encoding),
        remedy: expect.stringContaining("encoding 'UTF8' template template0"),
      })
      const { code, stderr } = await runCli(['migrate'], { env: { DATABASE_URL: url.href } })
      expect(stderr).toContain(encoding)
      expect(stderr).toContain("encoding 'UTF8' template template0")
      expect(code).toBe(1)
    },
  )

  it('a node without rights on the cluster works; only the reader role is missing, with a warning', async () => {
    const dir = temporaryDir()
    endings.push(() => dir.remove())
    const server = await startPostgres({ dir: dir.path, version: 18 })
    endings.push(() => server.stop())
    const admin = poolOf(server.url)
    await admin.query('create role plain login')
    for (const name of ['one', 'two', 'three']) await admin.query(`create database ${name} owner plain`)
    const urlOf = (user: string, database: string): string =>
      Object.assign(new URL(server.url), { username: user, pathname: database }).href

    const warnings: string[] = []
    const plain = poolOf(urlOf('plain', 'one'))
    const onWarning = (text: string): void => {
      warnings.push(text)
    }
    expect(await migrate(plain, { onWarning })).toEqual({ type: 'migrated', applied: MIGRATIONS.length })
    expect(warnings).toEqual([expect.stringContaining('create role spindexer_reader')])
    const store = createPostgresStore({ pool: plain })
    await prepare(store, datasetOf('tracks'))
    expect(await store.commit(batchOf([mutationOf('upsert', 'tracks', 'a', 1)]))).toEqual({
      type: 'committed',
    })

    // Two databases of one cluster race for the role.
    const supers = ['two', 'three'].map((name) => poolOf(urlOf('postgres', name)))
    const raced = await Promise.all(supers.map((pool) => migrate(pool, { onWarning })))
    expect(raced.map(({ type }) => type)).toEqual(['migrated', 'migrated'])
    // Now that it is there, whoever owns the views grants them.
    expect(await migrate(plain, { onWarning })).toEqual({ type: 'migrated', applied: 0 })
    expect(warnings).toHaveLength(1)
    for (const pool of [plain, ...supers]) {
      const { rows } = await pool.query(
        `select has_schema_privilege('spindexer_reader', 'data', 'usage') as may`,
      )
      expect(rows).toEqual([{ may: true }])
    }
    expect(
      (await plain.query(`select has_table_privilege('spindexer_reader', 'data.tracks', 'select') as may`))
        .rows,
    ).toEqual([{ may: true }])

    // Nothing to do asks for no rights.
    await admin.query('create role onlooker login')
    await plain.query('grant usage on schema spindexer to onlooker')
    await plain.query('grant select on all tables in schema spindexer to onlooker')
    expect(await migrate(poolOf(urlOf('onlooker', 'one')), { onWarning })).toEqual({
      type: 'migrated',
      applied: 0,
    })
    expect(warnings).toHaveLength(1)
  })
})
