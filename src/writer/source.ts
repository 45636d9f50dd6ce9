// What a file or a stream of changes is to those who check and send it: changes with their line numbers, some at a time.

import type { TypedChange } from '../codec/line.ts'

/** One line: a valid change, or why it is none (half a sentence that stands behind `line 12: `). */
export type Entry<C = TypedChange> = ChangeEntry<C> | BadEntry

export interface ChangeEntry<C = TypedChange> {
  readonly type: 'change'
  readonly line: number
  readonly change: C
}

export interface BadEntry {
  readonly type: 'bad'
  readonly line: number
  readonly fault: string
}

/** Reads from the beginning at each call. */
export type Source<C = TypedChange> = () => AsyncIterable<readonly Entry<C>[]>

/** What is wrong with a line, for people. */
export interface LineProblem {
  readonly line: number
  readonly what: string
}

/** The first problems and how many there were: a file of a million bad lines must fit on a screen. */
export interface ProblemList {
  add(problem: LineProblem): void
  count(): number
  first(): readonly LineProblem[]
}

const PROBLEMS_KEPT_MAX = 10

export function createProblemList(keptMax: number = PROBLEMS_KEPT_MAX): ProblemList {
  const kept: LineProblem[] = []
  let count = 0
  return {
    add(problem) {
      count++
      if (kept.length < keptMax) kept.push(problem)
    },
    count: () => count,
    first: () => kept,
  }
}
