// Case d: tables of twenty columns, messages that set two of them and leave the others alone.

import type { Value } from '../../src/crdt/value.ts'
import { scatter } from '../scatter.ts'
import type { Flags } from '../section.ts'
import type { BenchCase, Change } from './case.ts'

const PAIRS = 10

export function createWideRows({ messages, rows }: Flags): BenchCase {
  const pairs = Array.from({ length: PAIRS }, (_, i) => i)
  return {
    letter: 'd',
    definition: {
      type: 'record',
      name: 'wide',
      key: ['id'],
      fields: [
        { name: 'id', type: 'string' },
        ...pairs.flatMap((i) => [
          { name: `plays${i}`, type: ['null', 'long'] },
          { name: `title${i}`, type: ['null', 'string'] },
        ]),
      ],
    },
    passes: [
      {
        name: 'd',
        title: `${messages} over ${rows} rows of 20 columns, 2 set by each`,
        isMeasured: true,
        count: messages,
        change: (n) => createChange(n, scatter(n) % rows),
      },
    ],
    isPeerEqual: false,
    notes: [
      'd: the peer cannot tell an absent column from null: it sets the other 18 to null, and its table is another one. Its figure is no comparison of the same work.',
    ],
  }
}

function createChange(n: number, row: number): Change {
  const first = (scatter(n + 0x9e3779b9) % PAIRS) * 2
  const values: (Value | undefined)[] = Array(2 * PAIRS).fill(undefined)
  values[first] = BigInt(n)
  values[first + 1] = `title ${n}`
  return { number: BigInt(n), operation: 'upsert', key: [`row-${row}`], values, sets: [first, first + 1] }
}
