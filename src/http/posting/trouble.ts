// Why mutations that are valid did not become durable, as problems.

import { ClockError, LateError, PolicyError } from '../../writer/late.ts'
import type { Outcome } from '../../writer/sending.ts'
import { LIMIT_SETTINGS } from '../limits.ts'
import { HttpProblem, type ProblemOptions, problem } from '../problem.ts'
import type { LogTrouble } from './ports.ts'

export type ExplainLog = (error: unknown) => LogTrouble

const RETRY = { headers: { 'retry-after': '5' } }
const AGAIN =
  'what may be in the log can be sent again: with a timestamp of its own it is the same mutation, without one a later one that says the same'

/** Of an error that came instead of an answer of the log. */
export function troubleProblem(
  error: unknown,
  explainLog: ExplainLog,
  members: ProblemOptions['members'] = {},
): HttpProblem {
  if (error instanceof HttpProblem) {
    return problem(error.kind, error.message, {
      ...error.options,
      members: { ...error.options.members, ...members },
    })
  }
  if (error instanceof ClockError) return clockProblem(error.message, members)
  if (error instanceof PolicyError) return problem('not-allowed', error.message, { members })
  if (error instanceof LateError) {
    return problem(
      'log-away',
      `${error.message}; try again later (${LIMIT_SETTINGS.appendMs} is the limit); ${AGAIN}`,
      { ...RETRY, members },
    )
  }
  const { kind, detail } = explainLog(error)
  if (kind === 'log-closed') return problem(kind, detail, { members })
  return problem(kind, `${detail}; ${AGAIN}`, { ...RETRY, members })
}

/** Of outcomes that are not all durable. */
export function outcomesProblem(
  outcomes: readonly Outcome[],
  explainLog: ExplainLog,
  members: ProblemOptions['members'],
): HttpProblem {
  const refused = outcomes.find(({ type }) => type === 'refused')
  if (refused?.type === 'refused') return clockProblem(refused.reason, members)
  const failed =
    outcomes.find(({ type }) => type === 'unknown') ?? outcomes.find(({ type }) => type === 'unsent')
  const error = failed !== undefined && 'error' in failed ? failed.error : null
  return troubleProblem(error, explainLog, members)
}

export function clockProblem(reason: string, members: ProblemOptions['members'] = {}): HttpProblem {
  return problem(
    'clock-ahead',
    `${reason}; set the clock of the machine that this node runs on, then send it again`,
    { headers: { 'retry-after': '30' }, members },
  )
}
