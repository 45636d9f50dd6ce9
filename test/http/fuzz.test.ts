// Whatever is sent, as a body, as an address or as bytes that only look like HTTP: it is answered or hung up on, and the door stays open.

import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { parseJson } from '../../src/codec/json.ts'
import { bodyChunks } from '../../src/http/body.ts'
import { LIMITS } from '../../src/http/limits.ts'
import { problem } from '../../src/http/problem.ts'
import { addRoutes } from '../../src/http/routes.ts'
import { mutateBytes, randomBytes } from '../fuzz/mutate.ts'
import { randomOf } from '../fuzz/target.ts'
import { below, one, type Random } from '../sim/world.ts'
import { anyText } from '../support/edges.ts'
import { announceSeed } from '../support/seed.ts'
import { soaked } from '../support/soak.ts'
import { recordsOf } from '../writer/support.ts'
import { openLive } from './live-node.ts'
import { fillStore, memoryStore, portsOf } from './memory-node.ts'
import { connectRaw, openTestDoor, type TestDoor } from './support.ts'

const seed = announceSeed('test/http/fuzz.test.ts')
const AT_ONCE = 8

const NO_LIMITS = {
  requestsPerSecond: 1_000_000_000,
  requestsMax: 1_000,
  streamsMax: 1_000,
  receiveMs: 2_000,
  idleMs: 2_000,
}

async function openWhole(): Promise<TestDoor> {
  const store = memoryStore()
  await fillStore(store)
  return openTestDoor({
    limits: NO_LIMITS,
    addRoutes(app) {
      addRoutes(app, portsOf(store))
      addEcho(app)
    },
  })
}

/** Takes both kinds of bodies, as routes that write do. */
function addEcho(app: FastifyInstance): void {
  app.post('/echo', async (request) => {
    const bodies: Buffer[] = []
    if (Buffer.isBuffer(request.body)) bodies.push(request.body)
    else for await (const chunk of bodyChunks(request.body as never, LIMITS)) bodies.push(chunk)
    const parsed = parseJson(Buffer.concat(bodies).toString('utf8'))
    if (parsed.type === 'refused') {
      throw problem('bad-request', parsed.detail, { where: [{ in: 'body', at: '', detail: parsed.detail }] })
    }
    return { taken: true }
  })
}

/** Runs `each` for every number below `count`, some at once. */
async function repeat(count: number, each: (random: Random, i: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const i = next++
      try {
        await each(randomOf(seed, i), i)
      } catch (error) {
        throw new Error(`input ${i} of seed ${seed}`, { cause: error })
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** The text of the answer. */
async function expectAnswer(response: Response, statuses: readonly number[]): Promise<string> {
  const text = await response.text()
  expect(statuses, text).toContain(response.status)
  expect(response.headers.get('request-id')).toMatch(/^[0-9a-f-]{36}$/)
  if (response.status < 400) return text
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const { type, status, title, detail } = JSON.parse(text)
  expect([status, typeof title, typeof detail]).toEqual([response.status, 'string', 'string'])
  expect(type).toMatch(/^urn:spindexer:problem:[a-z-]+$/)
  return text
}

async function expectAlive({ url, bugs }: TestDoor): Promise<void> {
  expect(bugs).toEqual([])
  expect((await fetch(`${url}/v1/datasets/tracks/rows/t1`)).status).toBe(200)
}

const BODIES = [
  '{"dataset":"tracks","operation":"upsert","data":{"id":"t1","plays":9007199254740993}}',
  '[{"dataset":"tracks","operation":"delete","data":{"id":"t1"}},{"dataset":"tracks","operation":"update","data":{"id":"t2","title":"x"}}]',
  '{"dataset":"tracks","operation":"upsert","data":{"id":"a"}}\n{"dataset":"tracks","operation":"upsert","data":{"id":"b","plays":1}}\n',
  '[{"a":[1,2,{"b":null}]},"\\u0000\\ud800",1e400,-0]',
  '{"__proto__":{"a":1},"constructor":{"prototype":{}}}',
  '{"a":1}\n{"a":2}\n',
].map((text) => Buffer.from(text))
const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'application/x-ndjson',
  'APPLICATION/JSON',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json, text/plain',
  'application/jsonx',
  '',
]

function randomBody(random: Random): Buffer {
  switch (below(random, 4)) {
    case 0:
      return randomBytes(random, below(random, one(random, [2, 40, 5_000])))
    case 1:
      return Buffer.from(anyText(random, below(random, 60)))
    case 2:
      return Buffer.from(
        one(random, ['[', '{"a":', '[{"a":[', '"', '1']).repeat(below(random, one(random, [3, 70, 3_000]))),
      )
    default:
      return mutateBytes(random, one(random, BODIES), BODIES)
  }
}

describe('the door under fire', () => {
  it('10,000 random bodies of mutations: each is taken or refused with a problem, and the log holds what was answered', async () => {
    const door = await openLive({ limits: NO_LIMITS })
    const counts = new Map<number, number>()
    let durable = 0
    await repeat(soaked(10_000), async (random) => {
      const type = random() < 0.8 ? one(random, TYPES.slice(0, 3)) : one(random, TYPES)
      const response = await fetch(`${door.url}/v1/mutations`, {
        method: 'POST',
        body: new Uint8Array(randomBody(random)),
        headers: type === '' ? {} : { 'content-type': type },
      })
      counts.set(response.status, (counts.get(response.status) ?? 0) + 1)
      const text = await expectAnswer(response, [200, 400, 415, 422])
      const answer = JSON.parse(text) as { durable?: number; ids?: unknown[] }
      // JSON is taken whole or not at all; of lines those before the first bad one are taken, and named.
      if (response.ok) expect(answer.ids).toHaveLength(answer.durable!)
      else if (!type.includes('ndjson')) expect(answer.durable ?? 0).toBe(0)
      durable += answer.durable ?? 0
    })
    for (const status of [200, 400, 415, 422]) {
      expect([status, (counts.get(status) ?? 0) > 100]).toEqual([status, true])
    }
    expect(await recordsOf(door.log)).toHaveLength(durable)
    await door.caughtUp()
    const sets = [...door.database.partitions.values()]
    expect(sets.reduce((sum, { merged }) => sum + merged, 0n)).toBe(BigInt(durable))
    expect(door.bugs).toEqual([])
  })

  it('random addresses, queries, methods and headers: each has its answer', async () => {
    const door = await openWhole()
    const words = [
      'v1',
      'datasets',
      'rows',
      'tracks',
      'pairs',
      'numbers',
      'flags',
      't1',
      'openapi.json',
      'status',
      'readyz',
      '%2F',
      ',',
      '%',
      '%00',
      '%ff',
      '..',
      ' ',
      'limit=3',
      '?',
      '&',
      'after=',
      'include=stamps',
      '=',
      '#',
      '\\',
      '"',
      '[]',
      '{',
      '\u{10000}',
      '9'.repeat(30),
    ]
    const shapes = [
      '/v1/datasets/@/rows/@',
      '/v1/datasets/@/rows?limit=@',
      '/v1/datasets/@/rows?after=@',
      '/v1/datasets/@/rows/@?include=@',
      '/@/@',
      '/@',
    ]
    await repeat(soaked(3_000), async (random) => {
      const path = one(random, shapes).replaceAll('@', () =>
        random() < 0.6
          ? one(random, words)
          : Array.from({ length: below(random, 5) }, () => one(random, words)).join(
              one(random, ['', '/', ',']),
            ),
      )
      const method =
        random() < 0.7
          ? 'GET'
          : one(random, ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND', 'QUERY'])
      const headers: Record<string, string> = {
        accept: anyLatin(random),
        range: anyLatin(random),
        'accept-version': '9',
        'if-none-match': '*',
      }
      if (random() < 0.3) headers['content-type'] = one(random, TYPES)
      const response = await fetch(`${door.url}${path}`, { method, headers, redirect: 'error' })
      if (method === 'HEAD') await response.text()
      else await expectAnswer(response, [200, 400, 404, 405, 414, 415, 503])
    })
    await expectAlive(door)
  })

  it('bytes that are no HTTP, or nearly: an answer or the end of the connection', async () => {
    const door = await openWhole()
    const corpus = [
      'GET /v1/datasets/tracks/rows/t1?include=stamps HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n',
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}',
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"a":1}\n\r\n0\r\n\r\n',
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
      'OPTIONS * HTTP/1.1\r\nHost: [::1]\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n',
      'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
    ].map((text) => Buffer.from(text, 'latin1'))
    const answers = new Map<string, number>()
    await repeat(soaked(3_000), async (random) => {
      const client = await connectRaw(door.port)
      const kind = random()
      const bytes =
        kind < 0.05
          ? randomBytes(random, below(random, 400))
          : kind < 0.2
            ? // As they are: that a door under fire still answers must not hang on luck.
              one(random, corpus)
            : mutateBytes(random, one(random, corpus), corpus)
      client.socket.end(bytes)
      const text = await client.ended
      client.socket.destroy()
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? (text === '' ? 'none' : 'other')
      answers.set(status, (answers.get(status) ?? 0) + 1)
      expect(['none', '100', '200', '400', '404', '405', '408', '413', '415', '417', '421', '431']).toContain(
        status,
      )
    })
    expect(answers.get('200') ?? 0).toBeGreaterThan(20)
    expect(answers.get('400') ?? 0).toBeGreaterThan(20)
    await expectAlive(door)
  })
})

/** Any text that a header may hold. */
function anyLatin(random: Random): string {
  return Array.from({ length: below(random, 30) }, () => String.fromCharCode(0x20 + below(random, 0x5f)))
    .join('')
    .trim()
}
