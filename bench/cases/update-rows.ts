// Case a: messages over ten times fewer rows, replayed onto an empty database, then as many more onto the full table.

import { scatter } from '../scatter.ts'
import type { Flags } from '../section.ts'
import { type BenchCase, createBenchChange, createBenchDefinition, type Pass } from './case.ts'

/**
 * `lastingEvery`: one message in so many is about a row of its own, so that the table tells whether any part of a log
 * was left out that is so long that all its other rows are written again and again.
 */
export function createUpdateRows(
  { messages, rows }: Pick<Flags, 'messages' | 'rows'>,
  lastingEvery = Number.POSITIVE_INFINITY,
): BenchCase {
  const rowOf = (n: number) => (n % lastingEvery === 1 ? rows + n : scatter(n) % rows)
  const pass = (name: string, title: string, first: number): Pass => ({
    name,
    title,
    isMeasured: true,
    count: messages,
    change: (n) => createBenchChange(first + n, rowOf(first + n)),
  })
  return {
    letter: 'a',
    definition: createBenchDefinition('bench'),
    passes: [
      pass('a1', `${messages} over ${rows} rows, from zero onto an empty database`, 0),
      pass('a2', 'as many more over the same rows, onto the full table', messages),
    ],
    isPeerEqual: true,
    notes: [],
  }
}
