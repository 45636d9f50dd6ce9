// Case e: the log of case a's first pass, appended once more, byte for byte, after it was applied.

import type { Flags } from '../section.ts'
import type { BenchCase } from './case.ts'
import { createUpdateRows } from './update-rows.ts'

export function createDuplicates(flags: Flags): BenchCase {
  const { passes, ...base } = createUpdateRows(flags)
  const once = passes[0]!
  return {
    ...base,
    letter: 'e',
    passes: [
      { ...once, name: 'e0', isMeasured: false },
      { ...once, name: 'e', title: 'the messages of a1 once more, all of them applied before' },
    ],
  }
}
