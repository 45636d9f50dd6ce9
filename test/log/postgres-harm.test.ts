// A log in Postgres whose neighbours misbehave: who holds a partition, takes records out, makes it anew, or writes oddly.

import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import { createLog } from '../../src/log/genesis.ts'
import { makePostgresLog } from '../../src/log/postgres/make.ts'
import { waitFor } from '../support/wait.ts'
import { execute } from './postgres-admin.ts'
import { serverForTests } from './postgres-server.ts'
import { until } from './reading.ts'
import { plan, text } from './samples.ts'

const { start } = serverForTests()
const all = { type: 'all' } as const
const values = (from: number, count: number) => Array.from({ length: count }, (_, i) => `${from + i}`)

test('records that were taken out are lost, wherever they stood: never stepped over', async () => {
  const { url, log } = await start(2)
  await log.append([...text(0, ...values(0, 10)), ...text(1, ...values(0, 10))])
  const takeOut = (where: string) =>
    execute(
      url,
      `alter table spindexer_log.records disable trigger append_only;
       delete from spindexer_log.records where ${where};
       alter table spindexer_log.records enable always trigger append_only`,
    )
  const readFrom = async (partition: number, position: bigint) => {
    const positions = new Map([
      [partition, position],
      [1 - partition, 10n],
    ])
    const { events } = await until(log, { scope: all, positions }, ({ isCaughtUp }) =>
      isCaughtUp([partition]),
    )
    return events.at(-1)
  }
  await takeOut('partition = 0 and "offset" in (4, 5)')
  expect(await readFrom(0, 0n)).toEqual({ type: 'lost', partition: 0, position: 4n })
  expect(await readFrom(0, 5n)).toEqual({ type: 'lost', partition: 0, position: 5n })
  expect(await readFrom(0, 6n)).toMatchObject({ type: 'chunk', next: 10n })
  await takeOut('partition = 0 and "offset" > 7')
  expect(await readFrom(0, 9n)).toEqual({ type: 'lost', partition: 0, position: 9n })
  await takeOut('partition = 0 and "offset" < 2')
  expect(await readFrom(0, 1n)).toEqual({ type: 'lost', partition: 0, position: 1n })
})

test('a log that is deleted while it is read is lost; one that was made anew in its place is told, and not written to', async () => {
  const { url, log, another } = await start(1)
  await createLog(log, plan(1))
  const reader = another()
  const writer = another()
  await writer.append(text(0, 'a'))
  await reader.describe()
  const remake = async () => {
    await execute(url, 'drop schema spindexer_log cascade')
    await makePostgresLog({ connectionString: url, partitions: 1, usualPartitions: 1 })
    const made = another()
    await createLog(made, plan(2))
    await made.append(text(0, ...values(0, 9)))
  }
  let isRemade = false
  const { events } = await until(reader, { scope: all }, async (state) => {
    if (!isRemade && state.isCaughtUp([0])) {
      isRemade = true
      await remake()
    }
    return state.events.at(-1)!.type === 'reconnected' || state.events.at(-1)!.type === 'lost'
  })
  expect(['reconnected', 'lost']).toContain(events.at(-1)!.type)
  await expect(writer.append(text(0, 'b'))).rejects.toThrow(
    /made anew while it was written to; run `spindexer log check`/,
  )
  expect((await another().describe()).partitions[0]).toMatchObject({ end: 10n })

  let isDropped = false
  const gone = await until(another(), { scope: all }, async (state) => {
    if (!isDropped && state.isCaughtUp([0])) {
      isDropped = true
      await execute(url, 'drop schema spindexer_log cascade')
    }
    return false
  })
  expect(gone.events.at(-1)).toEqual({ type: 'lost', partition: 0, position: 10n })
  expect(await another().describe()).toMatchObject({ partitions: [], definitions: null })
  await expect(another().append(text(0, 'a'))).rejects.toThrow(/; run `spindexer log create`/)
})

test('large records, odd keys and headers: as they were, and never many large ones at once', async () => {
  const { log } = await start(1)
  const large = Buffer.alloc(900_000, 7)
  const odd = [Buffer.from([0xff, 0xfe, 0]), Buffer.from([0xc3]), Buffer.alloc(0), Buffer.alloc(100_000, 1)]
  const headers = ['', 'a\u0000b', '😀', 'spindexer-signature', ''].map((name, i) => ({
    name,
    value: Buffer.alloc(i * 1_000, i),
  }))
  const records = [
    ...odd.map((key) => ({ partition: 0, key, value: Buffer.from('v') })),
    { partition: 0, key: null, value: Buffer.from('h'), headers },
    ...Array.from({ length: 72 }, () => ({ partition: 0, key: null, value: large })),
  ]
  await log.append(records)
  const { records: read, chunks } = await until(log, { scope: all }, (state) => state.isCaughtUp([0]))
  expect(read.slice(0, 4).map(({ key }) => key)).toEqual(odd)
  expect(read[4]!.headers.map(({ name, value }) => [name, Buffer.from(value)])).toEqual(
    headers.map(({ name, value }) => [name, value]),
  )
  expect(read.slice(5).every(({ value }) => value!.equals(large))).toBe(true)
  expect(Math.max(...chunks.map((chunk) => chunk.records.length))).toBeLessThan(10)
})

test('a transaction that holds a partition keeps the others waiting, who say for whom; those of other partitions go on', async () => {
  const { url, log, words, another } = await start(2)
  const holder = new pg.Client({ connectionString: url, application_name: 'somebody' })
  await holder.connect()
  const {
    rows: [{ pid }],
  } = await holder.query('select pg_backend_pid() as pid')
  await holder.query(`begin; select * from spindexer_log.append(null, array[0], array[null]::bytea[],
    array['held']::bytea[], array[null]::bytea[], array[null]::text[], array[null]::text[], array[null]::text[], array[null]::text[])`)
  const waiting = [log.append(text(0, 'a')), log.append(text(0, 'b'))]
  expect(await another().append(text(1, 'free'))).toMatchObject([{ offset: 0n }])
  // Nobody sees what is not committed, nor what stands behind it.
  expect((await log.describe()).partitions.map(({ end }) => end)).toEqual([0n, 1n])
  const said = await waitFor('words', () => words.find((word) => word.includes(`process ${pid}`)))
  expect(said).toMatch(
    new RegExp(
      `appending to postgres log .*: it waits for process ${pid} of Postgres \\(somebody, idle in transaction, since \\d+ s\\).*; let it commit, or end it with \`select pg_terminate_backend\\(${pid}\\)\``,
    ),
  )
  await holder.query('commit')
  await holder.end()
  expect((await Promise.all(waiting)).flat().map(({ offset }) => offset)).toEqual([1n, 2n])
})

test('an append that waits when its log is closed is refused, and is not made later', async () => {
  const { url, log, another } = await start(1)
  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  await holder.query('begin; select pg_advisory_xact_lock(1936747623, 0)')
  const appending = expect(log.append(text(0, 'a'))).rejects.toThrow(/the log is closed/)
  await waitFor('it to wait', async () => {
    const { rows } = await execute(url, 'select from pg_locks where not granted')
    return rows.length === 1
  })
  const beganMs = performance.now()
  await log.close()
  await appending
  expect(performance.now() - beganMs).toBeLessThan(5_000)
  await waitFor('nobody to wait', async () => {
    const { rows } = await execute(url, 'select from pg_locks where not granted')
    return rows.length === 0
  })
  await holder.query('commit')
  await holder.end()
  await sleep(200)
  expect((await another().describe()).partitions[0]).toMatchObject({ end: 0n })
})
