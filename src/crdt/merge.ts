// The merge: what a row becomes when a mutation or another copy of the row meets it. The only place that decides who wins.

import { type Cell, Cells } from './cells.ts'
import type { Mutation } from './mutation.ts'
import { maxStamp, type Stamp } from './stamp.ts'
import { compareValues, type Value } from './value.ts'

/**
 * A row's state. `alive` is the greatest stamp of an upsert, `dead` (its tombstone) of a delete; null is none yet.
 * Every cell's stamp is greater than `dead`: what is not is no part of the state.
 * Mutable, because a fold over millions of messages touches each row many times.
 */
export interface Row {
  alive: Stamp | null
  dead: Stamp | null
  readonly cells: Cells
}

export function createRow(): Row {
  return { alive: null, dead: null, cells: new Cells() }
}

/** A row exists when it was upserted after it was last deleted. */
export function rowExists(row: Pick<Row, 'alive' | 'dead'>): boolean {
  return row.alive !== null && (row.dead === null || row.alive > row.dead)
}

/** True when `challenger` takes the cell: a greater stamp, or, with equal stamps, the greater value. */
export function cellWins(challenger: Cell, holder: Cell): boolean {
  if (challenger.stamp !== holder.stamp) return challenger.stamp > holder.stamp
  return compareValues(challenger.value, holder.value) > 0
}

/** Merges one mutation into a row, in place. */
export function mergeMutation(row: Row, mutation: Mutation): void {
  const { stamp } = mutation
  if (mutation.operation === 'delete') {
    raiseDead(row, stamp)
    return
  }
  if (mutation.operation === 'upsert' && (row.alive === null || stamp > row.alive)) row.alive = stamp
  if (row.dead !== null && stamp <= row.dead) return
  for (const [column, value] of mutation.columns) mergeCell(row.cells, column, stamp, value)
}

/** Merges another copy of the same row into this one, in place. */
export function mergeRow(row: Row, other: Row): void {
  row.alive = maxStamp(row.alive, other.alive)
  if (other.dead !== null) raiseDead(row, other.dead)
  for (const [column, cell] of other.cells) {
    if (row.dead === null || cell.stamp > row.dead) mergeCell(row.cells, column, cell.stamp, cell.value)
  }
}

function mergeCell(cells: Cells, column: string, stamp: Stamp, value: Value): void {
  const held = cells.stampOf(column)
  // Equal stamps are rare: only they need the values compared.
  if (held === stamp && !cellWins({ stamp, value }, cells.get(column)!)) return
  if (held === undefined || stamp >= held) cells.set(column, stamp, value)
}

function raiseDead(row: Row, stamp: Stamp): void {
  if (row.dead !== null && stamp <= row.dead) return
  row.dead = stamp
  row.cells.deleteUpTo(stamp)
}
