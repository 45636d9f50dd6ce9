// The merge: what a row becomes when a mutation or another copy of the row meets it. The only place that decides who wins.

import type { Mutation } from './mutation.ts'
import { maxStamp, type Stamp } from './stamp.ts'
import { compareValues, type Value } from './value.ts'

/** A value and the stamp that set it. */
export interface Cell {
  readonly stamp: Stamp
  readonly value: Value
}

/**
 * A row's state. `alive` is the greatest stamp of an upsert, `dead` (its tombstone) of a delete; null is none yet.
 * Every cell's stamp is greater than `dead`: what is not is no part of the state.
 * Mutable, because a fold over millions of messages touches each row many times.
 */
export interface Row {
  alive: Stamp | null
  dead: Stamp | null
  readonly cells: Map<string, Cell>
}

export function createRow(): Row {
  return { alive: null, dead: null, cells: new Map() }
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
  for (const [column, value] of mutation.columns) mergeCell(row.cells, column, { stamp, value })
}

/** Merges another copy of the same row into this one, in place. */
export function mergeRow(row: Row, other: Row): void {
  row.alive = maxStamp(row.alive, other.alive)
  if (other.dead !== null) raiseDead(row, other.dead)
  for (const [column, cell] of other.cells) {
    if (row.dead === null || cell.stamp > row.dead) mergeCell(row.cells, column, cell)
  }
}

function mergeCell(cells: Map<string, Cell>, column: string, cell: Cell): void {
  const held = cells.get(column)
  if (held === undefined || cellWins(cell, held)) cells.set(column, cell)
}

function raiseDead(row: Row, stamp: Stamp): void {
  if (row.dead !== null && stamp <= row.dead) return
  row.dead = stamp
  for (const [column, cell] of row.cells) {
    if (cell.stamp <= stamp) row.cells.delete(column)
  }
}
