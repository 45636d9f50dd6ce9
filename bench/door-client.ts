// A client of the HTTP door in a process of its own: `array URL SIZE CLIENTS MUTATIONS`, `lines URL MUTATIONS`, `single URL CLIENTS SECONDS`. Prints figures as JSON.

import { Agent, request } from 'node:http'
import { Readable } from 'node:stream'

export interface Posted {
  readonly mutations: number
  /** From the first request to the last answer. */
  readonly seconds: number
  /** Of each request, milliseconds, ascending. */
  readonly latencies: readonly number[]
}

/** Rows that the mutations are spread over. */
const ROWS = 100_000
const LINES_AT_A_TIME = 1_000
const TIMEOUT_MS = 60_000

/** Mutation number n as a line: an upsert of two columns. */
function line(n: number): string {
  const data = { id: `r${(n * 7_919) % ROWS}`, plays: n, title: `Title number ${n}` }
  return JSON.stringify({ dataset: 'bench', operation: 'upsert', data })
}

/** Throws unless the answer says that all of `expected` are durable. */
async function post(
  agent: Agent,
  url: string,
  type: string,
  body: Buffer | Readable,
  expected: number,
): Promise<number> {
  const began = performance.now()
  const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const headers = {
      'content-type': type,
      ...(Buffer.isBuffer(body) && { 'content-length': body.length }),
    }
    const sent = request(url, { method: 'POST', agent, headers, timeout: TIMEOUT_MS }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      )
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    if (Buffer.isBuffer(body)) sent.end(body)
    else body.pipe(sent)
  })
  const ms = performance.now() - began
  if (status !== 200 || JSON.parse(text).durable !== expected) {
    throw new Error(`${url} answered ${status}: ${text.slice(0, 500)}`)
  }
  return ms
}

/** Each client sends its next request when it has the answer to the one before. Bodies are made before time is taken. */
async function postArrays(url: string, size: number, clients: number, mutations: number): Promise<Posted> {
  const requests = Math.ceil(mutations / size)
  const bodies = Array.from({ length: requests }, (_, r) =>
    Buffer.from(`[${Array.from({ length: size }, (_, i) => line(r * size + i)).join(',')}]`),
  )
  return timed(requests * size, clients, async (agent, client) => {
    const latencies: number[] = []
    for (let r = client; r < requests; r += clients) {
      latencies.push(await post(agent, url, 'application/json', bodies[r]!, size))
    }
    return latencies
  })
}

async function postLines(url: string, mutations: number): Promise<Posted> {
  const chunks: Buffer[] = []
  for (let at = 0; at < mutations; at += LINES_AT_A_TIME) {
    const count = Math.min(LINES_AT_A_TIME, mutations - at)
    chunks.push(Buffer.from(Array.from({ length: count }, (_, i) => `${line(at + i)}\n`).join('')))
  }
  return timed(mutations, 1, async (agent) => [
    await post(agent, url, 'application/x-ndjson', Readable.from(chunks), mutations),
  ])
}

/** One mutation a request, for so long. */
async function postSingles(url: string, clients: number, seconds: number): Promise<Posted> {
  let sent = 0
  const until = performance.now() + seconds * 1_000
  const posted = await timed(0, clients, async (agent) => {
    const latencies: number[] = []
    while (performance.now() < until) {
      latencies.push(await post(agent, url, 'application/json', Buffer.from(line(sent++)), 1))
    }
    return latencies
  })
  return { ...posted, mutations: sent }
}

async function timed(
  mutations: number,
  clients: number,
  work: (agent: Agent, client: number) => Promise<readonly number[]>,
): Promise<Posted> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const began = performance.now()
  const latencies = await Promise.all(Array.from({ length: clients }, (_, client) => work(agent, client)))
  const seconds = (performance.now() - began) / 1_000
  agent.destroy()
  return { mutations, seconds, latencies: latencies.flat().sort((a, b) => a - b) }
}

const [mode, url, ...numbers] = process.argv.slice(2)
const [first = 0, second = 0, third = 0] = numbers.map(Number)
if (url === undefined) throw new Error('usage: door-client.ts array|lines|single URL …')
const posted =
  mode === 'array'
    ? await postArrays(url, first, second, third)
    : mode === 'lines'
      ? await postLines(url, first)
      : await postSingles(url, first, second)
console.log(JSON.stringify(posted))
