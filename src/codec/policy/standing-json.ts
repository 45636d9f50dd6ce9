// What holds at a place as JSON, so that a store can keep it.

import type { GuardedStanding } from './standing.ts'

/** One JSON object. Names and keys are ASCII, so that any database can hold the text. */
export function standingToJson({ version, admins, rules, unsigned, isClosed }: GuardedStanding): string {
  return JSON.stringify({ version, admins, rules, unsigned, isClosed })
}

/** Reads back what `standingToJson` made, however its members are ordered by now. Anything else is a bug. */
export function standingFromJson(text: string): GuardedStanding {
  const { version, admins, rules, unsigned, isClosed } = JSON.parse(text) as GuardedStanding
  return { type: 'guarded', version, admins, rules, unsigned, isClosed }
}
