// Bodies of strangers: whatever comes, the answer is the right one, and the log holds what was answered and nothing else.

import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { isJsonArray, parseJson } from '../../src/codec/json.ts'
import { CHANGE_DEPTH_MAX, type ReadChange, readChange, readLine } from '../../src/codec/line.ts'
import { mutateBytes, mutateText } from '../fuzz/mutate.ts'
import { below, createRandom, one, type Random } from '../sim/world.ts'
import { announceSeed } from '../support/seed.ts'
import { soaked } from '../support/soak.ts'
import { waitFor } from '../support/wait.ts'
import { CATALOGUE, recordsOf } from '../writer/support.ts'
import { LINES, type LiveNode, openLive, upsertJson } from './live-node.ts'
import { connectRaw } from './support.ts'

const SEED = announceSeed('test/http/hostile-bodies.test.ts')
const BODIES = soaked(10_000)
const AT_ONCE = 8

const VALID: readonly string[] = [
  upsertJson('a'),
  upsertJson('a', { title: 'é\u{10000}"\\', plays: 1 }),
  upsertJson('a', { plays: 2 }, '2022-01-01T00:00:00Z'),
  upsertJson('a', { plays: 3 }, '2022-01-01T00:00:00Z'),
  '{"dataset":"tracks","operation":"update","data":{"id":"b","plays":"-9223372036854775808"}}',
  '{"table":"tracks","operation":"delete","data":{"id":"b"},"id":7}',
]
const WORDS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  ':',
  'null',
  '1e999',
  '-0',
  '\n',
  '\r\n',
  '\\u0000',
  '\ud800',
  '\0',
  ' ',
  '"id"',
  'tracks',
  '[['.repeat(40),
]

interface Body {
  readonly bytes: Buffer
  readonly isLines: boolean
}

function randomBody(random: Random): Body {
  const isLines = random() < 0.4
  const count = below(random, 5)
  const items = Array.from({ length: Math.max(1, count) }, () => one(random, VALID))
  const text = isLines ? items.join('\n') : count === 0 ? items[0]! : `[${items.join(',')}]`
  const dice = random()
  if (dice < 0.2) return { bytes: Buffer.from(text), isLines }
  if (dice < 0.8) return { bytes: Buffer.from(mutateText(random, text, VALID, WORDS)), isLines }
  return {
    bytes: mutateBytes(
      random,
      Buffer.from(text),
      VALID.map((each) => Buffer.from(each)),
    ),
    isLines,
  }
}

/** What is to be answered: the status, and how many are durable. */
function expectedOf({ bytes, isLines }: Body): readonly [number, number] {
  return isLines ? ofLines(bytes) : ofWhole(bytes)
}

function ofWhole(bytes: Buffer): readonly [number, number] {
  const text = bytes.toString('utf8')
  if (!Buffer.from(text).equals(bytes)) return [400, 0]
  const isArray = text.trimStart().startsWith('[')
  const parsed = parseJson(text, CHANGE_DEPTH_MAX + (isArray ? 1 : 0))
  if (parsed.type === 'refused') return [400, 0]
  const items = isJsonArray(parsed.value) ? parsed.value : [parsed.value]
  const changes = items.map((item) => readChange(item, CATALOGUE))
  if (changes.some((change) => isBad(change)) || hasTie(changes)) return [422, 0]
  return [200, changes.length]
}

function ofLines(bytes: Buffer): readonly [number, number] {
  const taken: ReadChange[] = []
  for (let from = 0; from < bytes.length; ) {
    const found = bytes.indexOf(10, from)
    const end = found < 0 ? bytes.length : found
    const line = bytes.subarray(from, bytes[end - 1] === 13 && end > from ? end - 1 : end)
    const text = line.toString('utf8')
    from = end + 1
    const isUtf8 = Buffer.from(text).equals(line)
    if (isUtf8 && text.trim() === '') continue
    const change = readLine(text, CATALOGUE)
    if (!isUtf8 || isBad(change) || hasTie([...taken, change])) return [422, taken.length]
    taken.push(change)
  }
  return [200, taken.length]
}

function isBad(read: ReadChange): boolean {
  return read.type === 'refused' || (read.change.timeNs ?? 0n) > BigInt(Date.now() + 60_000) * 1_000_000n
}

/** Two with one timestamp that disagree about the one row that the valid ones name with a time. */
function hasTie(reads: readonly ReadChange[]): boolean {
  const all = reads.flatMap((read) =>
    read.type === 'change' && read.change.timeNs !== null ? [read.change] : [],
  )
  return all.some((a, i) =>
    all.slice(0, i).some((b) => {
      if (a.timeNs !== b.timeNs || a.key[0] !== b.key[0]) return false
      if ((a.operation === 'delete') !== (b.operation === 'delete')) return true
      return [...a.columns].some(([name, value]) => b.columns.has(name) && b.columns.get(name) !== value)
    }),
  )
}

const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE })

function send({ port }: LiveNode, { bytes, isLines }: Body): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const headers = { 'content-type': isLines ? LINES : 'application/json' }
  const request = http.request({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path: '/v1/mutations',
    headers,
    agent,
  })
  request.once('error', reject)
  request.once('response', (response) => {
    const parts: Buffer[] = []
    response.on('data', (part: Buffer) => parts.push(part))
    response.once('end', () =>
      resolve({ status: response.statusCode!, text: Buffer.concat(parts).toString() }),
    )
  })
  request.end(bytes)
  return promise
}

describe('bodies of strangers', () => {
  it(`${BODIES} random ones: the right answer each, and the log holds what was answered`, async () => {
    const node = await openLive({ limits: { requestsPerSecond: 1_000_000 } })
    const random = createRandom(SEED)
    const statuses = new Map<number, number>()
    const places = new Set<string>()
    let sent = 0
    const worker = async (): Promise<void> => {
      while (sent < BODIES) {
        sent++
        const body = randomBody(random)
        const { status, text } = await send(node, body)
        const json = JSON.parse(text)
        const durable = json.durable ?? 0
        const label = `${body.isLines ? 'lines' : 'JSON'} ${JSON.stringify(body.bytes.toString('latin1'))}\n${text}`
        expect([status, durable], label).toEqual(expectedOf(body))
        expect((json.ids ?? []).length, label).toBe(durable)
        for (const { partition, offset } of json.ids ?? []) places.add(`${partition}/${offset}`)
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    const inLog = (await recordsOf(node.log)).map(({ partition, offset }) => `${partition}/${offset}`)
    expect([...places].sort()).toEqual(inLog.sort())
    expect([...statuses.keys()].sort()).toEqual([200, 400, 422])
    expect(Math.min(...statuses.values())).toBeGreaterThan(BODIES / 50)
    expect(node.bugs).toEqual([])
    agent.destroy()
  }, 120_000)

  it('a body that is cut off: whole lines are durable, and what is left of one is none', async () => {
    const node = await openLive()
    const line = `${upsertJson('a')}\n`
    const cut = async (head: string, text: string): Promise<void> => {
      const client = await connectRaw(node.port)
      client.socket.write(`POST /v1/mutations HTTP/1.1\r\nHost: localhost\r\n${head}\r\n${text}`)
      await sleep(50)
      client.socket.destroy()
    }
    const type = `Content-Type: ${LINES}\r\n`
    // The last line is a whole object, and may have had more to come.
    await cut(`${type}Content-Length: 1000\r\n`, `${line}${line}${upsertJson('b')}`)
    await waitFor('the whole lines', async () => (await recordsOf(node.log)).length === 2)
    const sized = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
    await cut(`${type}Transfer-Encoding: chunked\r\n`, sized(`${line}${upsertJson('b')}`))
    await waitFor('the whole line', async () => (await recordsOf(node.log)).length === 3)
    await cut('Content-Type: application/json\r\nContent-Length: 1000\r\n', upsertJson('b'))
    await cut('Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n', sized(upsertJson('b')))
    await sleep(100)
    const keys = (await recordsOf(node.log)).map(({ key }) => key!.toString())
    expect(keys).toEqual(['["tracks","a"]', '["tracks","a"]', '["tracks","a"]'])
    expect((await node.post(upsertJson('c'))).status).toBe(200)
    // In order, without a newline at the end, the last line is one.
    expect((await node.post(`${line}${upsertJson('d')}`, '', LINES)).json.durable).toBe(2)
    expect(node.bugs).toEqual([])
  })

  it('a body that comes too slowly: the answer says how much of it is durable', async () => {
    const node = await openLive({ limits: { idleMs: 300 } })
    const client = await connectRaw(node.port)
    client.socket.write(
      `POST /v1/mutations HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${LINES}\r\nContent-Length: 9999\r\n\r\n${upsertJson('a')}\n{"dat`,
    )
    const text = await waitFor('an answer', () => client.text().includes('"status":') && client.text())
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    expect(text).toMatch(/"durable":1/)
    expect((await recordsOf(node.log)).length).toBe(1)
  })

  it('large bodies at the same time take no more memory than eight of them', async () => {
    const bodyBytes = 256 * 1024
    const node = await openLive({ limits: { bodyBytes } })
    const head = `POST /v1/mutations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${bodyBytes}\r\n\r\n`
    const clients = await Promise.all(Array.from({ length: 20 }, () => connectRaw(node.port)))
    for (const { socket } of clients) socket.write(head + ' '.repeat(bodyBytes - 1))
    const refused = () => clients.filter(({ text }) => text().startsWith('HTTP/1.1 503 '))
    await waitFor('the others to be refused', () => refused().length >= 12)
    expect(refused()[0]!.text()).toContain('too many large bodies')
    for (const { socket, text } of clients) if (text() === '') socket.write(' ')
    await waitFor('the first ones', () => clients.every(({ text }) => text() !== ''))
    expect(clients.filter(({ text }) => text().startsWith('HTTP/1.1 400 ')).length).toBe(
      20 - refused().length,
    )
    for (const { socket } of clients) socket.destroy()
    await expect.poll(async () => (await node.post(' '.repeat(bodyBytes))).status).toBe(400)
    expect((await node.post(upsertJson('a'))).status).toBe(200)
  })

  it('who does not read what is answered is not read from either, and is let go', async () => {
    const node = await openLive({ limits: { idleMs: 1_000 } })
    const client = await connectRaw(node.port)
    client.socket.pause()
    client.socket.write(
      `POST /v1/mutations HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${LINES}\r\nAccept: ${LINES}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    const lines = `${upsertJson('a')}\n`.repeat(1_000)
    const piece = `${lines.length.toString(16)}\r\n${lines}\r\n`
    let isClosed = false
    client.socket.once('close', () => {
      isClosed = true
    })
    let pieces = 0
    let stillMs = 0
    // What the kernel's buffers hold of answers is some megabytes; ids of 100,000 lines are about ten.
    for (; pieces < 2_000 && !isClosed && stillMs < 10_000; pieces++) {
      const isTaken = client.socket.write(piece)
      for (; !isTaken && client.socket.writableNeedDrain && !isClosed && stillMs < 10_000; stillMs += 20)
        await sleep(20)
    }
    expect(isClosed).toBe(true)
    expect(pieces).toBeLessThan(2_000)
    expect((await node.post(upsertJson('b'))).status).toBe(200)
    expect(node.bugs).toEqual([])
  })
})
