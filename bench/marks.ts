// The two rows of its own that every pass begins and ends with, by which it is seen from outside when it was applied.

import type { Dataset } from '../src/codec/catalogue.ts'
import type { Change, Pass } from './cases/case.ts'

/** Above every number that a case gives its changes. */
const MARKS_FROM = 2n ** 40n

export interface Marks {
  readonly first: Change
  readonly last: Change
}

export function marksOf(dataset: Dataset, passes: readonly Pass[], pass: Pass): Marks {
  const place = passes.indexOf(pass)
  const mark = (name: string, number: number): Change => ({
    number: MARKS_FROM + BigInt(number),
    operation: 'upsert',
    key: dataset.key.map(() => `~${name} ${pass.name}`),
    values: [...dataset.columns].map(() => undefined),
    sets: [],
  })
  return { first: mark('first', 2 * place), last: mark('last', 2 * place + 1) }
}

/** All messages of a pass in order, its marks included. */
export function* changesOf(dataset: Dataset, passes: readonly Pass[], pass: Pass): Iterable<Change> {
  const { first, last } = marksOf(dataset, passes, pass)
  yield first
  for (let n = 0; n < pass.count; n++) yield pass.change(n)
  yield last
}

/** How many messages that is. */
export function messagesOf(pass: Pass): number {
  return pass.count + 2
}
