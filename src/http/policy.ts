// GET /v1/policy: who may write what, for those who are about to.

import type { FastifyInstance } from 'fastify'
import type { Rules } from '../writer/target.ts'
import type { PostingPorts } from './posting/ports.ts'
import { troubleProblem } from './posting/trouble.ts'
import { problemResponses } from './problem.ts'

export type PolicyPorts = Pick<PostingPorts, 'writing' | 'explainLog'>

export function addPolicyRoutes(app: FastifyInstance, { writing, explainLog }: PolicyPorts): void {
  app.get('/v1/policy', { schema: POLICY_SCHEMA }, async () => {
    await writing.ready().catch((error: unknown) => {
      throw troubleProblem(error, explainLog)
    })
    return describePolicy(writing.rules())
  })
}

function describePolicy({ genesis: { logId }, standing }: Rules) {
  if (standing.type === 'open') {
    const nobody = { admins: [], rules: [], unsigned: true, closed: false }
    return { logId, type: 'open', version: null, ...nobody }
  }
  const { type, version, admins, rules, unsigned, isClosed } = standing
  return { logId, type, version, admins, rules, unsigned, closed: isClosed }
}

const KEY = {
  type: 'string',
  pattern: '^(ed25519:[0-9a-f]{64}|eip191:[0-9a-f]{40})$',
  description: 'ed25519: and the public key, or eip191: and the Ethereum address',
} as const

function allOr(items: object, description: string) {
  return { description, oneOf: [{ const: '*' }, { type: 'array', items }] }
}

const NAMES = { type: 'string' } as const

const RULE = {
  type: 'object',
  required: ['signers', 'operations', 'datasets', 'columns'],
  properties: {
    signers: allOr(KEY, 'whom the rule lets write; *: everybody who signs'),
    operations: { type: 'array', items: { enum: ['upsert', 'update', 'delete'] } },
    datasets: allOr(NAMES, '*: all'),
    columns: allOr(NAMES, '*: all'),
  },
} as const

const POLICY = {
  type: 'object',
  required: ['logId', 'type', 'version', 'admins', 'rules', 'unsigned', 'closed'],
  properties: {
    logId: { type: 'string', description: 'what a signature names' },
    type: { enum: ['open', 'guarded'], description: 'open: everybody may write everything' },
    version: { type: ['integer', 'null'], description: '0: the genesis, before any policy; null: open' },
    admins: { type: 'array', items: KEY, description: 'they may write everything' },
    rules: {
      type: 'array',
      items: RULE,
      description: 'those that name a signer, dataset and operation unite; a column has to be in one of them',
    },
    unsigned: {
      type: 'boolean',
      description: 'mutations need no signature, and everybody may write everything',
    },
    closed: { type: 'boolean', description: 'an admin has closed the log: it takes nothing any more' },
  },
} as const

const POLICY_SCHEMA = {
  operationId: 'getPolicy',
  summary: 'Who may write what',
  description:
    'The policy that stands in the definitions of the log now. It gets there last: while a new one is being applied, partitions may have it already.',
  tags: ['mutations'],
  querystring: { type: 'object', additionalProperties: false, properties: {} },
  response: {
    200: { description: 'The policy', content: { 'application/json': { schema: POLICY } } },
    ...problemResponses({ 503: 'The log does not answer' }),
  },
} as const
