// POST /v1/mutations: changes as people type them, which nobody has signed.

import { boundMutation } from '../../codec/avro-encode.ts'
import type { TypedChange } from '../../codec/line.ts'
import { createChangeSource } from '../../writer/json-source.ts'
import { refuseChange } from '../../writer/send.ts'
import { createTieCheck } from '../../writer/ties.ts'
import type { Writing } from '../../writer/writing.ts'
import { refuseUnsigned } from '../posting/policy.ts'
import type { AddPosting, PostedLines } from '../posting/routes.ts'
import type { HttpProblem } from '../problem.ts'
import { MUTATIONS } from './schema.ts'
import { readWhole } from './whole.ts'

export interface MutationsPorts {
  readonly writing: Writing
}

/** Rows whose timestamps are remembered, to find lines that contradict each other. */
const TIES_ROWS = 10_000

export function addMutationsRoutes(add: AddPosting, { writing }: MutationsPorts): void {
  add<TypedChange>({
    path: '/v1/mutations',
    description: MUTATIONS,
    sender: writing,
    bytesOf: boundMutation,
    refuse: ({ standing }) => refuseUnsigned(standing),
    readWhole,
    openLines: (open) => openLines(writing, open),
  })
}

function openLines(writing: Writing, open: () => AsyncIterable<Buffer>): PostedLines<TypedChange> {
  const ties = createTieCheck(TIES_ROWS)
  let refusal: HttpProblem | null = null
  return {
    source: createChangeSource(open, () => writing.rules().catalogue),
    refuse(entry) {
      const { standing, latestNs } = writing.rules()
      // A policy may come while lines do.
      refusal = refuseUnsigned(standing)
      if (refusal !== null) return { what: refusal.message, canBeSkipped: false }
      return refuseChange(entry, latestNs, ties)
    },
    stop: () =>
      refusal === null
        ? { kind: 'invalid-mutation', word: 'not valid' }
        : { kind: refusal.kind, word: 'not taken' },
  }
}
