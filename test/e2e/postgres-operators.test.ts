// What operators do to a node's database: passwords changed, roles locked, tables dropped, backups restored, versions mixed.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type CliResult, cli, type RunningCli, runCli, startCli } from '../support/cli.ts'
import { waitFor } from '../support/wait.ts'
import { publishGenerated } from './load.ts'
import {
  type Bench,
  openBench,
  openPrivatePostgres,
  type PrivatePostgres,
  startNode,
} from './postgres-support.ts'
import { catchUp, cellsOf, countsOf, createTestNode, query, type TestNode } from './support.ts'

const PASSWORD = randomBytes(9).toString('hex')
let postgres: PrivatePostgres
let bench: Bench
let calm: TestNode
/** With the role that owns the database, as nodes are run. */
let owned: TestNode

beforeAll(async () => {
  postgres = await openPrivatePostgres({ password: PASSWORD })
  bench = await openBench('operators', postgres.server.url)
  const env = { ...bench.node.env, DATABASE_URL: bench.urlOf({ username: 'node' }) }
  owned = { ...bench.node, env }
  await publishGenerated(bench.log, 'first', 1, 1_000)
  calm = await createTestNode(bench.log, 'calm')
})
afterAll(async () => {
  await calm?.drop()
  await postgres?.close()
})

const SESSIONS = `from pg_stat_activity where application_name = 'spindexer' and datname = 'node'`
const endSessions = () => bench.admin(`select pg_terminate_backend(pid) ${SESSIONS}`)

/** The node's state and counts are those of one that was never disturbed. */
async function expectWhole(node: TestNode): Promise<void> {
  await catchUp(node)
  await catchUp(calm)
  expect(await cellsOf(node)).toBe(await cellsOf(calm))
  expect(await countsOf(node)).toEqual(await countsOf(calm))
}

/** The end of a running node, which has nothing to do, after something was done to it. */
async function endOf(happen: () => Promise<unknown>): Promise<CliResult> {
  await catchUp(owned)
  const running = await startNode(owned.env)
  try {
    await happen()
    const began = performance.now()
    const result = await running.ended
    // Long before the next run of its checks, which come every minute.
    expect(performance.now() - began).toBeLessThan(50_000)
    return result
  } finally {
    running.kill('SIGKILL')
  }
}

it.each([
  // First, since the role belongs to the whole server: the tables are made, its rights are not.
  ['at the role', 'begin; create role spindexer_reader nologin'],
  ['before it begins', 'select pg_advisory_lock(8318264434604996709)'],
  ['at its first schema', 'begin; create schema data'],
  ['at its second schema', 'begin; create schema spindexer'],
])('a migration that is killed %s can be run again', async (what, block) => {
  const node = await emptyDatabase(`killed_${what.replaceAll(/\W/g, '_')}`, 'postgres')
  const blocker = new pg.Client({ connectionString: bench.urlOf({ pathname: new URL(node.url).pathname }) })
  await blocker.connect()
  await blocker.query(block)
  let running: RunningCli | undefined
  try {
    running = startCli(['migrate'], { env: node.env })
    await waitFor('the migration to wait', async () => {
      const rows = await node.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return rows.length === 1
    })
    running.kill('SIGKILL')
    await running.ended
  } finally {
    running?.kill('SIGKILL')
    await blocker.query('rollback')
    await blocker.end()
  }
  // The server may find out late that nobody waits for the answer.
  await sleep(100)
  await catchUp(node)
  expect(await cellsOf(node)).not.toBe('')
  const may = await node.query(
    `select has_table_privilege('spindexer_reader', 'data.tracks', 'select') as may`,
  )
  expect(may).toEqual([{ may: true }])
  await node.drop()
})

it.each([
  [
    'whose password was changed',
    `alter role node password 'another'`,
    `alter role node password '${PASSWORD}'`,
    /password authentication failed.*\n.*check DATABASE_URL/,
  ],
  [
    'whose role may not log in any more',
    'alter role node nologin',
    'alter role node login',
    /not permitted to log in\n.*check DATABASE_URL/,
  ],
])(
  'a running node %s ends, and says so: waiting cannot bring the right address',
  async (_what, change, undo, words) => {
    const { code, stderr } = await endOf(async () => {
      await bench.admin(change)
      await endSessions()
    })
    await bench.admin(undo)
    expect(stderr).toMatch(words)
    expect(code).toBe(1)
    await expectWhole(owned)
  },
)

it('a node whose tables were dropped ends with the remedy, and the remedy works', async () => {
  const table = await endOf(async () => {
    await owned.query('drop table spindexer.d_tracks cascade')
    await publishGenerated(bench.log, 'second', 2, 100)
  })
  expect(table.stderr).toMatch(/"spindexer.d_tracks" does not exist\n.*drop schema spindexer cascade/)
  expect(table.code).toBe(1)
  await owned.query('drop schema spindexer cascade')
  expect(await runCli(['status'], { env: owned.env })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('spindexer migrate'),
  })
  await expectWhole(owned)
})

it('a node whose database is dropped ends, and says so', async () => {
  await copyDatabase('node', 'kept')
  const { code, stderr } = await endOf(() => bench.admin('drop database node with (force)'))
  expect(stderr).toMatch(/database "node" does not exist\n.*DATABASE_URL/)
  expect(code).toBe(1)
  await copyDatabase('kept', 'node')
})

/** What a backup is to the node: its database as it was. */
async function copyDatabase(from: string, to: string): Promise<void> {
  await bench.admin(`drop database if exists ${to} with (force)`)
  await bench.admin(`create database ${to} template ${from} owner node`)
}

it('a restored backup, though an old one, goes on from where it was', async () => {
  await catchUp(owned)
  await copyDatabase('node', 'backup')
  const before = (await countsOf(owned)).consumed
  await publishGenerated(bench.log, 'third', 3, 1_500)
  await catchUp(owned)
  const cells = await cellsOf(owned)
  await copyDatabase('backup', 'node')
  expect((await countsOf(owned)).consumed).toBe(before)
  expect(await cellsOf(owned)).not.toBe(cells)
  await expectWhole(owned)
  expect(await cellsOf(owned)).toBe(cells)
})

it('a program older than the database touches nothing, and says which is newer', async () => {
  const state = () =>
    owned.query(`select (select node_id from spindexer.node), sum(consumed) from spindexer.positions`)
  const before = await state()
  await owned.query('insert into spindexer.migrations (number) values (1000)')
  const commands = [
    ['run', '--until-end'],
    ['migrate'],
    ['dump', 'tracks'],
    ['dump', '--cells'],
    ['status'],
    ['quarantine', 'list'],
    ['node', 'reset-id'],
  ]
  for (const args of commands) {
    const { code, stderr } = await runCli(args, { env: owned.env })
    expect(stderr, args.join(' ')).toMatch(/version 1000 by a newer spindexer[\s\S]*use the newer spindexer/)
    expect(code, args.join(' ')).toBe(1)
  }
  expect(await state()).toEqual(before)
  await owned.query('delete from spindexer.migrations where number = 1000')
})

/** An empty database; the role `node` owns it unless told otherwise. */
async function emptyDatabase(name: string, owner = 'node'): Promise<TestNode> {
  await bench.admin(`create database ${name} owner ${owner}`)
  const url = bench.urlOf({ pathname: `/${name}`, username: owner })
  const asSuperuser = bench.urlOf({ pathname: `/${name}` })
  return {
    env: { ...bench.log.env, DATABASE_URL: url },
    url,
    query: (sql, parameters) => query(asSuperuser, sql, parameters),
    drop: () => bench.admin(`drop database ${name} with (force)`).then(() => {}),
  }
}

it('two migrations and two workers that start at once on an empty database', async () => {
  const node = await emptyDatabase('at_once')
  await Promise.all([
    cli(['migrate'], { env: node.env }),
    cli(['run', '--until-end'], { env: node.env }),
    cli(['migrate'], { env: node.env }),
    cli(['run', '--until-end'], { env: node.env }),
  ])
  await expectWhole(node)
  expect((await node.query('select from spindexer.node')).length).toBe(1)
  await node.drop()
})

it('a role that may make tables in the schemas of spindexer, and nothing else, runs the node', async () => {
  const node = await emptyDatabase('narrow', 'postgres')
  await cli(['migrate'], { env: node.env })
  await node.query(`
    grant usage, create on schema spindexer, data to node;
    grant select, insert, update, delete on all tables in schema spindexer to node`)
  const narrow = {
    ...node,
    env: { ...node.env, DATABASE_URL: bench.urlOf({ pathname: '/narrow', username: 'node' }) },
  }
  await expectWhole(narrow)
  // Without the right to make tables, a definition is a clear end.
  await node.query('drop schema spindexer cascade; drop schema data cascade')
  await cli(['migrate'], { env: node.env })
  await node.query(`
    grant usage on schema spindexer, data to node;
    grant select, insert, update, delete on all tables in schema spindexer to node`)
  const { code, stderr } = await runCli(['run', '--until-end'], { env: narrow.env })
  expect(stderr).toMatch(/permission denied for schema spindexer\n.*lacks a right/)
  expect(code).toBe(1)
  await node.drop()
})
