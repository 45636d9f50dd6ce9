// The fold: many mutations become at most one row each, before anything is written.

import { Cells } from './cells.ts'
import { mergeMutation, mergeRow, type Row } from './merge.ts'
import { type KeyText, keyToText, type Mutation } from './mutation.ts'

/** A row of a fold, with the key that it belongs to. */
export interface FoldedRow extends Row {
  readonly key: readonly string[]
}

/** What a set of mutations amounts to: for each dataset, its rows by key text. */
export type Fold = Map<string, Map<KeyText, FoldedRow>>

export function createFold(): Fold {
  return new Map()
}

/** Merges a mutation into the fold, in place. Returns true when its row was not in the fold before. */
export function foldMutation(fold: Fold, mutation: Mutation): boolean {
  let rowsByKey = fold.get(mutation.dataset)
  if (rowsByKey === undefined) {
    rowsByKey = new Map()
    fold.set(mutation.dataset, rowsByKey)
  }
  const text = keyToText(mutation.key)
  let row = rowsByKey.get(text)
  const isNew = row === undefined
  if (row === undefined) {
    row = createFoldedRow(mutation.key)
    rowsByKey.set(text, row)
  }
  mergeMutation(row, mutation)
  return isNew
}

/** Merges one fold into another, in place. */
export function mergeFold(fold: Fold, other: Fold): void {
  for (const [dataset, otherRows] of other) {
    const rowsByKey = fold.get(dataset) ?? new Map<KeyText, FoldedRow>()
    fold.set(dataset, rowsByKey)
    for (const [text, otherRow] of otherRows) {
      const row = rowsByKey.get(text) ?? createFoldedRow(otherRow.key)
      rowsByKey.set(text, row)
      mergeRow(row, otherRow)
    }
  }
}

function createFoldedRow(key: readonly string[]): FoldedRow {
  return { key, alive: null, dead: null, cells: new Cells() }
}
