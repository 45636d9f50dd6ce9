// Packed rows as the statements take them: in the order of their keys, a statement's worth at a time, with what is special about each.

import type { Catalogue, Column, Dataset } from '../../codec/catalogue.ts'
import type { Arena } from '../../crdt/packed/arena.ts'
import type { PackedFold } from '../../crdt/packed/fold.ts'
import { ALIVE, DEAD, NULL_LENGTH, type PackedTable } from '../../crdt/packed/table.ts'
import { compareText } from '../../crdt/value.ts'
import { orderRows } from './order.ts'

/** A column of the dataset and its place in the table's shape. */
export interface PackedColumn {
  readonly column: Column
  readonly place: number
}

/** Rows of one dataset: indices in the arena, sorted by key. `columns` may be fewer than the rows have cells of. */
export interface PackedRows {
  readonly dataset: Dataset
  readonly arena: Arena
  readonly table: PackedTable
  readonly rows: Uint32Array
  readonly columns: readonly PackedColumn[]
}

/** A column of some rows: whether a stamp has to be said for one of its cells, and whether one holds null. */
export interface ChunkColumn extends PackedColumn {
  readonly isStamped: boolean
  readonly hasNull: boolean
}

/**
 * Rows for one statement and what decides its text. `isPlain`: every row was upserted as a whole, so that `alive` is the
 * stamp of each cell of every column of the dataset, and none was deleted.
 */
export interface Chunk extends PackedRows {
  readonly columns: readonly ChunkColumn[]
  readonly isPlain: boolean
  readonly hasAlive: boolean
  readonly hasDead: boolean
  /** About how long the parameters are. */
  readonly bytes: number
}

/** A statement's bounds: its arrays are held by Postgres as they come and again as rows. */
const STATEMENT_ROWS_MAX = 20_000
const STATEMENT_BYTES_MAX = 16 * 1024 * 1024
/** Of a row: its two stamps and the words of lengths; of a cell: a stamp and the words of lengths. */
const ROW_BYTES = 48
const CELL_BYTES = 40

/** The rows of a fold by dataset, in the order in which all workers write them. */
export function* foldToRows(catalogue: Catalogue, { arena, tables }: PackedFold): Generator<PackedRows> {
  for (const name of [...tables.keys()].sort(compareText)) {
    const table = tables.get(name)!
    if (table.size === 0) continue
    const dataset = catalogue.datasets.get(name)
    if (dataset === undefined) throw new Error(`a batch holds rows of "${name}", which is not defined`)
    const columns = columnsOf(dataset, table)
    yield { dataset, arena, table, columns, rows: orderRows(dataset, arena, table) }
  }
}

/** By name, so that statement texts repeat. Throws for one that is not defined: such a message should have been parked. */
function columnsOf(dataset: Dataset, table: PackedTable): PackedColumn[] {
  return table.shape.columns
    .map(({ name }, place) => ({ column: dataset.columns.get(name), name, place }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ column, name, place }) => {
      if (column === undefined)
        throw new Error(`rows of "${dataset.name}" have a column "${name}", which is not defined`)
      return { column, place }
    })
}

// What the cells of a column are like, as bits.
const OCCURS = 1
const IS_ABSENT = 2
const IS_NULL = 4
/** Its stamp is not that of `alive`. */
const IS_OTHER = 8

/** The same rows in statements' worth. */
export function* chunksOf(set: PackedRows): Generator<Chunk> {
  const { table, arena, columns, rows } = set
  let traits = new Uint8Array(columns.length)
  let from = 0
  let bytes = 0
  let aliveCount = 0
  let deadCount = 0
  const cut = (to: number): Chunk => {
    const chunk = chunkOf(set, rows.subarray(from, to), traits, aliveCount, deadCount, bytes)
    from = to
    bytes = aliveCount = deadCount = 0
    traits = new Uint8Array(columns.length)
    return chunk
  }
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    let size = ROW_BYTES + table.keyLength(row)
    for (const { place } of columns) {
      const cell = table.cellOf(row, place)
      if (table.hasStamp(cell)) size += CELL_BYTES + Math.max(0, table.valueLength(cell))
    }
    if (i > from && (i - from >= STATEMENT_ROWS_MAX || bytes + size > STATEMENT_BYTES_MAX)) yield cut(i)
    bytes += size
    if (table.hasStamp(row + ALIVE)) aliveCount++
    if (table.hasStamp(row + DEAD)) deadCount++
    for (let c = 0; c < columns.length; c++) {
      traits[c]! |= traitsOf(table, arena.words, row, table.cellOf(row, columns[c]!.place))
    }
  }
  if (from < rows.length) yield cut(rows.length)
}

function traitsOf(table: PackedTable, words: Uint32Array, row: number, cell: number): number {
  if (!table.hasStamp(cell)) return IS_ABSENT
  const isNull = table.valueLength(cell) === NULL_LENGTH ? IS_NULL : 0
  return OCCURS | isNull | (isStampOf(words, cell, row + ALIVE) ? 0 : IS_OTHER)
}

/** True where both places have the same stamp. */
export function isStampOf(words: Uint32Array, at: number, other: number): boolean {
  return (
    words[at] === words[other] &&
    words[at + 1] === words[other + 1] &&
    words[at + 2] === words[other + 2] &&
    words[at + 3] === words[other + 3]
  )
}

function chunkOf(
  set: PackedRows,
  rows: Uint32Array,
  traits: Uint8Array,
  aliveCount: number,
  deadCount: number,
  bytes: number,
): Chunk {
  const isPlain =
    aliveCount === rows.length &&
    deadCount === 0 &&
    set.columns.length === set.dataset.columns.size &&
    traits.every((trait) => (trait & (IS_ABSENT | IS_OTHER)) === 0)
  const columns = set.columns
    .map((column, i) => ({ ...column, trait: traits[i]! }))
    .filter(({ trait }) => (trait & OCCURS) !== 0)
    .map(({ column, place, trait }) => ({
      column,
      place,
      isStamped: !isPlain && (trait & (IS_NULL | IS_OTHER)) !== 0,
      hasNull: (trait & IS_NULL) !== 0,
    }))
  return { ...set, rows, columns, isPlain, hasAlive: aliveCount > 0, hasDead: deadCount > 0, bytes }
}
