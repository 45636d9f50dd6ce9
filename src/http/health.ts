// GET /healthz and /readyz, for whoever starts and stops processes and sends them traffic. No token is asked for.

import type { FastifyInstance } from 'fastify'
import { problem, problemResponses } from './problem.ts'
import type { Progress } from './progress.ts'
import type { Watermarks } from './watermarks.ts'

export interface HealthPorts {
  readonly progress: Progress
  readonly watermarks: () => Promise<Watermarks>
}

export function addHealthRoutes(app: FastifyInstance, { progress, watermarks }: HealthPorts): void {
  app.get('/healthz', { config: { isOpen: true }, schema: HEALTH_SCHEMA }, async () => {
    return { alive: true }
  })
  app.get('/readyz', { config: { isOpen: true }, schema: READY_SCHEMA }, async () => {
    const readiness = progress.judge(await watermarks())
    if (readiness.type === 'ready') return { ready: true, lag: readiness.lag }
    throw problem('not-ready', readiness.reason, { headers: { 'retry-after': '5' } })
  })
}

const HEALTH_SCHEMA = {
  operationId: 'getHealth',
  summary: 'Whether the process serves',
  description: 'Restart it when this does not answer. Whether the node gets on, /readyz says.',
  tags: ['node'],
  response: {
    200: {
      description: 'It does',
      content: {
        'application/json': {
          schema: { type: 'object', required: ['alive'], properties: { alive: { const: true } } },
          example: { alive: true },
        },
      },
    },
  },
} as const

const READY_SCHEMA = {
  operationId: 'getReadiness',
  summary: 'Whether the node gets on',
  description:
    'Ready is a node that has started and either is at the end of the log or has committed something within SPINDEXER_HTTP_STALL_SECONDS.',
  tags: ['node'],
  response: {
    200: {
      description: 'It does',
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['ready', 'lag'],
            properties: {
              ready: { const: true },
              lag: {
                type: 'integer',
                description: 'records of the log that this process has yet to process',
              },
            },
          },
          example: { ready: true, lag: 0 },
        },
      },
    },
    ...problemResponses({ 503: 'It does not: the detail says why' }),
  },
} as const
