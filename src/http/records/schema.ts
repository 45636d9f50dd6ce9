// What OpenAPI says of posting records.

import { describePosting } from '../posting/schema.ts'

const BASE64 = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$'

const RECORD = {
  type: 'object',
  required: ['value'],
  properties: {
    value: {
      type: 'string',
      pattern: BASE64,
      description:
        'in base64 (RFC 4648, section 4, with padding): the framed Avro bytes of a mutation, as they are to stand in the log',
    },
    signature: {
      type: 'string',
      pattern: BASE64,
      description: 'in base64: the value of the header spindexer-signature; left out: it is not signed',
    },
  },
  additionalProperties: false,
} as const

/** Avro single-object: an upsert of the row t1 of tracks, title Blue, stamped on 2022-11-01; not signed. */
const EXAMPLE = { value: 'wwHtxHTBhLA+5hcjTN0z7wAAqqqqqqqqqqoAAAx0cmFja3MCBHQxAAIKdGl0bGUICEJsdWUA' }

export const RECORDS = describePosting({
  operationId: 'postRecords',
  summary: 'Pass records on to the log as their writers made and signed them',
  description:
    'For writers that make the bytes of their messages themselves: stamps, Avro, signatures. Each record is judged as every node will judge it, by its bytes, the definitions and the policy; the bytes and the signature go into the log unchanged. The node adds nothing but the record key, and signs nothing. Answers as postMutations does.',
  item: RECORD,
  itemWords: 'a record',
  example: EXAMPLE,
  forbidden:
    'The policy of the log (`policyVersion`) does not allow it: `detail`, and `where` for each of several, say which version and which rule. Or the token does not allow to write',
  invalid:
    'A record is not valid, or its signature proves nothing: `where` names each, with the reason for which every node would set it aside. Of JSON nothing was written; of JSON lines everything before, `durable` of them',
})
