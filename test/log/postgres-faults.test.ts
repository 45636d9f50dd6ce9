// A log in Postgres whose server, connections and neighbours misbehave: nothing is lost, and people are told.

import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createLog } from '../../src/log/genesis.ts'
import { createPostgresLog, type PostgresLog } from '../../src/log/postgres/log.ts'
import { makePostgresLog } from '../../src/log/postgres/make.ts'
import { startProxy, type TcpProxy, type TcpProxyOptions } from '../support/proxy.ts'
import { type PostgresService, startPostgres, temporaryDir } from '../support/services.ts'
import { waitFor } from '../support/wait.ts'
import { startMember } from './member.ts'
import { execute } from './postgres-admin.ts'
import { until } from './reading.ts'
import { plan, text, textOf } from './samples.ts'

const dir = temporaryDir()
let server: PostgresService
let databases = 0
const closing: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  server = await startPostgres({ version: 18, dir: dir.path })
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
afterAll(async () => {
  await server?.stop()
  dir.remove()
})

interface Started {
  readonly url: string
  readonly log: PostgresLog
  /** What it said to people. */
  readonly words: string[]
  another(url?: string): PostgresLog
}

async function start(partitions: number): Promise<Started> {
  const name = `log_${++databases}`
  await execute(server.url, `create database ${name}`)
  const url = server.url.replace(/\/postgres$/, `/${name}`)
  await makePostgresLog({ connectionString: url, partitions, usualPartitions: 1 })
  const words: string[] = []
  const another = (connectionString = url) => {
    const log = createPostgresLog({
      connectionString,
      onLog: () => {},
      onTrouble: (word) => words.push(word),
    })
    closing.push(() => log.close())
    return log
  }
  return { url, log: another(), words, another }
}

/** The same database behind a proxy. */
async function startBadNetwork(
  url: string,
  options: TcpProxyOptions = {},
): Promise<{ proxy: TcpProxy; url: string }> {
  const proxy = await startProxy({ host: '127.0.0.1', port: server.port }, options)
  closing.push(() => proxy.close())
  return { proxy, url: url.replace(/:\d+\//, `:${proxy.port}/`) }
}

const all = { type: 'all' } as const
const values = (from: number, count: number) => Array.from({ length: count }, (_, i) => `${from + i}`)

test.each(['fast', 'immediate'] as const)(
  'reading goes on after the server is stopped (%s), says that it was interrupted, and misses nothing',
  async (mode) => {
    const { log, another } = await start(2)
    const writer = another()
    await writer.append(text(0, ...values(0, 100)))
    let isBack: Promise<void> | null = null
    const { events, records } = await until(log, { scope: all }, (state) => {
      if (isBack === null && state.isCaughtUp([0, 1])) {
        isBack = (async () => {
          await server.stop(mode)
          await server.restart()
          await writer.append([...text(0, ...values(100, 100)), ...text(1, 'end')])
        })()
      }
      return state.records.length === 201
    })
    await isBack
    const own = records.filter(({ partition }) => partition === 0)
    expect(own.map(({ value }) => textOf(value))).toEqual(values(0, 200))
    expect(events.some(({ type }) => type === 'reconnected')).toBe(true)
  },
)

test('what is appended while its sessions are ended and its server is killed is acknowledged later, each record at its own place', async () => {
  const { log, url } = await start(2)
  const calls: Promise<readonly { partition: number; offset: bigint }[]>[] = []
  let isOver = false
  const harm = (async () => {
    for (let round = 0; round < 12; round++) {
      await sleep(60)
      await execute(
        url,
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      )
    }
    await server.stop('immediate')
    await server.restart()
  })().finally(() => {
    isOver = true
  })
  const sent: string[][] = []
  while (!isOver || calls.length < 10) {
    const texts = values(calls.length * 1_000, 50)
    sent.push(texts)
    calls.push(log.append(texts.flatMap((one, i) => text(i % 2, one))))
    await sleep(10)
  }
  await harm
  const answers = await Promise.all(calls)
  const picked = await log.pick(answers.flat())
  expect(picked.map((record) => textOf(record!.value))).toEqual(sent.flat())
  expect(new Set(answers.flat().map(({ partition, offset }) => `${partition} ${offset}`)).size).toBe(
    sent.flat().length,
  )
  const { records, chunks } = await until(log, { scope: all }, (state) => state.isCaughtUp([0, 1]))
  // A batch whose answer was lost may be there twice; nothing is missing, and there is no hole.
  expect(new Set(records.map(({ value }) => textOf(value)))).toEqual(new Set(sent.flat()))
  for (const partition of [0, 1]) {
    const offsets = records.filter((record) => record.partition === partition).map(({ offset }) => offset)
    expect(offsets).toEqual(offsets.map((_, i) => BigInt(i)))
  }
  expect(chunks.at(-1)!.next).toBe(chunks.at(-1)!.end)
})

test('a reader whose sessions are ended reads every record once, in order', async () => {
  const { log, another, url } = await start(1)
  const value = Buffer.alloc(2_000, 1)
  const writer = another()
  for (let i = 0; i < 5; i++) {
    await writer.append(Array.from({ length: 2_000 }, () => ({ partition: 0, key: null, value })))
  }
  let ended = 0
  const { records } = await until(log, { scope: all }, async ({ chunks, isCaughtUp }) => {
    if (chunks.length % 3 === 1) {
      ended++
      await execute(
        url,
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      )
    }
    return isCaughtUp([0])
  })
  expect(ended).toBeGreaterThan(3)
  expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 10_000 }, (_, i) => BigInt(i)))
})

test('a reader whose LISTEN is lost finds what is new by polling, and hears again once it may', async () => {
  const { url, another } = await start(1)
  const deaf = another()
  const writer = another()
  const counts: number[] = []
  const stop = new AbortController()
  const reading = (async () => {
    let count = 0
    for await (const event of deaf.read({
      scope: all,
      positions: async () => new Map(),
      signal: stop.signal,
    })) {
      if (event.type !== 'chunk') continue
      count += event.records.length
      counts.push(count)
    }
  })()
  await waitFor('it to listen', async () => {
    const { rows } = await execute(url, LISTENERS)
    return rows[0].count === 1
  })
  for (let round = 1; round <= 3; round++) {
    await execute(url, `select pg_terminate_backend(pid) from pg_stat_activity ${WHERE_LISTENS}`)
    await writer.append(text(0, `${round}`))
    await waitFor('the record', () => counts.at(-1) === round, { everyMs: 5 })
    await waitFor('it to listen again', async () => (await execute(url, LISTENERS)).rows[0].count === 1)
  }
  stop.abort()
  await reading
})

test('a reader behind a pooler that swallows what others notify of finds it by polling', async () => {
  const { url, another } = await start(1)
  const toTarget = (bytes: Buffer) => bytes
  // A piece that begins with a NotificationResponse.
  const toClient = (bytes: Buffer) => (bytes[0] === 0x41 ? Buffer.alloc(0) : bytes)
  const { url: behind } = await startBadNetwork(url, { createFilter: () => ({ toTarget, toClient }) })
  const writer = another()
  let count = 0
  const { records } = await until(another(behind), { scope: all }, async ({ chunks, records: read }) => {
    if (chunks.length > count) {
      count = chunks.length
      if (count <= 3) await writer.append(text(0, `${count}`))
    }
    return read.length === 3
  })
  expect(records.map(({ value }) => textOf(value))).toEqual(['1', '2', '3'])
})

const WHERE_LISTENS = `where datname = current_database() and query like 'listen %'`
const LISTENERS = `select count(*)::int as count from pg_stat_activity ${WHERE_LISTENS}`

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

test('the members of a group come back and have all partitions between them; one that is silent is gone', async () => {
  const { log, another, url } = await start(3)
  const { proxy, url: bad } = await startBadNetwork(url)
  const scope = (member: string) => ({ type: 'group', group: 'spindexer-faults', member }) as const
  const first = startMember(log, scope('one'))
  const cutOff = another(bad)
  const second = startMember(cutOff, scope('two'))
  const isDivided = () => [...first.partitions(), ...second.partitions()].sort().join() === '0,1,2'
  await waitFor('both to have a share', () => isDivided() && second.partitions().length > 0)
  proxy.pause()
  await waitFor('the first to have all', () => first.partitions().length === 3)
  await waitFor(
    'the second to be forgotten',
    async () => (await log.groupMembers('spindexer-faults')).join() === 'one',
  )
  proxy.resume()
  await waitFor('both to have a share again', () => first.partitions().length < 3 && isDivided())
  await first.stop()
  await second.waitFor((partitions) => partitions.length === 3, 10_000)
  await second.stop()
})

test('a network that swallows everything is noticed; closing is quick', async () => {
  const { log, another, url } = await start(1)
  const { proxy, url: bad } = await startBadNetwork(url)
  const cutOff = another(bad)
  await cutOff.append(text(0, 'a'))
  const reading = until(cutOff, { scope: all }, ({ records }) => records.length === 2)
  await sleep(300)
  proxy.pause()
  const appending = cutOff.append(text(0, 'b'))
  await sleep(500)
  proxy.cut()
  proxy.resume()
  expect((await appending).length).toBe(1)
  const { events } = await reading
  expect(events.some(({ type }) => type === 'reconnected')).toBe(true)

  proxy.pause()
  const never = expect(cutOff.append(text(0, 'c'))).rejects.toThrow(/closed/)
  await sleep(300)
  const beganMs = performance.now()
  await cutOff.close()
  await never
  expect(performance.now() - beganMs).toBeLessThan(5_000)
  expect((await log.describe()).partitions[0]!.end).toBeGreaterThanOrEqual(2n)
})

test('a server that may lose what it acknowledged is warned of; one that is not there is named, with the remedy', async () => {
  const { log, another } = await start(1)
  await execute(server.url, 'alter system set fsync = off')
  await execute(server.url, 'select pg_reload_conf()')
  await waitFor('the setting', async () => (await execute(server.url, 'show fsync')).rows[0].fsync === 'off')
  expect((await log.describe()).warnings).toEqual([expect.stringMatching(/has fsync=off: .*; turn it on/)])
  await execute(server.url, 'alter system reset fsync')
  await execute(server.url, 'select pg_reload_conf()')
  const nowhere = another('postgres://ada:hush@127.0.0.1:4/none')
  const error = await nowhere.describe().catch((caught: Error) => caught)
  expect((error as Error).message).toMatch(
    /^describing postgres log in database "none" at 127\.0\.0\.1:4: .*ECONNREFUSED.*; check that Postgres runs there/,
  )
  expect((error as Error).message).not.toContain('hush')
})
