// A JSON body: one mutation or an array of them, checked whole before anything is sent.

import { setImmediate as turn } from 'node:timers/promises'
import { readChange, type TypedChange } from '../../codec/line.ts'
import { checkSource } from '../../writer/check.ts'
import { toEntry } from '../../writer/json-source.ts'
import type { Entry, LineProblem } from '../../writer/source.ts'
import type { Rules } from '../../writer/target.ts'
import { PLACES_MAX, pointerTo, readItems, TURN_ITEMS } from '../posting/items.ts'
import { problem, type WrongPlace } from '../problem.ts'

/** The changes of a body in their order. Throws a problem that names all that is wrong with it. */
export async function readWhole(
  bytes: Buffer,
  rules: Rules,
  signal: AbortSignal,
): Promise<readonly TypedChange[]> {
  const { items: entries, isArray } = await readItems(bytes, (json, number) =>
    toEntry(number, readChange(json, rules.catalogue)),
  )
  await check(entries, isArray, rules, signal)
  return entries.flatMap((entry) => (entry.type === 'change' ? [entry.change] : []))
}

async function check(
  entries: readonly Entry[],
  isArray: boolean,
  { latestNs }: Rules,
  signal: AbortSignal,
): Promise<void> {
  async function* source(): AsyncGenerator<readonly Entry[]> {
    for (let at = 0; at < entries.length; at += TURN_ITEMS) {
      yield entries.slice(at, at + TURN_ITEMS)
      if (at > 0) await turn()
    }
  }
  const result = await checkSource(source, {
    latestNs,
    ties: null,
    signal,
    onProgress: () => {},
    problemsKept: PLACES_MAX,
    unit: 'item',
  })
  const toPlace = ({ line, what }: LineProblem): WrongPlace => ({
    in: 'body',
    at: pointerTo(line, isArray),
    detail: what,
  })
  if (result.invalid > 0) {
    const words = isArray
      ? `${result.invalid} of ${entries.length} mutations are not valid; nothing was written: mend what "where" names`
      : `the mutation is not valid, and was not written: ${result.problems[0]!.what}`
    throw problem('invalid-mutation', words, {
      where: result.problems.map(toPlace),
      members: { invalid: result.invalid, durable: 0 },
    })
  }
  if (result.ties > 0) {
    throw problem(
      'contradicting-mutations',
      'mutations with one timestamp disagree about a row; nothing was written: give one of the two another timestamp, or take it out',
      { where: result.tieProblems.map(toPlace), members: { invalid: result.ties, durable: 0 } },
    )
  }
}
