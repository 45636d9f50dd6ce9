// Case f: half of all messages are about ten rows.

import { scatter } from '../scatter.ts'
import type { Flags } from '../section.ts'
import { type BenchCase, createBenchChange, createBenchDefinition } from './case.ts'

const HOT_ROWS = 10

export function createHotKeys({ messages, rows }: Flags): BenchCase {
  // Even numbers are the hot half; scattered, so that it is no fixed rhythm which row comes next.
  const rowOf = (n: number) => (n % 2 === 0 ? scatter(n) % HOT_ROWS : HOT_ROWS + (scatter(n) % rows))
  return {
    letter: 'f',
    definition: createBenchDefinition('hot'),
    passes: [
      {
        name: 'f',
        title: `${messages}, half of them on ${HOT_ROWS} rows, the others over ${rows}`,
        isMeasured: true,
        count: messages,
        change: (n) => createBenchChange(n, rowOf(n)),
      },
    ],
    isPeerEqual: true,
    notes: [],
  }
}
