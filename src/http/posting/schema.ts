// What OpenAPI says of every route that writes to the log.

import { JSON_LINES_TYPE, JSON_TYPE } from '../body.ts'
import { problemResponses } from '../problem.ts'

export const TIMEOUT_DEFAULT_S = 30
const TIMEOUT_MAX_S = 300

/** A route as OpenAPI has it. */
export interface PostingDescription {
  readonly schema: object
  readonly body: {
    readonly required: true
    readonly description: string
    readonly content: Readonly<Record<string, { readonly schema: object; readonly example?: unknown }>>
  }
}

/** What is a route's own. */
export interface PostingWords {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  /** One item, as JSON Schema, and one of them. */
  readonly item: object
  readonly example: unknown
  /** `a mutation`. */
  readonly itemWords: string
  /** Of the statuses 403 and 422. */
  readonly forbidden: string
  readonly invalid: string
}

const ID = {
  type: 'object',
  required: ['stamp', 'partition', 'offset'],
  properties: {
    line: { type: 'integer', description: 'of JSON lines: from 1' },
    stamp: { type: 'string', pattern: '^[0-9a-f]{32}$' },
    partition: { type: 'integer', minimum: 0 },
    offset: { type: 'integer', minimum: 0 },
  },
} as const

const ANSWER = {
  type: 'object',
  required: ['durable', 'ids'],
  properties: {
    durable: { type: 'integer', minimum: 0 },
    ids: {
      type: ['array', 'null'],
      items: ID,
      description:
        'in the order of the body: what names each mutation for ever. null of JSON lines, when there are more than 10,000',
    },
    skipped: { type: 'integer', description: 'lines that were left out' },
    where: {
      type: 'array',
      items: { type: 'object' },
      description: 'why lines were left out, the first 100',
    },
    applied: { type: 'boolean', description: 'with wait=applied: whether this node shows them' },
    note: { type: 'string' },
  },
} as const

const LINES = {
  type: 'string',
  description:
    'an id a line, each as soon as it is durable, in no certain order; last of all a line with durable, skipped, applied where it was asked for, and problem: null, or why it ended early',
} as const

const content = (schema: object) => ({
  [JSON_TYPE]: { schema },
  [JSON_LINES_TYPE]: { schema: LINES },
})

export function describePosting({ item, itemWords, example, ...words }: PostingWords): PostingDescription {
  const { operationId, summary, description, forbidden, invalid } = words
  return {
    body: {
      required: true,
      description:
        'JSON is checked whole, and nothing is written when anything is wrong with it. JSON lines are written as they come, and end at the first that is not valid.',
      content: {
        [JSON_TYPE]: { schema: { oneOf: [item, { type: 'array', items: item }] }, example },
        [JSON_LINES_TYPE]: { schema: { type: 'string', description: `${itemWords} a line` } },
      },
    },
    schema: {
      ...{ operationId, summary, description },
      tags: ['mutations'],
      querystring: QUERY,
      response: {
        200: { description: 'All are durable', content: content(ANSWER) },
        202: {
          description: 'All are durable, and this node does not show them yet',
          content: { [JSON_TYPE]: { schema: ANSWER } },
        },
        ...problemResponses({
          400: 'The body is not JSON or not UTF-8, it was cut off, or a parameter is not valid',
          403: forbidden,
          408: 'The body came too slowly; of JSON lines `durable` says how many were written',
          409: 'The log is closed: it was copied, and the copy takes mutations',
          413: 'A JSON body is too large: send JSON lines',
          415: 'The body is neither JSON nor JSON lines, or it is compressed',
          422: invalid,
          503: 'The log does not answer or is full, the clock of the node is wrong, or too much is going on: `durable`, `unknown` (perhaps in the log), `unsent` and `refused` (in the log, where every node quarantines them) say what became of how many, `ids` which are durable (null: not)',
        }),
      },
    },
  }
}

const QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    wait: { type: 'string', enum: ['applied'] },
    timeout: {
      type: 'integer',
      minimum: 1,
      maximum: TIMEOUT_MAX_S,
      default: TIMEOUT_DEFAULT_S,
      description: 'seconds that wait=applied waits',
    },
    'skip-invalid': {
      type: 'boolean',
      default: false,
      description: 'of JSON lines: leave out those that are not valid',
    },
  },
} as const
