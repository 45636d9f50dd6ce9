// What OpenAPI says of posting mutations.

import { describePosting } from '../posting/schema.ts'

const MUTATION = {
  type: 'object',
  required: ['operation', 'data'],
  properties: {
    timestamp: {
      type: 'string',
      description:
        'nanoseconds since 1970 in digits, or a time with a zone; left out: the mutation is stamped now. With it, the same mutation sent again is the same mutation',
    },
    dataset: { type: 'string', description: 'its name; or as `table`' },
    table: { type: 'string' },
    operation: { enum: ['upsert', 'update', 'delete'] },
    data: {
      type: 'object',
      description:
        'every key column, and columns by name: none with delete, at least one with update. A column that is left out is left alone; null is a value.',
    },
    id: { description: 'ignored' },
  },
  additionalProperties: false,
} as const

export const MUTATIONS = describePosting({
  operationId: 'postMutations',
  summary: 'Write mutations to the log',
  description:
    'Answers when all are durable in the log, from which every node takes them; with wait=applied when this node shows them: whoever reads a row here afterwards sees them, or something newer. They are not signed: a guarded log takes them only where its policy says that mutations need no signature.',
  item: MUTATION,
  itemWords: 'a mutation',
  example: { dataset: 'tracks', operation: 'upsert', data: { id: 't1', title: 'Blue', plays: 7 } },
  forbidden:
    'The policy of the log (`policyVersion`) does not allow unsigned mutations: post signed records. Or the token does not allow to write',
  invalid:
    'A mutation is not valid, or two contradict each other under one timestamp: `where` names them. Of JSON nothing was written; of JSON lines everything before, `durable` of them',
})
