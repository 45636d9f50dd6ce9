// What every request passes before its route: the host it is meant for, rate, room, token, and the form of its body.

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Authorize, createAuthorize, type Tokens } from './auth.ts'
import { hasBody, isJsonLines, JSON_LINES_TYPE, JSON_TYPE, mediaType } from './body.ts'
import { refuseHost } from './host.ts'
import { LIMIT_SETTINGS, type Limits } from './limits.ts'
import { problem } from './problem.ts'

export interface GuardOptions {
  /** Whether the door can be reached from this machine alone: then no other name is answered to. */
  readonly isLoopback: boolean
  /** Host names that are answered to beside those of the loopback. */
  readonly allowedHosts: readonly string[]
  readonly tokens: Tokens
  readonly limits: Limits
  readonly isClosing: () => boolean
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** True: no token is needed, and the rate is not counted. */
    readonly isOpen?: boolean
    /** True: counts as a stream, of which there may be `streamsMax`. A body of JSON lines makes a request one too. */
    readonly isStream?: boolean
  }
  interface FastifyRequest {
    /** Gives the request's place among the concurrent ones to the next; once. */
    leave: (() => void) | null
  }
}

/** Needs @fastify/rate-limit. */
export function addGuard(app: FastifyInstance, options: GuardOptions): void {
  const { limits } = options
  const authorize = createAuthorize(options.tokens)
  const rateOf = app.createRateLimit({ max: limits.requestsPerSecond, timeWindow: 1_000 })
  const rooms = { request: 0, stream: 0 }

  function enter(request: FastifyRequest, isStream: boolean): () => void {
    const [room, max, setting] = isStream
      ? (['stream', limits.streamsMax, LIMIT_SETTINGS.streamsMax] as const)
      : (['request', limits.requestsMax, LIMIT_SETTINGS.requestsMax] as const)
    if (rooms[room] >= max) {
      throw problem(
        'too-busy',
        `${max} ${isStream ? 'streams' : 'requests'} are being served already; try again later (${setting} is the limit)`,
        { headers: { 'retry-after': '1' } },
      )
    }
    rooms[room]++
    return () => {
      if (request.leave === null) return
      request.leave = null
      rooms[room]--
    }
  }

  app.decorateRequest('leave', null)
  app.addHook('onRequest', async (request, reply) => {
    const { isOpen = false, isStream = false } = request.routeOptions.config
    if (options.isClosing()) {
      throw problem('stopping', 'the node is about to stop; try again once it runs', {
        headers: { 'retry-after': '1' },
      })
    }
    refuseHost(request, options)
    if (!isOpen) {
      const rate = await rateOf(request)
      if (!rate.isAllowed && rate.isExceeded) throw tooMany(limits, rate.ttlInSeconds)
      authorizeRequest(authorize, request)
    }
    requireForm(request)
    if (isOpen) return
    const leave = enter(request, isStream || isJsonLines(request))
    request.leave = leave
    if (reply.raw.closed) leave()
    else reply.raw.once('close', leave)
  })
}

function tooMany({ requestsPerSecond }: Limits, seconds: number) {
  return problem(
    'too-many-requests',
    `more than ${requestsPerSecond} requests in a second from this address; wait, and send several mutations in one request (${LIMIT_SETTINGS.requestsPerSecond} is the limit)`,
    { headers: { 'retry-after': String(Math.max(1, seconds)) } },
  )
}

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

function authorizeRequest(authorize: Authorize, { method, headers }: FastifyRequest): void {
  authorize(READING.has(method) ? 'read' : 'write', headers.authorization)
}

function requireForm(request: FastifyRequest): void {
  if (READING.has(request.method)) {
    if (hasBody(request)) throw problem('bad-request', `${request.method} takes no body; send it without one`)
    return
  }
  const type = mediaType(request)
  if (type === JSON_TYPE || type === JSON_LINES_TYPE) return
  // Where there is no route, that is the better answer.
  if (request.is404) return
  throw problem(
    'unsupported-media-type',
    `the body is ${type === '' ? 'of no type' : `of the type ${JSON.stringify(type.slice(0, 100))}`}; send Content-Type: ${JSON_TYPE} or ${JSON_LINES_TYPE}`,
    { headers: { accept: `${JSON_TYPE}, ${JSON_LINES_TYPE}` } },
  )
}
