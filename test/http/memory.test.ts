// A stream of any length takes no more memory than a short one, whatever form its answer has.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { LINES, upsertJson } from './live-node.ts'

const PIECE_LINES = 2_000
/** The program itself has some 120 MiB; the greater body 294 MB. */
const RSS_KIB_MAX = 512 * 1024

/** Sends the lines as they are taken; answers with the last line of the answer. */
async function postMany(port: number, accept: string, count: number): Promise<{ durable: number }> {
  const headers = { 'content-type': LINES, accept }
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: '/v1/mutations', headers })
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>
  let last = ''
  const read = answered.then(async ([response]) => {
    for await (const part of response) last = (last + part.toString('latin1')).slice(-2_000)
  })
  const title = 'x'.repeat(60)
  const piece = `${Array.from({ length: PIECE_LINES }, (_, i) => upsertJson(`t${i}`, { title, plays: i })).join('\n')}\n`
  for (let sent = 0; sent < count; sent += PIECE_LINES) {
    if (!request.write(piece)) await once(request, 'drain')
  }
  request.end()
  await read
  return JSON.parse(last.trimEnd().split('\n').at(-1)!)
}

describe('memory', () => {
  it.each([
    ['application/json', 2_000_000],
    [LINES, 500_000],
  ] as const)(
    'a body that is answered as %s, of %i lines, is taken in no more than some hundred MiB',
    async (accept, count) => {
      const child = spawn(
        process.execPath,
        ['--max-old-space-size=256', join(import.meta.dirname, 'memory-door.ts')],
        {
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      )
      onTestFinished(() => void child.kill('SIGKILL'))
      const said = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const port = Number((await said.next()).value)
      expect(await postMany(port, accept, count)).toMatchObject({ durable: count })
      child.stdin.end()
      const kib = Number((await said.next()).value)
      console.log(`${accept}: ${Math.round(kib / 1024)} MiB at most`)
      expect(kib).toBeLessThan(RSS_KIB_MAX)
    },
    240_000,
  )
})
