// Case b: every message is a new row.

import type { Flags } from '../section.ts'
import { type BenchCase, createBenchChange, createBenchDefinition } from './case.ts'

export function createInsertOnly({ messages }: Flags): BenchCase {
  return {
    letter: 'b',
    definition: createBenchDefinition('inserts'),
    passes: [
      {
        name: 'b',
        title: `${messages} new rows`,
        isMeasured: true,
        count: messages,
        change: (n) => createBenchChange(n, n),
      },
    ],
    isPeerEqual: true,
    notes: [],
  }
}
