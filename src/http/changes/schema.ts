// What OpenAPI says of the stream of changes.

import { problemResponses } from '../problem.ts'

export const EVENT_STREAM = 'text/event-stream; charset=utf-8'

export const CHANGES_SCHEMA = {
  operationId: 'streamChanges',
  summary: 'What this node applies, as it does (server-sent events)',
  description: `Events, each with JSON in \`data\`:

- \`change\`: a mutation that this node has applied: \`dataset\`, \`operation\`, \`key\` and \`data\` by column, \`stamp\`, \`timestamp\`, \`origin\`, \`partition\`, \`offset\`, \`status\`. \`merged\`: it is in the tables, or something newer is. \`parked\`: the definitions do not allow it yet; then \`key\` is an array of texts, values are by their Avro type, and \`reason\` and \`detail\` say why. What is quarantined does not come, in a guarded log what its policy refuses included. \`signer\` is the key that has signed the mutation, verified by this node; null: nobody has, or the log is open.
- \`definition\`: a dataset was defined or has more columns; \`offset\` is of the definitions. What was parked and is merged by it does not come again: read the dataset anew.

Changes of one row come in the order of the log, which is not the order of their stamps: the greatest stamp of a cell wins. An event never comes before its rows can be read here. The id behind a chunk of events names all that came before it; who resumes gets at most that chunk again. Ids are good at every node of the same log. A comment comes after 15 s of silence. Who does not read for SPINDEXER_HTTP_IDLE_SECONDS is let go.`,
  tags: ['changes'],
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      after: { type: 'string', description: 'an id: go on behind it; Last-Event-ID wins' },
      from: { type: 'string', enum: ['start'], description: 'begin with the first change of the log' },
      dataset: { type: 'string', description: 'of this dataset alone' },
    },
  },
  headers: {
    type: 'object',
    properties: {
      'last-event-id': { type: 'string', description: 'the id of the last event; browsers send it' },
    },
  },
  response: {
    200: {
      description: 'Changes from now on, or from where it was asked for, without an end',
      content: { 'text/event-stream': { schema: { type: 'string' } } },
    },
    ...problemResponses({
      400: 'The id is none, or of a time to come',
      410: 'The id is of another log: read the datasets anew',
      503: 'The node has not started, too many clients are served or are far behind, or the log does not answer',
    }),
  },
} as const
