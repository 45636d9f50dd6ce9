// The cases in the order in which they run.

import { type Flags, say } from '../section.ts'
import type { BenchCase } from './case.ts'
import { createDuplicates } from './duplicates.ts'
import { createHotKeys } from './hot-keys.ts'
import { createInsertOnly } from './insert-only.ts'
import { createRealRows } from './real-rows.ts'
import { createUpdateRows } from './update-rows.ts'
import { createWideRows } from './wide-rows.ts'

export const CASE_LETTERS = ['a', 'b', 'c', 'd', 'e', 'f'] as const

/** Those that the flags ask for; a case is made when its turn comes, so that real rows are not held all the time. */
export function chooseCases(flags: Flags): readonly (() => BenchCase)[] {
  const { data } = flags
  if (flags.cases.has('c') && data === null) {
    say('case c (real rows) is skipped: --data FOLDER names a folder of DATASET.jsonl.gz files')
  }
  const makers: Readonly<Record<(typeof CASE_LETTERS)[number], (() => BenchCase) | null>> = {
    a: () => createUpdateRows(flags),
    b: () => createInsertOnly(flags),
    c: data === null ? null : () => createRealRows(data, flags.dataset),
    d: () => createWideRows(flags),
    e: () => createDuplicates(flags),
    f: () => createHotKeys(flags),
  }
  return CASE_LETTERS.flatMap((letter) => (flags.cases.has(letter) ? (makers[letter] ?? []) : []))
}
