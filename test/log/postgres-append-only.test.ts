// A log in Postgres is append-only by force: for its owner, for a superuser, by hand and in any session; and what a
// writer's role needs is little.

import { afterEach, describe, expect, test } from 'vitest'
import { checkLog } from '../../src/log/check.ts'
import { createLog } from '../../src/log/genesis.ts'
import { createPostgresLog, type PostgresLog } from '../../src/log/postgres/log.ts'
import { makePostgresLog } from '../../src/log/postgres/make.ts'
import { createDatabase, type PostgresVersion, postgres } from '../support/services.ts'
import { createLogDatabase, execute } from './postgres-admin.ts'
import { plan, text } from './samples.ts'

const endings: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

function opened(log: PostgresLog): PostgresLog {
  endings.push(() => log.close())
  return log
}

/** A log that belongs to an ordinary role, and the superuser's way into its database. */
async function createOwnedLog(version: PostgresVersion, partitions = 2) {
  const { url: admin, drop } = await createDatabase(version, 'owned')
  const role = `owner_${new URL(admin).pathname.slice(-8)}`
  await execute(admin, `create role ${role} login; grant create on database ${nameOf(admin)} to ${role}`)
  endings.push(async () => {
    await drop()
    await execute((await postgres(version)).url, `drop role ${role}`)
  })
  const owner = as(admin, role)
  expect(await makePostgresLog({ connectionString: owner, partitions, usualPartitions: 1 })).toEqual({
    type: 'created',
  })
  return { owner, admin, role, log: opened(createPostgresLog({ connectionString: owner, onLog: () => {} })) }
}

function nameOf(url: string): string {
  return `"${new URL(url).pathname.slice(1)}"`
}

function as(url: string, role: string): string {
  const its = new URL(url)
  its.username = role
  return its.href
}

const CHANGES = [
  'update spindexer_log.records set append_ms = 0',
  'update spindexer_log.records set append_ms = 0 where false',
  'delete from spindexer_log.records',
  'truncate spindexer_log.records',
  'insert into spindexer_log.records select * from spindexer_log.records on conflict (partition, "offset") do update set append_ms = 0',
  'merge into spindexer_log.records r using (values (0)) v (p) on r.partition = v.p when matched then delete',
  'delete from spindexer_log.partitions',
  'update spindexer_log.partitions set partition = partition + 10',
  'truncate spindexer_log.partitions cascade',
  'delete from spindexer_log.sealed',
  'truncate spindexer_log.sealed',
]

const call = (arrays: string) => `select * from spindexer_log.append(null, ${arrays}, array[null]::bytea[],
  array['x']::bytea[], array[null]::bytea[], array[null]::text[], array[null]::text[], array[null]::text[], array[null]::text[])`

const byHand = (partition: number, ...offsets: number[]) =>
  `insert into spindexer_log.records (partition, "offset", append_ms, value) values ${offsets
    .map((offset) => `(${partition}, ${offset}, 1, 'x')`)
    .join(', ')}`
const hold = (partition: number) => `select pg_advisory_xact_lock(1936747623, ${partition})`

describe.each([15, 18] as const)('on Postgres %d', (version) => {
  test('nobody changes or removes a record: not its owner, not a superuser, in no kind of session', async () => {
    const { owner, admin, log } = await createOwnedLog(version)
    await createLog(log, plan(1))
    await log.append(text(0, 'a', 'b'))
    const state = 'select partition, "offset", append_ms, value from spindexer_log.records order by 1, 2'
    const before = (await execute(admin, state)).rows
    for (const change of CHANGES) {
      await expect(execute(owner, change), change).rejects.toThrow(/append-only/)
      await expect(execute(admin, change), change).rejects.toThrow(/append-only/)
      const asReplica = `set session_replication_role = replica; ${change}`
      await expect(execute(admin, asReplica), change).rejects.toThrow(/append-only/)
    }
    const more = 'insert into spindexer_log.partitions values (2)'
    await expect(execute(owner, more)).rejects.toThrow(/fixed when it is made/)
    expect((await execute(admin, state)).rows).toEqual(before)
    expect(checkLog(await log.describe()).type).toBe('ok')
  })

  test('a record that is inserted by hand is refused where it would leave a gap, or its partition is not held', async () => {
    const { owner, admin, log } = await createOwnedLog(version)
    await log.append(text(0, 'a', 'b'))
    const cases: [string, RegExp][] = [
      [byHand(0, 2), /partition 0 of the log is not held/],
      [`begin; ${hold(0)}; ${byHand(0, 3)}`, /3 to 3 are not the next ones/],
      [`begin; ${hold(0)}; ${byHand(0, 2, 4)}`, /2 to 4 are not the next ones/],
      [`begin; ${hold(0)}; ${byHand(0, 1)}`, /duplicate key/],
      [`begin; ${hold(1)}; ${byHand(1, 1)}`, /1 to 1 are not the next ones/],
      [`begin; ${hold(1)}; ${byHand(0, 2)}`, /not held/],
      [`begin; ${hold(5)}; ${byHand(5, 0)}`, /has no partition 5/],
      [`begin; ${hold(0)}; ${byHand(0, -1)}`, /check constraint/],
      [
        `begin isolation level repeatable read; ${hold(0)}; ${byHand(0, 2)}`,
        /isolation level repeatable read/,
      ],
    ]
    for (const url of [owner, admin]) {
      for (const [sql, words] of cases) await expect(execute(url, sql), sql).rejects.toThrow(words)
    }
    const asReplica = `set session_replication_role = replica; ${byHand(0, 2)}`
    await expect(execute(admin, asReplica)).rejects.toThrow(/not held/)
    // In the place of the next one, under the lock, nothing is broken.
    await execute(owner, `begin; ${hold(0)}; ${byHand(0, 2, 3)}; commit`)
    expect((await log.describe()).partitions[0]).toMatchObject({ first: 0n, end: 4n })
  })

  test('in a transaction of somebody: what is held, how durable it is, and which isolation level it needs', async () => {
    const { owner, admin, log, role } = await createOwnedLog(version)
    for (const level of ['repeatable read', 'serializable']) {
      const sql = `begin isolation level ${level}; ${call('array[0]')}`
      await expect(execute(owner, sql)).rejects.toThrow(`isolation level ${level}`)
    }
    await execute(admin, `alter role ${role} set synchronous_commit = off`)
    const shown = await execute(owner, `begin; ${call('array[0]')}; show synchronous_commit`)
    expect(shown.rows).toEqual([{ synchronous_commit: 'on' }])
    await execute(admin, `alter role ${role} set synchronous_commit = remote_apply`)
    const stronger = await execute(owner, `begin; ${call('array[0]')}; show synchronous_commit`)
    expect(stronger.rows).toEqual([{ synchronous_commit: 'remote_apply' }])
    await expect(execute(owner, call('array[7]'))).rejects.toThrow(/has no partition 7/)
    // What was rolled back left no hole.
    expect((await log.append(text(0, 'a')))[0]).toMatchObject({ offset: 0n })
    await execute(
      owner,
      `begin; ${call('array[0]')}; savepoint s; ${call('array[0]')}; ${call('array[1]')}; rollback to s; ${call('array[0]')}; commit`,
    )
    expect((await log.describe()).partitions.map(({ end }) => end)).toEqual([3n, 0n])
  })

  test('settings of the role that would break an append change nothing', async () => {
    const { admin, log, role } = await createOwnedLog(version)
    await execute(
      admin,
      `alter role ${role} set default_transaction_isolation = serializable;
       alter role ${role} set default_transaction_read_only = on;
       alter role ${role} set statement_timeout = '20ms';
       alter role ${role} set lock_timeout = '5ms';
       alter role ${role} set search_path = public, pg_catalog;
       alter role ${role} set array_nulls = off;
       alter role ${role} set bytea_output = escape`,
    )
    await execute(admin, `begin; ${call('array[0]')}; select pg_sleep(0.5); commit`)
    const value = Buffer.alloc(900_000, 5)
    await log.append(Array.from({ length: 20 }, () => ({ partition: 0, key: null, value })))
    expect((await log.describe()).partitions[0]).toMatchObject({ end: 21n })
  })

  test('a writer needs the function, a reader the tables, and neither more', async () => {
    const { owner, admin, log } = await createOwnedLog(version)
    await createLog(log, plan(1))
    const suffix = new URL(admin).pathname.slice(-8)
    const [writer, reader, nobody] = ['writer', 'reader', 'nobody'].map((kind) => `${kind}_${suffix}`)
    await execute(
      admin,
      `create role ${writer} login; create role ${reader} login; create role ${nobody} login`,
    )
    endings.push(() =>
      execute(
        admin,
        `drop owned by ${writer}, ${reader}, ${nobody}; drop role ${writer}, ${reader}, ${nobody}`,
      ),
    )
    await execute(
      owner,
      `grant usage on schema spindexer_log to ${writer}, ${reader};
       grant select on all tables in schema spindexer_log to ${writer}, ${reader};
       grant insert, update, delete on spindexer_log.members, spindexer_log.bookmarks to ${reader};
       grant execute on function spindexer_log.append to ${writer}`,
    )
    const openAs = (role: string) =>
      opened(createPostgresLog({ connectionString: as(admin, role), onLog: () => {} }))
    const written = openAs(writer!)
    expect(checkLog(await written.describe())).toMatchObject({ type: 'ok', warnings: [] })
    expect(await written.append(text(0, 'a'))).toMatchObject([{ offset: 1n }])
    await expect(written.seal(text(0, 'end'))).rejects.toThrow(/closing .*permission denied.*42501.*; grant/)
    const read = openAs(reader!)
    expect((await read.pick([{ partition: 0, offset: 1n }]))[0]).toMatchObject({ value: Buffer.from('a') })
    await read.saveBookmark('r', new Map([[0, 1n]]))
    await expect(read.append(text(0, 'b'))).rejects.toThrow(/permission denied for function append/)
    for (const change of [...CHANGES, byHand(0, 2)]) {
      await expect(execute(as(admin, writer!), change), change).rejects.toThrow(/permission denied/)
    }
    await expect(openAs(nobody!).describe()).rejects.toThrow(/permission denied for schema.*; grant/)
  })
})

describe('a log that somebody has tampered with is refused, with the remedy', () => {
  const cases: [string, RegExp, RegExp][] = [
    [
      'alter table spindexer_log.records disable trigger append_only',
      /append_only .* is disabled/,
      /enable always trigger append_only/,
    ],
    [
      'alter table spindexer_log.records enable trigger dense',
      /dense .* is not enabled for all sessions/,
      /enable always trigger dense/,
    ],
    [
      'drop trigger append_only on spindexer_log.sealed',
      /append_only on spindexer_log.sealed .* is gone/,
      /backup/,
    ],
    ['alter table spindexer_log.records set unlogged', /is unlogged/, /set logged/],
    [
      'alter table spindexer_log.records enable row level security',
      /row security/,
      /disable row level security/,
    ],
    ['create rule r as on insert to spindexer_log.records do also select 1', /has rules/, /drop them/],
    ['insert into spindexer_log.migrations values (99)', /version 99 by a newer spindexer/, /use the newer/],
  ]
  test.each(cases)('%s', async (sql, what, remedy) => {
    const database = await createLogDatabase(18, 1)
    endings.push(database.drop)
    const log = opened(database.open())
    await createLog(log, plan(1))
    await database.execute(sql)
    const check = checkLog(await log.describe())
    expect(check).toMatchObject({
      type: 'refused',
      problems: [{ what: expect.stringMatching(what), remedy: expect.stringMatching(remedy) }],
    })
  })

  test('a newer log is refused by who makes one, too; two who make one at once make one', async () => {
    const { url, drop } = await createDatabase(18, 'made')
    endings.push(drop)
    const make = () => makePostgresLog({ connectionString: url, partitions: 3, usualPartitions: 1 })
    const results = await Promise.all([make(), make(), make()])
    expect(results.map(({ type }) => type).sort()).toEqual(['created', 'existed', 'existed'])
    expect(await makePostgresLog({ connectionString: url, partitions: null, usualPartitions: 1 })).toEqual({
      type: 'existed',
    })
    expect(await makePostgresLog({ connectionString: url, partitions: 2, usualPartitions: 1 })).toMatchObject(
      {
        problems: [{ what: expect.stringMatching(/exists with 3 partitions, not 2/) }],
      },
    )
    await execute(url, 'insert into spindexer_log.migrations values (99)')
    expect(await make()).toMatchObject({ type: 'refused', problems: [{ what: expect.stringMatching(/99/) }] })
  })
})
