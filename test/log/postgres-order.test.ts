// A hundred writers at once, each in transactions of its own that commit in any order: a reader of the log misses
// nothing, where a reader of a table with an identity column does.

import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRandom } from '../../scripts/demo/random.ts'
import { createContentReader } from '../../src/log/postgres/content.ts'
import { createPostgresLog } from '../../src/log/postgres/log.ts'
import { makePostgresLog } from '../../src/log/postgres/make.ts'
import { recordParameters } from '../../src/log/postgres/parameters.ts'
import { announceSeed } from '../support/seed.ts'
import { type PostgresService, startPostgres, temporaryDir } from '../support/services.ts'
import { execute } from './postgres-admin.ts'
import { until } from './reading.ts'
import { textOf } from './samples.ts'

const WRITERS = 100
const MESSAGES_EACH = 1_000
const MESSAGES = WRITERS * MESSAGES_EACH
const PARTITIONS = 4
/** In a transaction, at most. */
const MESSAGES_MAX = 120

const seed = announceSeed('test/log/postgres-order.test.ts')
const dir = temporaryDir()
let server: PostgresService

// Of its own: a hundred connections are more than a shared one may have left.
beforeAll(async () => {
  server = await startPostgres({ version: 18, dir: dir.path })
})
afterAll(async () => {
  await server?.stop()
  dir.remove()
})

type Random = () => number
const below = (random: Random, n: number) => Math.floor(random() * n)

/** Writes texts in the client's open transaction. */
type Write = (client: pg.Client, texts: readonly string[], random: Random) => Promise<unknown>

/**
 * Every writer commits its thousand messages in transactions of random size, with a pause between writing and the
 * commit, mostly short. Some transactions are rolled back and come again.
 */
async function runWriters(write: Write): Promise<void> {
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    const random = createRandom(seed + writer)
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    try {
      for (let from = 0; from < MESSAGES_EACH; ) {
        const count = Math.min(1 + below(random, MESSAGES_MAX), MESSAGES_EACH - from)
        const texts = Array.from({ length: count }, (_all, i) => `writer ${writer} message ${from + i}`)
        await client.query('begin')
        await write(client, texts, random)
        await sleep(random() < 0.02 ? below(random, 30) : below(random, 4))
        const isKept = random() >= 0.05
        await client.query(isKept ? 'commit' : 'rollback')
        if (isKept) from += count
        await sleep(below(random, 20))
      }
    } finally {
      await client.end()
    }
  })
  await Promise.all(writers)
}

test('a reader of the log sees each message once, in order and without a hole, while a hundred write', async () => {
  await makePostgresLog({ connectionString: server.url, partitions: PARTITIONS, usualPartitions: 1 })
  const log = createPostgresLog({ connectionString: server.url, onLog: () => {} })
  const readContent = createContentReader()
  try {
    const writing = runWriters(async (client, texts, random) => {
      // To one partition, or across all of them.
      const only = random() < 0.7 ? below(random, PARTITIONS) : null
      const records = texts.map((text) => ({
        partition: only ?? below(random, PARTITIONS),
        record: { partition: null, key: null, value: Buffer.from(text) },
      }))
      await client.query('select * from spindexer_log.append($1::oid, $2, $3, $4, $5, $6, $7, $8, $9)', [
        null,
        ...recordParameters(records, readContent),
      ])
    })
    let count = 0
    const reading = until(log, { scope: { type: 'all' }, forMs: 100_000 }, ({ chunks: read }) => {
      count += read.at(-1)?.records.length ?? 0
      return count >= MESSAGES
    })
    const [{ chunks }] = await Promise.all([reading, writing])

    const seen = new Set<string>()
    const next = new Map<number, bigint>()
    for (const { partition, from, records } of chunks) {
      expect(from).toBe(next.get(partition) ?? 0n)
      let offset = from
      for (const record of records) {
        if (record.offset !== offset) throw new Error(`offset ${record.offset} instead of ${offset}`)
        seen.add(textOf(record.value))
        offset++
      }
      next.set(partition, offset)
    }
    expect([count, seen.size]).toEqual([MESSAGES, MESSAGES])
    const ends = (await log.describe()).partitions.map(({ end }) => end)
    expect(ends).toEqual(ends.map((_, partition) => next.get(partition)))
    // It read while they wrote, and not behind them.
    expect(chunks.length).toBeGreaterThan(50)
  } finally {
    await log.close()
  }
})

test('a reader of a table with an identity column misses some: the writers are such that it matters', async () => {
  await execute(
    server.url,
    'create table plain (id bigint generated always as identity primary key, body text not null)',
  )
  let isOver = false
  const writing = runWriters((client, texts) =>
    client.query('insert into plain (body) select unnest($1::text[])', [texts]),
  ).finally(() => {
    isOver = true
  })
  const reader = new pg.Client({ connectionString: server.url })
  await reader.connect()
  const seen = new Set<string>()
  let last = '0'
  for (let isLastLook = false; ; ) {
    const { rows } = await reader.query('select id, body from plain where id > $1 order by id', [last])
    for (const { id, body } of rows) {
      seen.add(body)
      last = id
    }
    if (isLastLook) break
    isLastLook = isOver
    await sleep(5)
  }
  await writing
  const { rows } = await reader.query('select count(*)::int as count from plain')
  await reader.end()
  console.log(`of ${MESSAGES} messages a reader of an identity column missed ${MESSAGES - seen.size}`)
  expect(rows[0].count).toBe(MESSAGES)
  expect(seen.size).toBeLessThan(MESSAGES)
})
