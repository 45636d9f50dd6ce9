// Clients without manners: too much, too slow, too many, cut off in the middle. Each gets its answer, and the door stays open.

import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { parseJson } from '../../src/codec/json.ts'
import { bodyChunks } from '../../src/http/body.ts'
import { LIMITS, type Limits } from '../../src/http/limits.ts'
import { problem } from '../../src/http/problem.ts'
import { waitFor } from '../support/wait.ts'
import { connectRaw, openTestDoor, type RawClient } from './support.ts'

const MEBIBYTE = Buffer.alloc(1024 * 1024, 0x20)
/** Short enough for a test, long enough for a busy machine to do in time what it should. */
const QUICK: Partial<Limits> = { receiveMs: 1_000, idleMs: 1_000 }

interface Opened {
  readonly url: string
  readonly port: number
  readonly bugs: readonly unknown[]
  /** Bodies that were read to their end. */
  readonly whole: () => number
  /** Lets the requests at /held go. */
  readonly release: () => void
}

async function openRude(limits: Partial<Limits> = {}): Promise<Opened> {
  let whole = 0
  const held = Promise.withResolvers<void>()
  const addRoutes = (app: FastifyInstance): void => {
    app.get('/alive', async () => ({}))
    app.get('/open', { config: { isOpen: true } }, async () => ({}))
    app.get('/held', async () => {
      await held.promise
      return {}
    })
    app.get('/large', async (_request, reply) =>
      reply.type('text/plain').send(Buffer.alloc(64 * 1024 * 1024)),
    )
    app.post('/json', async (request) => {
      if (Buffer.isBuffer(request.body)) {
        const parsed = parseJson(request.body.toString('utf8'))
        if (parsed.type === 'refused') throw problem('bad-request', parsed.detail)
      } else {
        for await (const chunk of bodyChunks(request.body as never, { ...LIMITS, ...limits })) void chunk
      }
      whole++
      return {}
    })
  }
  const door = await openTestDoor({ addRoutes, limits })
  return { ...door, whole: () => whole, release: held.resolve }
}

const head = (path: string, headers: readonly string[], method = 'POST') =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`
const JSON_TYPE = 'Content-Type: application/json'
const LINES_TYPE = 'Content-Type: application/x-ndjson'
const CHUNKED = 'Transfer-Encoding: chunked'

function chunk(bytes: Buffer | string): Buffer {
  const body = Buffer.from(bytes)
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')])
}

/** Status and problem kind of the only answer that came. */
function answerOf(text: string): string {
  const kind = /"type":"urn:spindexer:problem:([\w-]+)"/.exec(text)?.[1] ?? ''
  return `${text.split(' ')[1]} ${kind}`.trim()
}

async function expectAlive({ url, bugs }: Opened): Promise<void> {
  expect((await fetch(`${url}/alive`)).status).toBe(200)
  expect(bugs).toEqual([])
}

/** Resolves when there is room for more, or something has come, or the connection is gone. */
async function write({ socket }: RawClient, bytes: Buffer): Promise<void> {
  if (socket.write(bytes)) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = (): void => resolve()
  const events = ['drain', 'data', 'close'] as const
  for (const event of events) socket.on(event, done)
  await promise
  for (const event of events) socket.off(event, done)
}

/** Writes a piece again and again, every so often, until the other side ends or there are none left. */
async function drip(client: RawClient, pieces: readonly string[], everyMs: number): Promise<void> {
  let hasEnded = false
  void client.ended.then(() => {
    hasEnded = true
  })
  for (const piece of pieces) {
    if (hasEnded) return
    client.socket.write(piece)
    await sleep(everyMs)
  }
}

describe('too much', () => {
  it('a body of a gibibyte is refused early, whether it says how long it is or not, and takes no memory', async () => {
    const door = await openRude()
    const before = process.memoryUsage().rss
    const announced = await connectRaw(door.port)
    announced.socket.write(head('/json', [JSON_TYPE, `Content-Length: ${2 ** 30}`]))
    expect(answerOf(await waitFor('an answer', () => /\}$/.test(announced.text()) && announced.text()))).toBe(
      '413 body-too-large',
    )
    const streamed = await connectRaw(door.port)
    streamed.socket.write(head('/json', [JSON_TYPE, CHUNKED]))
    const piece = chunk(MEBIBYTE)
    let sent = 0
    while (sent < 1024 && streamed.text() === '' && !streamed.socket.destroyed) {
      sent++
      await write(streamed, piece)
    }
    expect(answerOf(streamed.text())).toBe('413 body-too-large')
    expect(streamed.text()).toContain('SPINDEXER_HTTP_BODY_BYTES is the limit')
    expect(sent).toBeLessThan(256)
    expect(door.whole()).toBe(0)
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024)
    await expectAlive(door)
  })

  it('who goes on sending all the same is cut off after a while, and has its answer', async () => {
    const door = await openRude()
    const client = await connectRaw(door.port)
    client.socket.write(head('/json', [JSON_TYPE, CHUNKED]))
    const piece = chunk(MEBIBYTE)
    const sending = (async () => {
      for (let i = 0; i < 100_000 && !client.socket.destroyed; i++) await write(client, piece)
    })()
    expect(answerOf(await client.ended)).toBe('413 body-too-large')
    client.socket.destroy()
    await sending
    await expectAlive(door)
  })

  it('who asks before it sends is told before it sends', async () => {
    const door = await openRude()
    const expects = 'Expect: 100-continue'
    const refused = await connectRaw(door.port)
    refused.socket.write(head('/json', [JSON_TYPE, expects, `Content-Length: ${2 ** 30}`]))
    const text = await waitFor('an answer', () => /\}$/.test(refused.text()) && refused.text())
    expect(answerOf(text)).toBe('413 body-too-large')
    const welcome = await connectRaw(door.port)
    welcome.socket.write(head('/json', [JSON_TYPE, expects, 'Content-Length: 2', 'Connection: close']))
    await waitFor('the word to go on', () => welcome.text().startsWith('HTTP/1.1 100 Continue'))
    welcome.socket.write('{}')
    expect(await welcome.ended).toContain('HTTP/1.1 200 OK')
    await expectAlive(door)
  })

  it('JSON lines may be of any length, and are read no faster than they are used', async () => {
    const door = await openRude({ bodyBytes: 1_000 })
    const body = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 20; i++) controller.enqueue(new Uint8Array(MEBIBYTE))
        controller.close()
      },
    })
    const headers = { 'content-type': 'application/x-ndjson' }
    const response = await fetch(`${door.url}/json`, {
      method: 'POST',
      body,
      headers,
      duplex: 'half',
    } as RequestInit)
    expect([response.status, door.whole()]).toEqual([200, 1])
  })

  it('headers and addresses have an end', async () => {
    const door = await openRude({ headerBytes: 8_192 })
    const client = await connectRaw(door.port)
    client.socket.write(`GET /alive HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`)
    expect(answerOf(await client.ended)).toBe('431 headers-too-large')
    const long = await connectRaw(door.port)
    long.socket.write(`GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    expect(answerOf(await long.ended)).toBe('431 headers-too-large')
    await expectAlive(door)
  })

  it('a body where none is taken is not read', async () => {
    const door = await openRude()
    const client = await connectRaw(door.port)
    client.socket.write(head('/alive', ['Content-Length: 1000000000'], 'GET'))
    expect(answerOf(await client.ended)).toBe('400 bad-request')
    await expectAlive(door)
  })

  it('JSON that nests a million deep is refused by its depth', async () => {
    const door = await openRude()
    for (const body of [
      '['.repeat(1_000_000),
      '{"a":'.repeat(500_000),
      `${'['.repeat(65)}${']'.repeat(65)}`,
    ]) {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`${door.url}/json`, { method: 'POST', body, headers })
      expect([response.status, await response.text()]).toEqual([
        400,
        expect.stringContaining('nest too deep'),
      ])
    }
    await expectAlive(door)
  })
})

describe('too slow', () => {
  it('headers that come by the byte', async () => {
    const door = await openRude(QUICK)
    const client = await connectRaw(door.port)
    client.socket.write('GET /alive HTTP/1.1\r\nHost: localhost\r\n')
    await drip(
      client,
      Array.from({ length: 400 }, (_, i) => `X-${i}: 1\r\n`),
      25,
    )
    expect(answerOf(await client.ended)).toBe('408 timeout')
    expect(client.text()).toContain('SPINDEXER_HTTP_RECEIVE_SECONDS is the limit')
    await expectAlive(door)
  })

  it('a JSON body that comes by the byte', async () => {
    const door = await openRude(QUICK)
    const client = await connectRaw(door.port)
    client.socket.write(head('/json', [JSON_TYPE, 'Content-Length: 100000']))
    await drip(
      client,
      Array.from({ length: 400 }, () => ' '),
      25,
    )
    expect(answerOf(await client.ended)).toBe('408 timeout')
    await expectAlive(door)
  })

  it('JSON lines that stop coming; while they come, they may take their time', async () => {
    const door = await openRude(QUICK)
    const slow = await connectRaw(door.port)
    slow.socket.write(head('/json', [LINES_TYPE, CHUNKED, 'Connection: close']))
    await drip(
      slow,
      Array.from({ length: 60 }, () => '1\r\n\n\r\n'),
      50,
    )
    slow.socket.write('0\r\n\r\n')
    expect(answerOf(await slow.ended)).toBe('200')
    expect(door.whole()).toBe(1)
    const silent = await connectRaw(door.port)
    silent.socket.write(head('/json', [LINES_TYPE, CHUNKED]))
    silent.socket.write('1\r\n\n\r\n')
    expect(answerOf(await silent.ended)).toBe('408 timeout')
    expect(silent.text()).toContain('SPINDEXER_HTTP_IDLE_SECONDS is the limit')
    await expectAlive(door)
  })

  it('a connection without a request, before the first or behind the last, is not kept for ever', async () => {
    const door = await openRude({ ...QUICK, idleMs: 2_000 })
    const mute = await connectRaw(door.port)
    expect(answerOf(await mute.ended)).toBe('408 timeout')
    const idle = await connectRaw(door.port)
    idle.socket.write(head('/alive', [], 'GET'))
    expect(answerOf(await idle.ended)).toBe('200')
    // Who waits for an answer is not idle.
    const waiting = await connectRaw(door.port)
    waiting.socket.write(head('/held', ['Connection: close'], 'GET'))
    await sleep(3_500)
    door.release()
    expect(answerOf(await waiting.ended)).toBe('200')
    await expectAlive(door)
  })

  it('a client that takes nothing of its answer loses it, and its place', async () => {
    const door = await openRude({ ...QUICK, requestsMax: 1 })
    const client = await connectRaw(door.port)
    client.socket.pause()
    client.socket.write(head('/large', [], 'GET'))
    await waitFor('the place to be taken', async () => (await fetch(`${door.url}/alive`)).status === 503)
    await waitFor('the place to be free', async () => (await fetch(`${door.url}/alive`)).status === 200)
    await expectAlive(door)
  })
})

describe('cut off', () => {
  it.each([
    ['a body with a length', [JSON_TYPE, 'Content-Length: 100'], '{"a":'],
    ['a body in chunks', [JSON_TYPE, CHUNKED], '5\r\n{"a":\r\n'],
    ['JSON lines in chunks', [LINES_TYPE, CHUNKED], '5\r\n{"a":\r\n'],
    ['JSON lines with a length', [LINES_TYPE, 'Content-Length: 100'], '{"a":'],
    ['in the middle of a chunk', [LINES_TYPE, CHUNKED], '50\r\n{"a":'],
  ])('%s', async (_name, headers, part) => {
    const door = await openRude()
    const closed = await connectRaw(door.port)
    closed.socket.end(head('/json', headers) + part)
    expect(answerOf(await closed.ended)).toBe('400 bad-request')
    const gone = await connectRaw(door.port)
    gone.socket.write(head('/json', headers) + part)
    await sleep(20)
    gone.socket.resetAndDestroy()
    await expectAlive(door)
    expect(door.whole()).toBe(0)
  })

  it('chunks that are none, and a length beside chunks', async () => {
    const door = await openRude()
    const broken = await connectRaw(door.port)
    broken.socket.write(`${head('/json', [JSON_TYPE, CHUNKED])}zz\r\n`)
    expect(answerOf(await broken.ended)).toBe('400 bad-request')
    const smuggled = await connectRaw(door.port)
    smuggled.socket.write(`${head('/json', [JSON_TYPE, CHUNKED, 'Content-Length: 5'])}0\r\n\r\n`)
    expect(answerOf(await smuggled.ended)).toBe('400 bad-request')
    await expectAlive(door)
  })
})

describe('too many', () => {
  it('requests in a second: told when to come again; health is answered all the same', async () => {
    const door = await openRude({ requestsPerSecond: 5 })
    const answers = await Promise.all(Array.from({ length: 40 }, () => fetch(`${door.url}/alive`)))
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(10)
    expect(refused[0]!.headers.get('retry-after')).toBe('1')
    expect(await refused[0]!.text()).toContain('SPINDEXER_HTTP_REQUESTS_PER_SECOND is the limit')
    expect((await fetch(`${door.url}/open`)).status).toBe(200)
    await waitFor('a new second', async () => (await fetch(`${door.url}/alive`)).status === 200)
  })

  it('requests at once: the others go on, and a place is free again however its request ended', async () => {
    const door = await openRude({ requestsMax: 2 })
    const abandoned = await connectRaw(door.port)
    abandoned.socket.write(head('/held', [], 'GET'))
    const kept = fetch(`${door.url}/held`)
    await waitFor('both places to be taken', async () => (await fetch(`${door.url}/alive`)).status === 503)
    const refused = await fetch(`${door.url}/alive`)
    expect([refused.headers.get('retry-after'), await refused.text()]).toEqual([
      '1',
      expect.stringContaining('SPINDEXER_HTTP_REQUESTS_MAX is the limit'),
    ])
    expect((await fetch(`${door.url}/open`)).status).toBe(200)
    abandoned.socket.destroy()
    await waitFor('a place to be free', async () => (await fetch(`${door.url}/alive`)).status === 200)
    door.release()
    expect((await kept).status).toBe(200)
    for (let i = 0; i < 20; i++) {
      expect((await fetch(`${door.url}/none`)).status).toBe(404)
      expect(
        (
          await fetch(`${door.url}/json`, {
            method: 'POST',
            body: 'x',
            headers: { 'content-type': 'application/json' },
          })
        ).status,
      ).toBe(400)
    }
    await expectAlive(door)
  })

  it('streams at once have places of their own', async () => {
    const door = await openRude({ streamsMax: 1, requestsMax: 1 })
    const first = await connectRaw(door.port)
    first.socket.write(head('/json', [LINES_TYPE, CHUNKED]))
    const post = () =>
      fetch(`${door.url}/json`, {
        method: 'POST',
        body: '\n',
        headers: { 'content-type': 'application/x-ndjson' },
      })
    await waitFor('the place to be taken', async () => (await post()).status === 503)
    expect(await (await post()).text()).toContain('SPINDEXER_HTTP_STREAMS_MAX is the limit')
    await expectAlive(door)
    first.socket.destroy()
    await waitFor('the place to be free', async () => (await post()).status === 200)
  })
})
