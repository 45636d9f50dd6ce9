// What the policy of a guarded log says to those who write through the door: a body is not read for nothing.

import { rightsOf } from '../../codec/policy/rights.ts'
import type { GuardedStanding, Standing } from '../../codec/policy/standing.ts'
import { type HttpProblem, problem } from '../problem.ts'

/** Why nothing is taken behind a close; null where there is none. */
export function refuseClosed(standing: Standing): HttpProblem | null {
  if (standing.type === 'open' || !standing.isClosed) return null
  return problem(
    'log-closed',
    'an admin has closed this log when it was copied; write to its newest copy, or give this node its address',
  )
}

/** Why mutations are not taken that nobody has signed; null where they are. */
export function refuseUnsigned(standing: Standing): HttpProblem | null {
  const closed = refuseClosed(standing)
  if (closed !== null || standing.type === 'open') return closed
  const permission = rightsOf(standing).permit(null, ANY_ACT)
  if (permission.type === 'allowed') return null
  return notAllowed(
    standing,
    `${permission.detail}; a node never signs: sign where the key is, with spindexer publish --key FILE, or send records that are signed to POST /v1/records`,
    permission.reason,
  )
}

/** Without a signature it is all or nothing. */
const ANY_ACT = { operation: 'upsert', dataset: '', columns: [] } as const

function notAllowed({ version }: GuardedStanding, detail: string, reason: string): HttpProblem {
  return problem('not-allowed', detail, { members: { policyVersion: version, reason } })
}
