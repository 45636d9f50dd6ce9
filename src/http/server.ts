// The frame of the HTTP door: what every request and every answer goes through, whatever the route.
//
// A route module exports `addXRoutes(app: FastifyInstance, ports: XPorts): void`; ports are plain functions or the ports
// of log, store and writer, and cli/door.ts passes them in.
//
// It gets:
// - Requests that are for this host, within rate and room, with a token that may do what the method says (GET reads,
//   everything else writes). `config: { isOpen: true }` asks for no token, `{ isStream: true }` counts as a stream.
// - `request.body`: for application/json a Buffer within the limits (parse it with codec/json.ts, which keeps digits);
//   for application/x-ndjson the stream, to be read with `bodyChunks` (body.ts). No other body comes through.
// - `request.id`, a random UUID, which the answer carries as `request-id`.
//
// It owes:
// - A schema for every route: `operationId`, `summary`, `tags`, `querystring` and `params` (these are enforced; with
//   `additionalProperties: false`), `response` by status with description and content (these are for OpenAPI and the
//   tests, nothing is left out of an answer by them), problems by `problemResponses`. A body is described in
//   `config: { requestBody }`, as OpenAPI writes it, and checked by the module itself.
// - JSON answers as objects (bigint becomes digits) or as text that is JSON already, with the type set.
// - `throw problem(kind, detail)` (problem.ts) for everything that is the client's; any other error is answered with 500
//   and reported as a bug. Behind the first byte of a stream there is no error to send: it has to end.
// - Streams end when `app` closes: `app.addHook('preClose', …)`.

import { randomUUID } from 'node:crypto'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance } from 'fastify'
import { toJson } from '../codec/exact-json.ts'
import { sendProblem, toProblem } from './answer.ts'
import type { Tokens } from './auth.ts'
import { addBodyParsers } from './body.ts'
import { addGuard } from './guard.ts'
import type { Limits } from './limits.ts'
import { answerBrokenRequest, createListener, type Tls } from './listener.ts'
import { addMissing } from './missing.ts'
import { openapiOptions } from './openapi.ts'
import { PROBLEM_SCHEMA } from './problem.ts'

export interface DoorOptions {
  /** Whether the door is opened for this machine alone. */
  readonly isLoopback: boolean
  readonly allowedHosts: readonly string[]
  readonly tls: Tls | null
  readonly tokens: Tokens
  readonly limits: Limits
  /** Of the program. */
  readonly version: string
  /** Told of what went wrong inside, for the node's own output. */
  readonly onBug: (error: unknown, requestId: string) => void
}

/** Longer keys than any that there can be, percent-encoded. */
const PARAMETER_CHARS_MAX = 8_192

/** The door without routes: add them, then `listen`. Closing it lets requests finish. */
export async function createDoor(options: DoorOptions): Promise<FastifyInstance> {
  const { limits, tls } = options
  let isClosing = false
  const app: FastifyInstance = fastify({
    logger: false,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAMETER_CHARS_MAX },
    // An unknown parameter is refused, not removed.
    ajv: { customOptions: { removeAdditional: false, allErrors: false } },
    serverFactory: (handler) => createListener(handler, tls, limits),
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, limits),
    frameworkErrors: (error, request, reply) => {
      reply.header('request-id', request.id)
      sendProblem(request, reply, toProblem(error))
    },
  })
  app.addHook('preClose', async () => {
    isClosing = true
  })
  app.setSerializerCompiler(() => toJson)
  app.setReplySerializer(toJson)
  app.addSchema(PROBLEM_SCHEMA)
  app.setErrorHandler((error, request, reply) => {
    const found = toProblem(error)
    if (found.status >= 500 && found.kind === 'internal-error') options.onBug(error, request.id)
    return sendProblem(request, reply, found)
  })
  await app.register(rateLimit, { global: false })
  await app.register(swagger, openapiOptions(options.version, options.tokens))
  app.addHook('onSend', async (_request, reply) => {
    // A connection that is kept alive would keep the door from closing.
    if (isClosing) reply.header('connection', 'close')
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'request-id': request.id,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
  })
  addGuard(app, { ...options, isClosing: () => isClosing })
  addBodyParsers(app, limits)
  addMissing(app)
  return app
}
