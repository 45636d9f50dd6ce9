// Definitions while somebody holds what they have to change: the node says who it is, others read on, and nothing is lost.

import pg from 'pg'
import { afterEach, expect, it } from 'vitest'
import type { KafkaLog } from '../../src/log/kafka/log.ts'
import { type RunningCli, startCli } from '../support/cli.ts'
import { waitFor } from '../support/wait.ts'
import { awaitDefinitions, definition, nullable, openLog, schemaOf, upsert } from './definitions-support.ts'
import { countsOf, createTestLog, createTestNode, type TestNode } from './support.ts'

const endings: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

const NARROW = [nullable('plays', 'long')]

interface Subject {
  readonly log: KafkaLog
  readonly node: TestNode
  readonly running: RunningCli
  /** Messages appended so far. */
  count: number
}

async function start(name: string): Promise<Subject> {
  const testLog = await createTestLog(name, { partitions: 2 })
  const node = await createTestNode(testLog, name)
  const log = openLog(testLog)
  const running = startCli(['run'], { env: node.env })
  endings.push(
    () => log.close(),
    () => running.kill('SIGKILL'),
  )
  const subject = { log, node, running, count: 0 }
  await log.append([definition(schemaOf('tracks', NARROW))])
  await awaitDefinitions(node, log)
  await write(subject, 'plays', 'merged')
  return subject
}

/** Appends ten rows with that column; resolves when the node has them all, merged or parked. */
async function write(subject: Subject, column: string, become: 'merged' | 'parked'): Promise<void> {
  const { log, node } = subject
  const before = (await countsOf(node))[become]!
  const numbers = Array.from({ length: 10 }, () => subject.count++)
  await log.append(numbers.map((n) => upsert('tracks', n, { [column]: BigInt(n) })))
  await waitFor(`ten messages to be ${become}`, async () => (await countsOf(node))[become] === before + 10n)
}

async function session(node: TestNode, application: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: node.url, application_name: application })
  await client.connect()
  client.on('error', () => {})
  endings.push(() => client.end())
  return client
}

const says = ({ running }: Subject, words: RegExp) =>
  waitFor(`the node to say ${words}`, () => words.test(running.stderr()), { timeoutMs: 90_000 })

it.each([
  [
    'a cursor left open',
    'begin isolation level repeatable read; declare c cursor for select * from data.tracks; fetch 1 from c',
  ],
  ['a session idle in a transaction with a lock', 'begin; lock table data.tracks in share mode'],
  [
    "somebody's own view, read for long",
    'create view public.report as select id from data.tracks; begin; select from public.report',
  ],
])(
  '%s: new columns wait and say for whom, rows go on coming, other readers read',
  async (_name, sql) => {
    const subject = await start('readers')
    const { log, node } = subject
    const holder = await session(node, 'a-report')
    await holder.query(sql)
    await log.append([definition(schemaOf('tracks', [...NARROW, nullable('late', 'long')]))])
    await says(
      subject,
      /take a definition: data\.tracks is held by process \d+ \(a-report, idle in transaction, since/,
    )

    // A share lock keeps writers out as well, which is the operator's own doing.
    if (!sql.includes('share mode')) {
      await write(subject, 'plays', 'merged')
      await write(subject, 'late', 'parked')
    }
    const reader = await session(node, 'another')
    let longestMs = 0
    for (let i = 0; i < 20; i++) {
      const began = performance.now()
      await reader.query('select count(*) from data.tracks')
      longestMs = Math.max(longestMs, performance.now() - began)
    }
    // The definition waits 300 ms at a time, and readers behind it; the rest is for a busy machine.
    expect(longestMs).toBeLessThan(5_000)

    await holder.query('commit')
    await awaitDefinitions(node, log)
    if (sql.includes('share mode')) await write(subject, 'late', 'merged')
    const [row] = await node.query('select count(*) as rows, count(late) as late from data.tracks')
    expect(row).toEqual({ rows: String(subject.count), late: '10' })
    expect(await countsOf(node)).toMatchObject({ parked: 0n, merged: BigInt(subject.count) })
  },
  240_000,
)

it('a table that an operator locks whole: the node says that it waits, and goes on by itself', async () => {
  const subject = await start('operator')
  const { log, node } = subject
  const rude = await session(node, 'operator')
  await rude.query('begin; lock table spindexer.d_tracks in access exclusive mode')
  const numbers = Array.from({ length: 10 }, () => subject.count++)
  await log.append(numbers.map((n) => upsert('tracks', n, { plays: 1n })))
  await says(subject, /could not write a batch yet: the database has been at work on it for \d+ s/)
  await log.append([definition(schemaOf('tracks', [...NARROW, nullable('late', 'long')]))])
  await rude.query('rollback')
  await awaitDefinitions(node, log)
  await write(subject, 'late', 'merged')
  expect(await countsOf(node)).toMatchObject({ parked: 0n, merged: BigInt(subject.count) })
}, 240_000)
