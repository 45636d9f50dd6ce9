// Bodies of requests: JSON whole within its limits, JSON lines as they come; nothing else.

import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LIMIT_SETTINGS, type Limits } from './limits.ts'
import { type HttpProblem, problem } from './problem.ts'

export const JSON_TYPE = 'application/json'
export const JSON_LINES_TYPE = 'application/x-ndjson'

declare module 'fastify' {
  interface FastifyRequest {
    /** Bytes of its body that are in memory. */
    heldBytes: number
  }
}

/** So many of the greatest JSON bodies may be in memory at the same time, whatever the number of requests. */
const GREATEST_BODIES_MAX = 8

/**
 * After this `request.body` is a Buffer of at most `bodyBytes` for JSON, and for JSON lines the stream itself, to be read
 * with `bodyChunks`. A web page cannot send either type elsewhere without asking first, which is answered with no.
 */
export function addBodyParsers(app: FastifyInstance, limits: Limits): void {
  let held = 0
  /** Throws a problem when there is no room for more. */
  function hold(request: FastifyRequest, bytes: number): void {
    if (held + bytes > GREATEST_BODIES_MAX * limits.bodyBytes) throw noRoom()
    held += bytes
    request.heldBytes += bytes
  }
  app.decorateRequest('heldBytes', 0)
  app.addHook('onResponse', async (request) => {
    held -= request.heldBytes
  })
  app.removeAllContentTypeParsers()
  app.addHook('preParsing', async (request, reply, payload) => {
    if (isJsonLines(request)) {
      if (isWaiting(request)) reply.raw.writeContinue()
      return payload
    }
    if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytes) throw bodyTooLarge(limits)
    if (isWaiting(request)) reply.raw.writeContinue()
    return payload
  })
  app.addContentTypeParser(JSON_TYPE, (request: FastifyRequest) =>
    readWhole(request.raw, limits, (bytes) => hold(request, bytes)),
  )
  app.addContentTypeParser(
    JSON_LINES_TYPE,
    async (_request: FastifyRequest, payload: IncomingMessage) => payload,
  )
}

/** The media type without its parameters, in lower case; `` when there is none. */
export function mediaType(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
}

export function isJsonLines(request: FastifyRequest): boolean {
  return mediaType(request) === JSON_LINES_TYPE
}

export function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** The client sends its body when it is told to (RFC 9110, 10.1.1): a refusal spares it the sending. */
function isWaiting({ headers }: FastifyRequest): boolean {
  return headers.expect?.toLowerCase() === '100-continue'
}

/**
 * A body of JSON lines as it comes; nothing is read ahead of the caller. Throws a problem when nothing comes for
 * `idleMs` (the time that the caller takes does not count), and when the client goes away. Whoever stops early leaves
 * the rest unread: the answer can still be sent.
 */
export async function* bodyChunks(body: Readable, { idleMs }: Limits): AsyncGenerator<Buffer> {
  // The iterator's own way to end is to destroy the stream, and with it the connection.
  const chunks = body.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await withinMs(chunks.next().catch(clientGone), idleMs, () =>
        problem(
          'timeout',
          `nothing came for ${idleMs / 1_000} s in the middle of the body; ${LIMIT_SETTINGS.idleMs} is the limit`,
        ),
      )
      if (next.done === true) return
      yield next.value
    }
  } finally {
    chunks.return?.().catch(() => {})
  }
}

function readWhole(raw: IncomingMessage, limits: Limits, hold: (bytes: number) => void): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length
    try {
      if (bytes > limits.bodyBytes) throw bodyTooLarge(limits)
      hold(chunk.length)
      chunks.push(chunk)
    } catch (error) {
      reject(error)
    }
  }
  const onEnd = (): void => resolve(Buffer.concat(chunks))
  // The listener of errors stays: a client may go away while it is told that its body is too large.
  raw
    .on('data', onData)
    .on('end', onEnd)
    .on('error', () => reject(cutOff()))
  const late = (): HttpProblem =>
    problem(
      'timeout',
      `the body was not there after ${limits.receiveMs / 1_000} s; send it faster or in parts (${LIMIT_SETTINGS.receiveMs} is the limit)`,
    )
  return withinMs(promise, limits.receiveMs, late).finally(() => {
    raw.off('data', onData).off('end', onEnd)
    chunks.length = 0
  })
}

function noRoom(): HttpProblem {
  return problem('too-busy', 'too many large bodies are being read already; try again later', {
    headers: { 'retry-after': '1' },
  })
}

function bodyTooLarge({ bodyBytes }: Limits): HttpProblem {
  return problem(
    'body-too-large',
    `the body has more than ${bodyBytes} bytes; send less at a time, or JSON lines (${JSON_LINES_TYPE}), which may be of any length; ${LIMIT_SETTINGS.bodyBytes} is the limit`,
  )
}

/** The stream of a request fails when its client breaks off, and for no other reason. */
function clientGone(): never {
  throw cutOff()
}

function cutOff(): HttpProblem {
  return problem('bad-request', 'the connection ended in the middle of the body')
}

async function withinMs<T>(work: Promise<T>, ms: number, late: () => HttpProblem): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), ms)
  })
  // The loser of the race may fail later, with nobody listening.
  work.catch(() => {})
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
