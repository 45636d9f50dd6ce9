// Case a: messages over ten times fewer rows, replayed onto an empty database, then as many more onto the full table.

import { scatter } from '../scatter.ts'
import type { Flags } from '../section.ts'
import { type BenchCase, createBenchChange, createBenchDefinition, type Pass } from './case.ts'

export function createUpdateRows({ messages, rows }: Pick<Flags, 'messages' | 'rows'>): BenchCase {
  const pass = (name: string, title: string, first: number): Pass => ({
    name,
    title,
    isMeasured: true,
    count: messages,
    change: (n) => createBenchChange(first + n, scatter(first + n) % rows),
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
