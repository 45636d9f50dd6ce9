// Postgres refuses what is valid, because somebody changed a table by hand: the node stops, names the message, writes nothing, and goes on once the change is undone.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { block, branch, rawMutation, text } from '../../scripts/golden/raw-avro.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { createKafkaLog } from '../../src/log/kafka/log.ts'
import { keyToPartition } from '../../src/log/placement.ts'
import { runNode } from '../../src/node/run.ts'
import { createPool } from '../../src/postgres/pool.ts'
import { isTransient } from '../../src/store/postgres/errors.ts'
import { migrate } from '../../src/store/postgres/migrate.ts'
import { createPostgresStore } from '../../src/store/postgres/store.ts'
import { cli, runCli } from '../support/cli.ts'
import {
  catchUp,
  cellsOf,
  countsOf,
  createTestLog,
  createTestNode,
  foldInPython,
  type KafkaTestLog,
  sha256,
  type TestNode,
} from './support.ts'

/** SQL that breaks the table, SQL that mends it, and what the node has to say of it. */
interface Meddling {
  readonly name: string
  readonly change: string
  readonly undo: string
  readonly words: readonly RegExp[]
}

const RAISE = (when: string, state: string) => `
  create function meddle() returns trigger language plpgsql as $$
  begin
    if ${when} then raise exception 'not this one' using errcode = '${state}'; end if;
    return new;
  end $$;`
const DROP = 'drop function meddle cascade'

const THE_ONE = /row "t\\"7" of dataset tracks/
const MEDDLINGS: readonly Meddling[] = [
  {
    name: 'a constraint on a column',
    change: 'alter table spindexer.d_tracks add constraint lucky check (c_plays <> 1313)',
    undo: 'alter table spindexer.d_tracks drop constraint lucky',
    words: [
      THE_ONE,
      /column plays of row/,
      /violates check constraint "lucky".*SQLSTATE 23514, constraint lucky of d_tracks/,
    ],
  },
  {
    name: 'a trigger on a key',
    change: `${RAISE(`new.k_id = 't"7'`, '22023')}
      create trigger meddle before insert or update on spindexer.d_tracks for each row execute function meddle()`,
    undo: DROP,
    words: [THE_ONE, /refuses row/, /not this one \(SQLSTATE 22023\)/],
  },
  {
    name: 'a constraint trigger that waits for the commit',
    change: `${RAISE('new.c_plays = 1313', '23000')}
      create constraint trigger meddle after insert or update on spindexer.d_tracks
        deferrable initially deferred for each row execute function meddle()`,
    undo: DROP,
    words: [THE_ONE, /column plays of row/, /not this one \(SQLSTATE 23000\)/],
  },
  {
    name: 'a column of another type',
    change: 'alter table spindexer.d_tracks alter column s_plays type text',
    undo: 'alter table spindexer.d_tracks alter column s_plays type uuid using s_plays::uuid',
    words: [/column plays of row/, /SQLSTATE 42/],
  },
  {
    name: 'a column that is gone',
    change: 'alter table spindexer.d_tracks rename column s_title to lost',
    undo: 'alter table spindexer.d_tracks rename column lost to s_title',
    words: [/column title of row/, /s_title.*does not exist.*SQLSTATE 42703/],
  },
  {
    name: 'a uniqueness that two rows of the batch break',
    change: 'create unique index meddle on spindexer.d_tracks (c_title) where c_title = $$twice$$',
    undo: 'drop index spindexer.meddle',
    words: [
      /column title of row "t8[0-9]" of dataset tracks/,
      /duplicate key value.*SQLSTATE 23505, constraint meddle of d_tracks/,
    ],
  },
]

const line = (id: string, plays: number, title: string) =>
  JSON.stringify({ dataset: 'tracks', operation: 'upsert', data: { id, plays, title } })
const PARTITIONS = 3
const partitionOf = (i: number) =>
  keyToPartition(Buffer.from(JSON.stringify(['tracks', `t${i}`])), PARTITIONS)
/** Of one partition, and so of one batch. */
const TWICE = [80, 81, 82, 83, 84, 85].filter((i) => partitionOf(i) === partitionOf(80)).slice(0, 2)
const LINES = [
  ...Array.from({ length: 400 }, (_, i) => line(`t${i}`, i, TWICE.includes(i) ? 'twice' : `Song ${i}`)),
  line('t"7', 1313, 'Unlucky'),
]

/** Where the one message of a key is, as the node says it. */
async function placeOf({ brokers, topic }: KafkaTestLog, key: string): Promise<string> {
  const log = createKafkaLog({ connection: { brokers }, topic, onLog: () => {} })
  try {
    const { partitions } = await log.describe()
    const pointers = partitions.flatMap(({ partition, end }) =>
      Array.from({ length: Number(end) }, (_, i) => ({ partition, offset: BigInt(i) })),
    )
    const wanted = JSON.stringify(['tracks', key])
    const found = (await log.pick(pointers)).find((record) => record?.key?.toString() === wanted)
    return `partition ${found!.partition}, offset ${found!.offset}`
  } finally {
    await log.close()
  }
}

/** Each message is a row of its own here, so what is counted is what is there. */
async function expectNothingHalfApplied(node: TestNode): Promise<void> {
  const [row] = await node.query('select count(*) as rows from spindexer.d_tracks')
  const { consumed } = await countsOf(node)
  expect(BigInt(row!.rows!)).toBe(consumed)
  expect(consumed! < BigInt(LINES.length)).toBe(true)
}

/** A node in this process, for the sake of time; says how it ended. */
async function run(node: TestNode): Promise<string> {
  const pool = createPool(node.url)
  const { brokers, topic } = log
  const handle = createKafkaLog({ connection: { brokers }, topic, onLog: () => {} })
  try {
    await migrate(pool)
    const outcome = await runNode({
      log: handle,
      store: createPostgresStore({ pool }),
      scope: { type: 'all' },
      signal: new AbortController().signal,
      untilEnd: true,
      isTransient,
      emit: () => {},
    })
    if (outcome.type !== 'refused') return outcome.type
    return outcome.problems.map(({ what, remedy }) => `${what}\n${remedy}`).join('\n')
  } finally {
    await handle.close()
    await pool.end()
  }
}

let log: KafkaTestLog
let expected: string
let unlucky: string
const nodes = new Map<string, TestNode>()

beforeAll(async () => {
  expect(TWICE.length).toBe(2)
  log = await createTestLog('rejected', { partitions: PARTITIONS, datasets: 'examples/catalogue' })
  for (const { name, change } of MEDDLINGS) {
    const node = await createTestNode(log, 'rejected')
    nodes.set(name, node)
    expect(await run(node)).toBe('ended')
    await node.query(change)
  }
  await cli(['publish', '-'], { env: log.env, input: LINES.join('\n') })
  expected = sha256(await foldInPython(log))
  unlucky = await placeOf(log, 't"7')
}, 120_000)

afterAll(async () => {
  for (const node of nodes.values()) await node.drop()
})

it.each(MEDDLINGS)(
  '$name: the node names the message, and goes on once it may',
  async (meddling) => {
    const node = nodes.get(meddling.name)!
    const said = await run(node)
    for (const word of meddling.words) expect(said).toMatch(word)
    expect(said).toMatch(/its message is at partition \d, offset \d+\n/)
    if (meddling.words.includes(THE_ONE)) expect(said).toContain(`at ${unlucky}\n`)
    await expectNothingHalfApplied(node)
    await node.query(meddling.undo)
    expect(await run(node)).toBe('ended')
    expect(sha256(await cellsOf(node))).toBe(expected)
    const all = BigInt(LINES.length)
    expect(await countsOf(node)).toEqual({ consumed: all, merged: all, parked: 0n, quarantined: 0n })
  },
  60_000,
)

it('so does the command line, where messages are judged again that were parked', async () => {
  const log = await createTestLog('rejected', { partitions: 1, datasets: 'examples/catalogue' })
  const node = await createTestNode(log, 'rejected')
  const handle = createKafkaLog({ connection: { brokers: log.brokers }, topic: log.topic, onLog: () => {} })
  const parked = ['a', 'b', 'c'].map((id) => {
    const columns = block([Buffer.concat([text('mood'), branch.string(`mood of ${id}`)])])
    return frameSingleObject(rawMutation({ key: block([text(id)]), columns }))
  })
  await handle.append(parked.map((value) => ({ partition: 0, key: null, value })))
  await handle.close()
  await catchUp(node)
  await node.query(`alter table spindexer.d_tracks add constraint no_b check (k_id <> 'b')`)
  const dir = mkdtempSync(join(tmpdir(), 'spindexer-rejected-'))
  const mood = { name: 'mood', type: ['null', 'string'] }
  const schema = {
    type: 'record',
    name: 'tracks',
    key: ['id'],
    fields: [{ name: 'id', type: 'string' }, mood],
  }
  writeFileSync(join(dir, 'tracks.avsc'), JSON.stringify(schema))
  await cli(['datasets', 'apply', dir], { env: log.env })
  rmSync(dir, { recursive: true })
  const { code, stderr } = await runCli(['run', '--until-end'], { env: node.env })
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/row "b" of dataset tracks: .*"no_b".*message is at partition 0, offset 2\n/),
  ])
  expect(await countsOf(node)).toEqual({ consumed: 3n, merged: 0n, parked: 3n, quarantined: 0n })
  await node.query('alter table spindexer.d_tracks drop constraint no_b')
  await catchUp(node)
  expect(await countsOf(node)).toEqual({ consumed: 3n, merged: 3n, parked: 0n, quarantined: 0n })
  expect(sha256(await cellsOf(node))).toBe(sha256(await foldInPython(log)))
  await node.drop()
}, 120_000)
