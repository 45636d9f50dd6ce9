// Every error of the HTTP door as one document: problem details after RFC 9457.

import type { OutgoingHttpHeaders } from 'node:http'

/** Kinds of problems: a status, and a title that is the same for all of a kind. A route module adds its own here. */
const KINDS = {
  'bad-request': [400, 'The request cannot be understood'],
  'invalid-parameter': [400, 'A parameter is not valid'],
  unauthorized: [401, 'A token is needed'],
  forbidden: [403, 'The token does not allow this'],
  'not-allowed': [403, 'The policy of the log does not allow this'],
  'not-found': [404, 'There is nothing here'],
  'unknown-dataset': [404, 'There is no such dataset'],
  'unknown-row': [404, 'There is no such row'],
  'deleted-row': [404, 'The row was deleted'],
  'hidden-row': [404, 'The row is not complete'],
  'method-not-allowed': [405, 'The method is not allowed here'],
  'log-closed': [409, 'The log takes no more mutations'],
  'position-gone': [410, 'The position is of another log'],
  'invalid-mutation': [422, 'A mutation is not valid'],
  'invalid-record': [422, 'A record is not valid'],
  'bad-signature': [422, 'A signature proves nothing'],
  'contradicting-mutations': [422, 'Two mutations contradict each other'],
  'not-acceptable': [406, 'The answer has no such form'],
  timeout: [408, 'The request took too long'],
  'body-too-large': [413, 'The body is too large'],
  'uri-too-long': [414, 'The address is too long'],
  'unsupported-media-type': [415, 'The body has another media type than this takes'],
  'misdirected-request': [421, 'The request is meant for another host'],
  'too-many-requests': [429, 'Too many requests'],
  'headers-too-large': [431, 'The headers are too large'],
  'internal-error': [500, 'Something went wrong here'],
  'too-busy': [503, 'Too much is being done already'],
  'not-ready': [503, 'The node is not ready'],
  'log-away': [503, 'The log does not answer'],
  'log-refused': [503, 'The log cannot be written to'],
  'clock-ahead': [503, "The node's clock is ahead of the log's"],
  'database-away': [503, 'The database does not answer'],
  stopping: [503, 'The node is about to stop'],
} as const satisfies Readonly<Record<string, readonly [number, string]>>

export type ProblemKind = keyof typeof KINDS

/** One place in the request that is wrong. */
export interface WrongPlace {
  readonly in: 'body' | 'path' | 'query' | 'header'
  /** A parameter's or header's name; of a body a JSON pointer (RFC 6901), `` for all of it. */
  readonly at: string
  /** Of JSON lines: from 1. */
  readonly line?: number
  /** Of a record: the reason for which every node would set it aside. */
  readonly reason?: string
  readonly detail: string
}

export interface ProblemOptions {
  /** What is wrong where, for a request that does not hold what it has to. */
  readonly where?: readonly WrongPlace[]
  /** More members of the document (RFC 9457, 3.2). */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: OutgoingHttpHeaders
}

/** Thrown by hooks and handlers; the door's error handler sends it. A bug is any other error. */
export class HttpProblem extends Error {
  readonly status: number
  readonly kind: ProblemKind
  readonly options: ProblemOptions

  constructor(kind: ProblemKind, detail: string, options: ProblemOptions) {
    super(detail)
    this.name = 'HttpProblem'
    this.status = KINDS[kind][0]
    this.kind = kind
    this.options = options
  }
}

/** `throw problem('not-found', 'there is no dataset "x"; GET /v1/datasets lists them')`: the thing, the reason, the remedy. */
export function problem(kind: ProblemKind, detail: string, options: ProblemOptions = {}): HttpProblem {
  return new HttpProblem(kind, detail, options)
}

export const PROBLEM_TYPE = 'application/problem+json'

/** The members of a problem document. */
export function problemDocument(
  { kind, status, message, options }: HttpProblem,
  requestId: string | null,
): Record<string, unknown> {
  return {
    type: `urn:spindexer:problem:${kind}`,
    title: KINDS[kind][1],
    status,
    detail: message,
    ...(requestId === null ? {} : { instance: `urn:uuid:${requestId}` }),
    ...(options.where === undefined ? {} : { where: options.where }),
    ...options.members,
  }
}

const PLACE_SCHEMA = {
  type: 'object',
  required: ['in', 'at', 'detail'],
  properties: {
    in: { enum: ['body', 'path', 'query', 'header'] },
    at: { type: 'string', description: 'the name of a parameter or header; of a body a JSON pointer' },
    line: { type: 'integer', description: 'of JSON lines, from 1' },
    reason: { type: 'string', description: 'of a record: why every node would set it aside, in a word' },
    detail: { type: 'string' },
  },
} as const

/** For routes' `response`: `{ $ref: 'Problem#' }`. */
export const PROBLEM_SCHEMA = {
  $id: 'Problem',
  type: 'object',
  description: 'Problem details (RFC 9457): the thing, the reason, the remedy',
  required: ['type', 'title', 'status', 'detail'],
  properties: {
    type: { type: 'string', description: 'urn:spindexer:problem: and the kind of problem' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: {
      type: 'string',
      description: 'urn:uuid: and the id of the request, as in the header request-id',
    },
    where: { type: 'array', items: PLACE_SCHEMA },
  },
} as const

/** Problem answers for a route's `response`, by status; each description says when. */
export function problemResponses(
  descriptions: Readonly<Record<number, string>>,
): Record<number, { description: string; content: Record<string, { schema: { $ref: string } }> }> {
  return Object.fromEntries(
    Object.entries(descriptions).map(([status, description]) => [
      status,
      { description, content: { [PROBLEM_TYPE]: { schema: { $ref: 'Problem#' } } } },
    ]),
  )
}
