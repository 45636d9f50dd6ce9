// Registries that are away, ill, or none at all: the writer is told so within a bounded time, and never given a wrong id.

import { createServer, request, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { afterAll, expect, test } from 'vitest'
import { registerMutationSchema } from '../../src/writer/registry.ts'
import { createAuthority } from '../support/certificates.ts'
import { registry, uniqueTopic } from '../support/services.ts'

const servers: Server[] = []
afterAll(() => {
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
})

async function start(answer: (response: ServerResponse) => void): Promise<string> {
  const started = createServer((_request, response) => answer(response))
  servers.push(started)
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  const address = started.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

const answers: readonly [string, (response: ServerResponse) => void][] = [
  ['answers 500', (response) => response.writeHead(500).end('{"error_code":50001,"message":"backend"}')],
  [
    'answers 503 in HTML',
    (response) => response.writeHead(503, { 'content-type': 'text/html' }).end('<html>'),
  ],
  [
    'is a web page',
    (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome</html>'),
  ],
  ['is a web server without this path', (response) => response.writeHead(404).end('<html>Not found</html>')],
  ['answers JSON of another kind', (response) => response.writeHead(200).end('{"ok":true}')],
  [
    'gives an id that is no number',
    (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"seven"}'),
  ],
  [
    'gives an id that does not fit four bytes',
    (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":4294967296}'),
  ],
  ['asks for a password', (response) => response.writeHead(401).end()],
  ['never answers', () => {}],
  [
    'stops in the middle of an answer',
    (response) =>
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 9 }).write('{"id'),
  ],
]

test.concurrent.each(answers)('a registry that %s', async (_name, answer) => {
  const url = await start(answer)
  const began = performance.now()
  const registered = await registerMutationSchema(url, 'a-value')
  expect(registered).toMatchObject({
    type: 'refused',
    what: expect.stringContaining(url),
    remedy: expect.stringContaining('SCHEMA_REGISTRY_URL'),
  })
  expect(performance.now() - began).toBeLessThan(40_000)
})

test('a registry that is not there', async () => {
  expect(await registerMutationSchema('http://127.0.0.1:1', 'a-value')).toMatchObject({
    type: 'refused',
    remedy: expect.stringContaining('SCHEMA_REGISTRY_URL'),
  })
})

test('a real registry behind TLS and a password', async () => {
  const authority = createAuthority('Authority of the test')
  const { certificate, key } = authority.issue({ name: 'registry', hosts: ['localhost'] })
  const target = new URL((await registry()).url)
  const front = createTlsServer({ cert: certificate, key }, (incoming, response) => {
    if (incoming.headers.authorization !== `Basic ${btoa('ada:hush:/@')}`) {
      return void response.writeHead(401).end()
    }
    const { method, url, headers } = incoming
    const onward = request(target, { method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(response)
    })
    incoming.pipe(onward)
  })
  servers.push(front)
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve))
  const { port } = front.address() as { readonly port: number }
  const at = (host: string, password = 'hush%3A%2F%40') =>
    `https://ada:${password}@${host}:${port}${target.pathname}`
  const subject = uniqueTopic('tls')

  const registered = await registerMutationSchema(at('localhost'), subject, authority.certificate)
  expect(registered).toMatchObject({ type: 'registered', schemaId: expect.any(Number) })
  const refusals = await Promise.all([
    registerMutationSchema(at('localhost'), subject),
    registerMutationSchema(at('127.0.0.1'), subject, authority.certificate),
    registerMutationSchema(at('localhost', 'hush'), subject, authority.certificate),
  ])
  expect(refusals).toMatchObject([
    {
      what: expect.stringContaining(
        "the registry's certificate is not signed by an authority that is trusted",
      ),
      remedy: expect.stringContaining('SCHEMA_REGISTRY_SSL_CA'),
    },
    { what: expect.stringContaining("the registry's certificate is for another host (IP: 127.0.0.1") },
    { what: expect.stringContaining('401') },
  ])
  expect(JSON.stringify(refusals)).not.toContain('hush')
})
