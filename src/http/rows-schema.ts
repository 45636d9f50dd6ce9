// What OpenAPI says of the routes that read rows.

import { problemResponses } from './problem.ts'

export const LIMIT_DEFAULT = 100
const LIMIT_MAX = 1_000

const DATASET = { type: 'string', description: 'the name of a dataset' } as const
const KEY_WORDS =
  'of a key of one column its text; of several each text percent-encoded, and these joined by commas (a comma within a text is %2C)'

const ROW = {
  type: 'object',
  description:
    'The columns by name, as the dataset names them. A long is a JSON number with all its digits, a decimal a string, bytes are base64, json is as it is; null is what is null or was never set.',
} as const

const STAMP = {
  type: 'string',
  pattern: '^[0-9a-f]{32}$',
  description: '16 hex digits of nanoseconds since 1970, 16 of origin; the greatest wins',
} as const

const SIGNER = {
  type: ['string', 'null', 'array'],
  items: { type: ['string', 'null'] },
  description:
    'whose signature the messages of this origin carry: null when nobody has signed (always in an open log), a key, or all of them when several have written under one origin',
} as const

const CELL = {
  type: 'object',
  required: ['value', 'stamp', 'timestamp', 'origin', 'signer'],
  properties: {
    value: { description: 'as in the row' },
    stamp: STAMP,
    timestamp: { type: 'string', description: 'of the stamp, with 9 decimals' },
    origin: { type: 'string', pattern: '^[0-9a-f]{16}$', description: 'of the stamp: who wrote it' },
    signer: SIGNER,
  },
} as const

function cellExample(value: string | number, ns: number) {
  return {
    value,
    stamp: `000000000000000${ns}aaaaaaaaaaaaaaaa`,
    timestamp: `1970-01-01T00:00:00.00000000${ns}Z`,
    origin: 'aaaaaaaaaaaaaaaa',
    signer: null,
  }
}

export const ROW_SCHEMA = {
  operationId: 'getRow',
  summary: 'A row by its key',
  tags: ['rows'],
  params: {
    type: 'object',
    properties: { dataset: DATASET, key: { type: 'string', description: KEY_WORDS } },
  },
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      include: {
        type: 'string',
        enum: ['stamps'],
        description: 'stamps: who wrote and signed each cell, and when',
      },
    },
  },
  response: {
    200: {
      description: 'The row; `alive`, `dead`, their signers and `cells` where stamps were asked for',
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['row'],
            properties: {
              row: ROW,
              alive: { ...STAMP, description: 'the greatest stamp of an upsert' },
              aliveSigner: { ...SIGNER, description: 'of the origin of `alive`, as `signer` of a cell' },
              dead: { ...STAMP, type: ['string', 'null'], description: 'the greatest stamp of a delete' },
              deadSigner: { ...SIGNER, description: 'of the origin of `dead`' },
              cells: { type: 'object', additionalProperties: CELL },
            },
          },
          example: {
            row: { id: 't1', title: 'Blue', plays: 7, price: '12.5' },
            alive: '0000000000000001aaaaaaaaaaaaaaaa',
            aliveSigner: null,
            dead: null,
            deadSigner: null,
            cells: {
              title: cellExample('Blue', 1),
              plays: cellExample(7, 1),
              price: cellExample('12.5', 2),
            },
          },
        },
      },
    },
    ...problemResponses({
      404: 'There is no such dataset; or no such row, or it was deleted (with `dead` and `deadSigner` where stamps were asked for), or it is hidden while a required column is null: the type says which',
    }),
  },
} as const

export const PAGE_SCHEMA = {
  operationId: 'listRows',
  summary: 'Rows in the order of their keys',
  description:
    'By the first column of the key, then by the next: longs by their numbers, everything else by its text in UTF-8 bytes. Each page is one snapshot; a row that changes its place between two pages does not exist, because keys do not change.',
  tags: ['rows'],
  params: { type: 'object', properties: { dataset: DATASET } },
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      limit: {
        type: 'integer',
        minimum: 1,
        maximum: LIMIT_MAX,
        default: LIMIT_DEFAULT,
        description: 'the most rows of a page; one of large rows has fewer',
      },
      after: { type: 'string', description: `the key behind which the page begins: ${KEY_WORDS}` },
    },
  },
  response: {
    200: {
      description: 'A page',
      headers: {
        link: { type: 'string', description: 'the next page, with rel="next" (RFC 8288); not on the last' },
      },
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['rows', 'next'],
            properties: {
              rows: { type: 'array', items: ROW },
              next: {
                type: ['string', 'null'],
                description: 'the address of the next page; null on the last',
              },
            },
          },
          example: {
            rows: [{ n: 1 }, { n: 9 }],
            next: '/v1/datasets/numbers/rows?limit=2&after=9',
          },
        },
      },
    },
    ...problemResponses({ 404: 'There is no such dataset' }),
  },
} as const
