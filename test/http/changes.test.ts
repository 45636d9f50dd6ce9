// The stream of changes: what the node has applied, never ahead of it, and nothing lost however often a client comes back.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { below, createRandom, one } from '../sim/world.ts'
import { announceSeed } from '../support/seed.ts'
import { type EventClient, openEvents, type ServerEvent } from './event-stream.ts'
import { LINES, type LiveNode, openLive, upsertJson } from './live-node.ts'
import { connectRaw } from './support.ts'
import { tracksWith } from './writing.ts'

const SEED = announceSeed('test/http/changes.test.ts')

async function open(
  node: { readonly url: string },
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<EventClient> {
  const client = await openEvents(node.url, query, headers)
  onTestFinished(() => client.close())
  return client
}

const placeOf = ({ data }: ServerEvent): string => `${data.partition}/${data.offset}`
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => upsertJson(`t${(from + i) % 50}`, { plays: from + i })).join(
    '\n',
  )

/** Every change that the log holds, by its place. */
async function placesOf({ log }: LiveNode): Promise<readonly string[]> {
  const { partitions } = await log.describe()
  return partitions.flatMap(({ partition, end }) =>
    Array.from({ length: Number(end) - 1 }, (_, i) => `${partition}/${i + 1}`),
  )
}

function mutationRecord(dataset: string, columns: Record<string, Value>, aheadMs = 0) {
  const stamp = createStamp(BigInt(Date.now() + aheadMs) * 1_000_000n, 'cccccccccccccccc' as Origin)
  const avro = encodeMutation({
    ...{ stamp, seq: null, operation: 'update', dataset, key: ['k'] },
    columns: new Map(Object.entries(columns)),
  })
  return { partition: 0, key: null, value: frameSingleObject(avro) }
}

describe('GET /v1/changes', () => {
  it('tells what was applied, and what was parked, exactly', async () => {
    const node = await openLive({ partitions: 1 })
    const client = await open(node)
    const { json } = await node.post(
      '{"dataset":"tracks","operation":"upsert","data":{"id":"t\\n1","title":null,"plays":9007199254740993}}',
    )
    const [id] = json.ids
    await node.log.append([
      mutationRecord('later', { a: 1n, b: new Uint8Array([1, 2]) }),
      mutationRecord('tracks', { title: 'x' }, 600_000),
      { partition: 0, key: null, value: Buffer.from('rubbish') },
    ])
    await node.post('{"dataset":"tracks","operation":"delete","data":{"id":"t\\n1"}}')
    const [merged, parked, deleted] = await client.until(3)
    expect(merged).toMatchObject({
      type: 'change',
      data: {
        ...{ dataset: 'tracks', operation: 'upsert', key: { id: 't\n1' }, status: 'merged' },
        ...{ stamp: id.stamp, origin: id.stamp.slice(16), partition: 0, offset: id.offset },
        timestamp: expect.stringMatching(/^20\d\d-.*\.\d{9}Z$/),
        data: { title: null },
      },
    })
    expect(parked!.data).toMatchObject({
      ...{ dataset: 'later', operation: 'update', key: ['k'], data: { a: 1, b: 'AQI=' } },
      ...{ status: 'parked', reason: 'unknown-dataset' },
    })
    expect(deleted!.data).toMatchObject({ operation: 'delete', data: {}, status: 'merged' })
    await sleep(20)
    expect(client.events.length).toBe(3)
    const raw = await (await open(node, '?from=start')).until(4)
    expect(raw[0]).toMatchObject({
      type: 'definition',
      data: { name: 'tracks', fields: ['id', 'title', 'plays'] },
    })
    expect(node.bugs).toEqual([])
  })

  it('tells of a definition when what it cures is in the tables', async () => {
    const node = await openLive()
    const client = await open(node)
    await node.log.append([mutationRecord('tracks', { late: 'x' })])
    expect((await client.until(1))[0]!.data).toMatchObject({ status: 'parked', reason: 'unknown-column' })
    await node.define(tracksWith('late'))
    const definition = (await client.until(2))[1]!
    expect(definition).toMatchObject({ type: 'definition', data: { name: 'tracks', offset: 2 } })
    expect(node.database.parked.size).toBe(0)
    await node.log.append([mutationRecord('tracks', { late: 'y' })])
    expect((await client.until(3))[2]!.data).toMatchObject({ status: 'merged', data: { late: 'y' } })
  })

  it('is never ahead of the node', async () => {
    let isHeld = false
    const held = Promise.withResolvers<void>()
    const node = await openLive({
      store: (store) => ({
        ...store,
        async commit(batch) {
          if (isHeld) await held.promise
          return store.commit(batch)
        },
      }),
    })
    const client = await open(node)
    await node.post(upsertJson('a', { plays: 1 }))
    await client.until(1)
    isHeld = true
    await node.post(lines(0, 100), '', LINES)
    await sleep(100)
    expect(client.events.length).toBe(1)
    held.resolve()
    await client.until(101)
  })

  it('whoever hears of a change can read it', async () => {
    const node = await openLive({ partitions: 3, workers: 2 })
    const client = await open(node)
    for (let i = 0; i < 30; i++) {
      await node.post(upsertJson(`t${i % 7}`, { plays: i }))
      const { data } = (await client.until(i + 1))[i]!
      const response = await fetch(`${node.url}/v1/datasets/tracks/rows/${data.key.id}`)
      expect(await response.json()).toEqual({ row: { id: data.key.id, title: null, plays: i } })
    }
  })

  it.each([1, 2, 3])('loses nothing, however often a client comes back (round %i)', async (round) => {
    const random = createRandom((SEED + round) >>> 0)
    // A ring of a few chunks: some come back in time for it, others read the log themselves.
    const ringBytes = one(random, [2_000, 50_000, 16 * 1024 * 1024])
    const node = await openLive({
      ...{ partitions: 1 + below(random, 4), workers: 1 + below(random, 2) },
      ...{ ringBytes, chunkRecords: 1 + below(random, 300), limits: { requestsPerSecond: 100_000 } },
    })
    let isWriting = true
    const writing = (async () => {
      for (let i = 0; i < 3_000; ) {
        const count = 1 + below(random, 200)
        await node.post(lines(i, i + count), '', LINES)
        i += count
        if (random() < 0.3) await sleep(below(random, 20))
      }
      isWriting = false
    })()
    const walk = async (): Promise<void> => {
      const seen = new Map<string, number>()
      let id: string | null = null
      let most = 0
      for (let connections = 0; connections < 400; connections++) {
        const byHeader: boolean = random() < 0.5
        const query: string = id === null ? '?from=start' : byHeader ? '' : `?after=${id}`
        const headers: Record<string, string> = id !== null && byHeader ? { 'last-event-id': id } : {}
        // One that the smallest ring cannot serve is let go at once, and comes back.
        const client: EventClient | null = await openEvents(node.url, query, headers).catch((error) => {
          if (error.code !== 'ECONNRESET') throw error
          return null
        })
        if (client === null) continue
        const wanted = 1 + below(random, 400)
        const total = isWriting ? Number.POSITIVE_INFINITY : (await placesOf(node)).length
        for (let waits = 0; client.events.length < wanted && waits < 200; waits++) {
          if (seen.size + client.events.length >= total && waits > 20) break
          await sleep(2)
        }
        client.close()
        const changes = client.events.filter(({ type }) => type === 'change')
        const repeated = changes.filter((event) => seen.has(placeOf(event)))
        // What came behind the last id that was received comes again, and nothing else.
        most = Math.max(most, repeated.length)
        for (const event of changes) seen.set(placeOf(event), (seen.get(placeOf(event)) ?? 0) + 1)
        id = client.lastId() ?? id
        if (!isWriting && seen.size === (await placesOf(node)).length) break
      }
      expect([...seen.keys()].sort()).toEqual([...(await placesOf(node))].sort())
      expect(most).toBeLessThanOrEqual(200)
    }
    await Promise.all([writing, walk(), walk(), walk()])
    expect(node.bugs).toEqual([])
  })

  it('tells one dataset alone, and moves its id all the same', async () => {
    const node = await openLive({ beatMs: 50 })
    const client = await open(node, '?dataset=albums')
    await node.post(lines(0, 20), '?wait=applied', LINES)
    await expect.poll(() => client.lastId()).not.toBeNull()
    expect(client.events).toEqual([])
    expect(client.comments()).toBeGreaterThan(0)
    const behind = await open(node, `?after=${client.lastId()}`)
    await node.post(upsertJson('new'))
    expect((await behind.until(1))[0]!.data.key).toEqual({ id: 'new' })
  })

  it('refuses an id that is none, of another log, or of a time to come', async () => {
    const node = await openLive()
    const client = await open(node)
    await node.post(upsertJson('a'))
    await client.until(1)
    const id = client.lastId()!
    const refusal = (query: string, headers = {}) =>
      open(node, query, headers).then(
        () => 'a stream',
        (error: { message: string }) => error.message,
      )
    expect(await refusal('?after=nonsense')).toMatch(/^400: .*it is no id of an event/)
    expect(await refusal(`?after=${id}.1`)).toMatch(/^400: .*of a log of 3 partitions/)
    expect(await refusal(`?after=${id}zz`)).toMatch(/^400: .*it is of a time to come/)
    expect(await refusal('', { 'last-event-id': `${'A'.repeat(22)}${id.slice(22)}` })).toMatch(
      /^410: .*urn:spindexer:problem:position-gone/,
    )
    expect(await refusal('?dataset=_')).toMatch(/^400/)
    expect(await refusal('?from=end')).toMatch(/^400/)
    expect(node.bugs).toEqual([])
  })

  it('lets go of a client that does not read, and keeps nothing for it', async () => {
    const node = await openLive({ ringBytes: 256 * 1024, limits: { idleMs: 1_000 } })
    const slow = await connectRaw(node.port)
    slow.socket.write('GET /v1/changes HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await expect.poll(() => slow.text()).toContain('retry:')
    slow.socket.pause()
    const title = 'x'.repeat(10_000)
    for (let i = 0; i < 200; i++) {
      await node.post(`[${Array.from({ length: 10 }, (_, n) => upsertJson(`t${n}`, { title })).join(',')}]`)
      if (i % 20 === 19) await sleep(50)
    }
    await sleep(1_500)
    slow.socket.resume()
    await slow.ended
    expect(slow.text().length).toBeLessThan(16 * 1024 * 1024)
    const response = await fetch(`${node.url}/healthz`)
    expect(response.status).toBe(200)
  })

  it('serves 200 clients from one reading, and refuses more than it may have', async () => {
    let readings = 0
    const node = await openLive({
      limits: { streamsMax: 200 },
      doorLog: (log) => ({
        ...log,
        read(options) {
          if (options.scope.type === 'all') readings++
          return log.read(options)
        },
      }),
    })
    const clients = await Promise.all(Array.from({ length: 200 }, () => open(node)))
    await expect(open(node)).rejects.toThrow(/^503: .*SPINDEXER_HTTP_STREAMS_MAX/)
    // Lines would be a stream too many.
    const array = (from: number) => `[${lines(from, from + 50).replaceAll('\n', ',')}]`
    for (let i = 0; i < 10; i++) expect((await node.post(array(i * 50))).status).toBe(200)
    for (const client of clients) await client.until(500)
    expect(readings).toBe(1)
    const [first, ...others] = clients.map(({ events }) => events.map(placeOf))
    for (const other of others) expect(other).toEqual(first)
    for (const client of clients) client.close()
    // Once nobody listens, nothing is read; the next one begins where the ring ends.
    await sleep(100)
    await node.post(lines(0, 5), '?wait=applied', LINES)
    const again = await open(node, `?after=${clients[0]!.lastId()}`)
    await again.until(5)
    expect(readings).toBe(2)
  })

  it('ends when the door closes', async () => {
    const node = await openLive()
    const client = await open(node)
    await node.post(upsertJson('a'))
    await client.until(1)
    await node.close()
    await expect.poll(() => client.hasEnded()).toBe(true)
  })
})
