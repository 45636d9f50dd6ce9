// HTTPS with a certificate of its own, renewed while it runs; and the end of a door, which lets requests finish.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createTestLog, createTestNode, type TestNode } from '../e2e/support.ts'
import { runCli, startCli } from '../support/cli.ts'
import { waitFor } from '../support/wait.ts'
import { connectRaw, createTestDoor, openTestDoor } from './support.ts'

const folder = mkdtempSync(join(tmpdir(), 'spindexer-tls-'))
let node: TestNode

beforeAll(async () => {
  node = await createTestNode(await createTestLog('tls', { partitions: 1 }), 'tls')
})
afterAll(async () => {
  await node?.drop()
  rmSync(folder, { recursive: true })
})

/** A certificate for 127.0.0.1 that signs itself. */
function makeCertificate(name: string): { readonly cert: string; readonly key: string } {
  const paths = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
      .concat(['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'])
      .concat(['-keyout', paths.key, '-out', paths.cert]),
    { stdio: 'pipe' },
  )
  return paths
}

function get(url: string, ca: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ca, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.on('error', reject).end()
  })
}

/** The common name of the certificate that is shown. */
function shownName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

describe('HTTPS', () => {
  it('a running node serves it, and reads a renewed certificate at SIGHUP', async () => {
    const first = makeCertificate('first')
    const env = {
      ...node.env,
      SPINDEXER_HTTP: '127.0.0.1:0',
      SPINDEXER_HTTP_TLS_CERT: first.cert,
      SPINDEXER_HTTP_TLS_KEY: first.key,
    }
    const running = startCli(['run'], { env })
    onTestFinished(() => running.kill('SIGKILL'))
    const url = await waitFor('the door', () => /HTTP at (https:\S+)/.exec(running.stderr())?.[1])
    expect(await get(`${url}/healthz`, readFileSync(first.cert, 'utf8'))).toBe(200)
    await expect(
      get(`${url}/healthz`, readFileSync(makeCertificate('foreign').cert, 'utf8')),
    ).rejects.toThrow()
    await expect(fetch(url.replace('https', 'http'))).rejects.toThrow()
    const port = Number(new URL(url).port)
    expect(await shownName(port)).toBe('first')
    const second = makeCertificate('second')
    writeFileSync(first.cert, readFileSync(second.cert))
    writeFileSync(first.key, readFileSync(second.key))
    running.kill('SIGHUP')
    await waitFor('the word of it', () => running.stderr().includes('certificate and key were read again'))
    expect(await shownName(port)).toBe('second')
    writeFileSync(first.key, 'rubbish')
    running.kill('SIGHUP')
    await waitFor('the word of it', () => running.stderr().includes('HTTP keeps its certificate'))
    expect(await shownName(port)).toBe('second')
    running.kill('SIGTERM')
    expect((await running.ended).code).toBe(0)
  })

  it('a certificate that is none is refused at the start', async () => {
    const { cert } = makeCertificate('lonely')
    const { key } = makeCertificate('other')
    const env = { ...node.env, SPINDEXER_HTTP_TLS_CERT: cert, SPINDEXER_HTTP_TLS_KEY: key }
    const { code, stderr } = await runCli(['run'], { env })
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/SPINDEXER_HTTP_TLS_KEY\) does not fit the certificate/),
    ])
  })

  it('TLS before 1.2 is not spoken', async () => {
    const { cert, key } = makeCertificate('modern')
    const tls = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
    const { port, url } = await openTestDoor({ addRoutes: (app) => void app.get('/', async () => ({})), tls })
    expect(await get(url, tls.cert)).toBe(200)
    const old = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion: 'TLSv1.1' })
    await expect(
      new Promise((resolve, reject) => old.on('secureConnect', resolve).on('error', reject)),
    ).rejects.toThrow()
  })
})

describe('the end', () => {
  it('requests that there are finish, new ones are refused, and it is said', async () => {
    const held = Promise.withResolvers<void>()
    const app = await createTestDoor({
      addRoutes(door) {
        door.get('/held', async () => {
          await held.promise
          return { finished: true }
        })
        door.get('/alive', async () => ({}))
      },
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as { port: number }
    const url = `http://127.0.0.1:${port}`
    const finishing = fetch(`${url}/held`)
    await sleep(50)
    // A connection that is kept alive sees the refusal; a new one is not taken at all.
    const kept = await openKept(port)
    const closing = app.close()
    await waitFor('the door to be shut', () =>
      fetch(`${url}/alive`).then(
        () => false,
        () => true,
      ),
    )
    held.resolve()
    const response = await finishing
    expect([response.status, await response.json()]).toEqual([200, { finished: true }])
    await closing
    expect(kept.destroyed || kept.readableEnded).toBe(true)
  })
})

async function openKept(port: number) {
  const client = await connectRaw(port)
  client.socket.write('GET /alive HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await waitFor('an answer', () => client.text().includes('{}'))
  void client.ended.then(() => client.socket.destroy())
  return client.socket
}
