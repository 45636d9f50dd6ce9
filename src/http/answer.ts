// Sends problems, also while the request's body is still coming: the client gets to read why.

import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify'
import { toJson } from '../codec/exact-json.ts'
import {
  HttpProblem,
  PROBLEM_TYPE,
  type ProblemKind,
  problem,
  problemDocument,
  type WrongPlace,
} from './problem.ts'

/** How long the rest of a refused body is read and dropped: a connection that is closed at once loses the answer. */
const LINGER_MS = 2_000

export function sendProblem(request: FastifyRequest, reply: FastifyReply, found: HttpProblem): FastifyReply {
  const body = Buffer.from(toJson(problemDocument(found, request.id)))
  reply
    .code(found.status)
    .headers({ ...found.options.headers, 'cache-control': 'no-store' })
    .type(PROBLEM_TYPE)
  if (request.raw.complete || request.method === 'HEAD') return reply.send(body)
  request.leave?.()
  return reply.headers({ connection: 'close', 'content-length': body.length }).send(lingering(body, request))
}

/** All of the answer at once; its end, which closes the connection, only when the client has had time to read it. */
function lingering(body: Buffer, { raw }: FastifyRequest): Readable {
  async function* parts(): AsyncGenerator<Buffer> {
    yield body
    raw.resume()
    await Promise.race([finished(raw).catch(() => {}), sleep(LINGER_MS, undefined, { ref: false })])
  }
  return Readable.from(parts(), { objectMode: false })
}

/** Anything thrown as a problem: what Fastify says of a request, else a bug, whose particulars stay here. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error
  const { validation, validationContext, code, statusCode, message } = error as Partial<FastifyError>
  if (validation !== undefined) {
    const where = validation.map((each): WrongPlace => {
      const name = each.instancePath.slice(1) || String(Object.values(each.params)[0] ?? '')
      return { in: placeOf(validationContext), at: name, detail: explainKeyword(each) }
    })
    const first = where[0]!
    return problem('invalid-parameter', `"${first.at}" in the ${first.in} ${first.detail}`, { where })
  }
  const kind = code === undefined ? undefined : FRAMEWORK_KINDS[code]
  if (kind !== undefined) return problem(kind, message ?? '')
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return problem('bad-request', message ?? '')
  }
  return problem(
    'internal-error',
    'this is a fault of the node; its own output says more, under this request id',
  )
}

function explainKeyword({ keyword, params, message }: FastifySchemaValidationError): string {
  if (keyword === 'additionalProperties') return 'is no parameter of this address'
  if (keyword === 'enum') return `must be one of: ${[params.allowedValues].flat().join(', ')}`
  return message ?? 'is not valid'
}

function placeOf(context: string | undefined): WrongPlace['in'] {
  if (context === 'params') return 'path'
  if (context === 'querystring') return 'query'
  return context === 'headers' ? 'header' : 'body'
}

const FRAMEWORK_KINDS: Readonly<Record<string, ProblemKind>> = {
  FST_ERR_BAD_URL: 'bad-request',
  FST_ERR_MAX_PARAM_LENGTH: 'uri-too-long',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
}
