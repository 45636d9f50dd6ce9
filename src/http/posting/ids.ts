// The ids of mutations: each its stamp and its place in the log.

import type { Outcome } from '../../writer/sending.ts'

export type Durable = Extract<Outcome, { type: 'durable' }>

/** JSON text; `line` where there are lines. Offsets have all their digits. */
export function idJson({ stamp, appended }: Durable, line?: number): string {
  const first = line === undefined ? '' : `"line":${line},`
  return `{${first}"stamp":"${stamp}","partition":${appended.partition},"offset":${appended.offset}}`
}

/** How many changes became what. */
export interface OutcomeCounts {
  readonly durable: number
  /** In the log, where every node quarantines them. */
  readonly refused: number
  /** Perhaps in the log. */
  readonly unknown: number
  /** Not in the log. */
  readonly unsent: number
}

export function countOutcomes(outcomes: readonly Outcome[]): OutcomeCounts {
  const counts = { durable: 0, refused: 0, unknown: 0, unsent: 0 }
  for (const { type } of outcomes) counts[type]++
  return counts
}
