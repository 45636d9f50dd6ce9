// GET /v1/status: how far the node is, what it holds, and what it has set aside.

import type { FastifyInstance } from 'fastify'
import type { WithSnapshot } from './snapshots.ts'
import { descriptionFor, judgeLog, type SeenLog, toStatusRecord } from './status-record.ts'

export interface StatusPorts {
  readonly withSnapshot: WithSnapshot
  readonly lookAtLog: () => Promise<SeenLog>
}

type Status = Readonly<Record<string, unknown>>

export function addStatusRoutes(app: FastifyInstance, { withSnapshot, lookAtLog }: StatusPorts): void {
  let asking: Promise<Status> | null = null

  async function readStatus(): Promise<Status> {
    // Positions first: then the lag is never less than nothing.
    const status = await withSnapshot((reader) => reader.status())
    const seen = await lookAtLog()
    return toStatusRecord(status, descriptionFor(status, seen), judgeLog(status, seen))
  }

  app.get('/v1/status', { schema: STATUS_SCHEMA }, async () => {
    // It counts the rows of every table: whoever asks meanwhile gets the same answer.
    asking ??= readStatus().finally(() => {
      asking = null
    })
    return asking
  })
}

const COUNT = { type: 'integer' } as const
const MAYBE_COUNT = { type: ['integer', 'null'] } as const
const WORDS = { type: 'array', items: { type: 'string' } } as const

function object(properties: Readonly<Record<string, object>>) {
  return { type: 'object', required: Object.keys(properties), properties }
}

const STATUS_SCHEMA = {
  operationId: 'getStatus',
  summary: "The node's log, positions, lag and counts, and what it has set aside and why",
  description:
    'As `spindexer status --json`. It counts the rows of every dataset, so it is not for asking every second: /metrics is.',
  tags: ['node'],
  querystring: { type: 'object', additionalProperties: false, properties: {} },
  response: {
    200: {
      description: 'As of one snapshot of the database, and of the log just behind it',
      content: {
        'application/json': {
          schema: object({
            log: { type: ['string', 'null'], description: 'null while it does not answer' },
            logId: { type: ['string', 'null'] },
            copyId: { type: ['string', 'null'] },
            generation: MAYBE_COUNT,
            policy: {
              ...object({
                type: { enum: ['open', 'guarded'] },
                version: MAYBE_COUNT,
                isClosed: { type: ['boolean', 'null'] },
                partitions: {
                  type: 'array',
                  items: object({ partition: COUNT, version: COUNT, isClosed: { type: 'boolean' } }),
                  description: 'where they differ, all of them, -1 the definitions; else none',
                },
              }),
              type: ['object', 'null'],
              description:
                'who may write where the node stands; null while that is not known. In an open log, and where partitions differ, version and isClosed are null',
            },
            lag: { ...MAYBE_COUNT, description: 'records to process; null while the log does not answer' },
            newestStamp: { type: ['string', 'null'] },
            newestAppendMs: MAYBE_COUNT,
            partitions: {
              type: 'array',
              items: object({
                partition: COUNT,
                position: COUNT,
                end: MAYBE_COUNT,
                lag: MAYBE_COUNT,
                consumed: COUNT,
                merged: COUNT,
                parked: COUNT,
                quarantined: COUNT,
                controls: COUNT,
              }),
            },
            definitions: object({
              position: COUNT,
              end: MAYBE_COUNT,
              lag: MAYBE_COUNT,
              taken: COUNT,
              refused: COUNT,
              controls: COUNT,
              isJudgingAgain: { type: 'boolean' },
            }),
            reasons: {
              type: 'array',
              items: object({
                kind: { enum: ['parked', 'quarantined'] },
                reason: { type: 'string' },
                count: COUNT,
                meaning: { type: ['string', 'null'] },
                remedy: { type: ['string', 'null'] },
              }),
            },
            datasets: {
              type: 'array',
              items: object({
                dataset: { type: 'string' },
                visible: COUNT,
                incomplete: COUNT,
                absent: COUNT,
              }),
            },
            origins: object({ seen: COUNT, withGaps: COUNT, withDuplicates: COUNT }),
            problems: { ...WORDS, description: 'why this node cannot use its log now' },
            warnings: WORDS,
          }),
        },
      },
    },
  },
} as const
