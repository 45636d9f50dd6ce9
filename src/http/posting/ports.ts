// What posting of any kind needs of the rest.

import type { Target } from '../../writer/target.ts'
import type { Applied } from '../applied.ts'
import type { Limits } from '../limits.ts'
import type { ProblemKind } from '../problem.ts'

/** Why the log does not take what it was given, for people: the thing, the reason and the remedy. */
export interface LogTrouble {
  readonly kind: Extract<ProblemKind, 'log-away' | 'log-closed' | 'log-refused'>
  readonly detail: string
}

export interface PostingPorts {
  /** The log as a writer knows it. */
  readonly writing: Pick<Target, 'ready' | 'rules'>
  readonly applied: Applied
  readonly explainLog: (error: unknown) => LogTrouble
  readonly limits: Limits
}
