// A log in Postgres whose server and connections misbehave: nothing is lost, and people are told.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { waitFor } from '../support/wait.ts'
import { startMember } from './member.ts'
import { execute } from './postgres-admin.ts'
import { serverForTests } from './postgres-server.ts'
import { until } from './reading.ts'
import { text, textOf } from './samples.ts'

const { server, start, startBadNetwork } = serverForTests()
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
          await server().stop(mode)
          await server().restart()
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
    await server().stop('immediate')
    await server().restart()
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
  await execute(server().url, 'alter system set fsync = off')
  await execute(server().url, 'select pg_reload_conf()')
  await waitFor(
    'the setting',
    async () => (await execute(server().url, 'show fsync')).rows[0].fsync === 'off',
  )
  expect((await log.describe()).warnings).toEqual([expect.stringMatching(/has fsync=off: .*; turn it on/)])
  await execute(server().url, 'alter system reset fsync')
  await execute(server().url, 'select pg_reload_conf()')
  const nowhere = another('postgres://ada:hush@127.0.0.1:4/none')
  const error = await nowhere.describe().catch((caught: Error) => caught)
  expect((error as Error).message).toMatch(
    /^describing postgres log in database "none" at 127\.0\.0\.1:4: .*ECONNREFUSED.*; check that Postgres runs there/,
  )
  expect((error as Error).message).not.toContain('hush')
})
