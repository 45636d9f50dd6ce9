// The frame of the door: every refusal is a problem document that names the thing, the reason and the remedy.

import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { bodyChunks } from '../../src/http/body.ts'
import { LIMITS } from '../../src/http/limits.ts'
import { addOpenapiRoute } from '../../src/http/openapi.ts'
import { problem } from '../../src/http/problem.ts'
import { connectRaw, openTestDoor } from './support.ts'

const READ = 'reading-token-0123456789'
const WRITE = 'writing-token-0123456789'

/** One route of each kind. */
function addTestRoutes(app: FastifyInstance): void {
  app.get(
    '/things/:id',
    {
      schema: {
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: { n: { type: 'integer', minimum: 1 } },
        },
      },
    },
    async (request) => ({
      id: (request.params as { id: string }).id,
      big: 9_007_199_254_740_993n,
    }),
  )
  app.get('/open', { config: { isOpen: true } }, async () => ({}))
  app.get('/bug', async () => {
    throw new Error('secret particulars')
  })
  app.get('/slow', async () => {
    await sleep(300)
    return {}
  })
  app.post('/things', async (request) => {
    if (Buffer.isBuffer(request.body)) return { bytes: request.body.length }
    let bytes = 0
    for await (const chunk of bodyChunks(request.body as never, LIMITS)) {
      bytes += chunk.length
      if (chunk.includes('stop')) throw problem('bad-request', 'stopped in the middle')
    }
    return { bytes }
  })
  addOpenapiRoute(app)
}

async function answerOf(response: Response) {
  const text = await response.text()
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    text,
    json: text === '' ? null : JSON.parse(text),
  }
}

describe('the frame of the door', () => {
  it('answers with exact numbers and a request id', async () => {
    const { url } = await openTestDoor({ addRoutes: addTestRoutes })
    const response = await fetch(`${url}/things/a%2Fb?n=3`)
    expect(response.headers.get('request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(await response.text()).toBe('{"id":"a/b","big":9007199254740993}')
  })

  it('refuses what is wrong with a problem document', async () => {
    const { url, bugs } = await openTestDoor({ addRoutes: addTestRoutes })
    const post = (type: string | null, body: string) =>
      fetch(`${url}/things`, {
        method: 'POST',
        body: Buffer.from(body),
        headers: type === null ? {} : { 'content-type': type },
      })
    const cases: readonly [Promise<Response>, number, string][] = [
      [fetch(`${url}/nothing`), 404, 'not-found'],
      [fetch(`${url}/things`), 405, 'method-not-allowed'],
      [
        fetch(`${url}/things/x`, { method: 'DELETE', headers: { 'content-type': 'application/json' } }),
        405,
        'method-not-allowed',
      ],
      [fetch(`${url}/things/x?n=0`), 400, 'invalid-parameter'],
      [fetch(`${url}/things/x?m=1`), 400, 'invalid-parameter'],
      [fetch(`${url}/things/%zz`), 400, 'bad-request'],
      [fetch(`${url}/things/${'x'.repeat(9_000)}`), 414, 'uri-too-long'],
      [post('text/plain', '{}'), 415, 'unsupported-media-type'],
      [post(null, '{}'), 415, 'unsupported-media-type'],
      [post('application/x-www-form-urlencoded', 'a=b'), 415, 'unsupported-media-type'],
      [post('application/x-ndjson', 'stop'), 400, 'bad-request'],
      [fetch(`${url}/bug`), 500, 'internal-error'],
    ]
    for (const [asked, status, kind] of cases) {
      const answer = await answerOf(await asked)
      expect([answer.status, answer.type, answer.json.type], answer.text).toEqual([
        status,
        'application/problem+json',
        `urn:spindexer:problem:${kind}`,
      ])
      expect(answer.json.status).toBe(status)
      expect(answer.text).not.toContain('secret')
    }
    expect(bugs.map(String)).toEqual(['Error: secret particulars'])
    const wrong = await fetch(`${url}/things`)
    expect(wrong.headers.get('allow')).toBe('POST')
  })

  it('takes JSON and JSON lines', async () => {
    const { url } = await openTestDoor({ addRoutes: addTestRoutes })
    for (const type of ['application/json', 'application/json; charset=utf-8', 'application/x-ndjson']) {
      const response = await fetch(`${url}/things`, {
        method: 'POST',
        body: '{"a":1}\n',
        headers: { 'content-type': type },
      })
      expect(await response.text()).toBe('{"bytes":8}')
    }
  })

  it('takes a JSON body up to its limit', async () => {
    const { url } = await openTestDoor({ addRoutes: addTestRoutes })
    const post = (bytes: number) =>
      fetch(`${url}/things`, {
        method: 'POST',
        body: new Uint8Array(bytes),
        headers: { 'content-type': 'application/json' },
      })
    expect(await (await post(LIMITS.bodyBytes)).text()).toBe(`{"bytes":${LIMITS.bodyBytes}}`)
    expect((await post(LIMITS.bodyBytes + 1)).status).toBe(413)
  })

  it('gives a web page nothing: no header allows another site, and what a page may send is refused', async () => {
    const { url } = await openTestDoor({ addRoutes: addTestRoutes })
    const origin = { origin: 'https://evil.test', 'access-control-request-method': 'POST' }
    const answers = await Promise.all([
      fetch(`${url}/things`, { method: 'OPTIONS', headers: origin }),
      fetch(`${url}/things/x`, { headers: origin }),
      fetch(`${url}/things`, { method: 'POST', body: '{}', headers: origin }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([405, 200, 415])
    for (const { headers } of answers) {
      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })

  it('asks for tokens', async () => {
    const status = async (tokens: { read: string[]; write: string[] }, token: string | null) => {
      const { url } = await openTestDoor({ addRoutes: addTestRoutes, tokens })
      const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
      const answers = await Promise.all([
        fetch(`${url}/open`, { headers }),
        fetch(`${url}/things/x`, { headers }),
        fetch(`${url}/nothing`, { headers }),
        fetch(`${url}/things`, {
          method: 'POST',
          body: '{}',
          headers: { ...headers, 'content-type': 'application/json' },
        }),
      ])
      for (const answer of answers) {
        expect(answer.headers.has('www-authenticate')).toBe(answer.status === 401 || answer.status === 403)
      }
      return answers.map((answer) => answer.status)
    }
    const both = { read: [READ, 'rotated-token-0123456789'], write: [WRITE] }
    expect(await status(both, null)).toEqual([200, 401, 401, 401])
    expect(await status(both, 'wrong-token-0123456789')).toEqual([200, 401, 401, 401])
    expect(await status(both, READ)).toEqual([200, 200, 404, 403])
    expect(await status(both, 'rotated-token-0123456789')).toEqual([200, 200, 404, 403])
    expect(await status(both, WRITE)).toEqual([200, 200, 404, 200])
    expect(await status({ read: [READ], write: [] }, READ)).toEqual([200, 200, 404, 200])
    expect(await status({ read: [READ], write: [] }, null)).toEqual([200, 401, 401, 401])
    expect(await status({ read: [], write: [WRITE] }, null)).toEqual([200, 200, 404, 401])
    expect(await status({ read: [], write: [] }, null)).toEqual([200, 200, 404, 200])
  })

  it('answers to the names of this machine alone', async () => {
    const { port } = await openTestDoor({ addRoutes: addTestRoutes, allowedHosts: ['node.test'] })
    const status = async (host: string | null) => {
      const client = await connectRaw(port)
      client.socket.write(
        `GET /things/x HTTP/1.1\r\n${host === null ? '' : `Host: ${host}\r\n`}Connection: close\r\n\r\n`,
      )
      return Number((await client.ended).split(' ')[1])
    }
    for (const host of [
      '127.0.0.1',
      'localhost',
      `LOCALHOST:${port}`,
      '[::1]:1',
      '127.8.8.8',
      'node.test:80',
      'localhost.',
    ]) {
      expect([host, await status(host)]).toEqual([host, 200])
    }
    for (const host of ['evil.test', '127.0.0.1.evil.test', 'localhost.evil.test', '', 'a b', '10.0.0.1']) {
      expect([host, await status(host)]).toEqual([host, 421])
    }
    expect(await status(null)).toBe(400)
  })
})
