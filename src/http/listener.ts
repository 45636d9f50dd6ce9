// The server of Node under the door: TLS, the times until headers are there, and answers to what is no HTTP.

import http from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { toJson } from '../codec/exact-json.ts'
import { LIMIT_SETTINGS, type Limits } from './limits.ts'
import { type HttpProblem, PROBLEM_TYPE, problem, problemDocument } from './problem.ts'

/** PEM. */
export interface Tls {
  readonly cert: string
  readonly key: string
}

/** How often Node looks for requests whose headers are late. */
const LATE_EVERY_MS = 5_000
const KEEP_ALIVE_MS = 30_000

export function createListener(handler: http.RequestListener, tls: Tls | null, limits: Limits): http.Server {
  const options: http.ServerOptions = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.receiveMs,
    // Bodies have limits of their own: JSON lines may take as long as they like while they come.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(LATE_EVERY_MS, limits.receiveMs),
    keepAliveTimeout: Math.min(KEEP_ALIVE_MS, limits.idleMs),
    // It is asked for by the guard, which answers as everything here does.
    requireHostHeader: false,
  }
  const server =
    tls === null
      ? http.createServer(options, handler)
      : https.createServer({ ...options, ...tls, minVersion: 'TLSv1.2' }, handler)
  // Without a listener Node tells the client to go on before anybody has looked at its headers.
  server.on('checkContinue', handler)
  server.timeout = limits.idleMs
  server.on('timeout', (socket: Socket) => {
    // One that is kept alive for nothing, or a client that takes nothing of its answer; who waits for one may wait.
    if (answerOf(socket) === null || socket.writableLength > 0) socket.destroy()
  })
  return server
}

/** Answers what Node could not read as a request, unless an answer is on its way. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket, limits: Limits): void {
  if (error.code === 'ECONNRESET' || !socket.writable || answerOf(socket)?.headersSent === true) {
    socket.destroy()
    return
  }
  const found = explainBroken(error, limits)
  const body = toJson(problemDocument(found, null))
  socket.end(
    `HTTP/1.1 ${found.status} ${http.STATUS_CODES[found.status]}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    () => socket.destroySoon(),
  )
}

/** The answer that a connection is at, as Node's own handler of broken requests finds it. */
function answerOf(socket: Socket): http.ServerResponse | null {
  return (socket as Socket & { _httpMessage?: http.ServerResponse | null })._httpMessage ?? null
}

function explainBroken({ code }: NodeJS.ErrnoException, limits: Limits): HttpProblem {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return problem(
      'headers-too-large',
      `the request's line and headers have more than ${limits.headerBytes} bytes; ${LIMIT_SETTINGS.headerBytes} is the limit`,
    )
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return problem(
      'timeout',
      `the headers were not there after ${limits.receiveMs / 1_000} s; ${LIMIT_SETTINGS.receiveMs} is the limit`,
    )
  }
  return problem('bad-request', `this is no HTTP request that can be read (${code ?? 'unknown'})`)
}
