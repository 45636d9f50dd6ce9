// A packed fold: the same as fold.ts makes of a set of mutations, in one piece of memory that is used again and again.

import { Cells } from '../cells.ts'
import type { Fold, FoldedRow } from '../fold.ts'
import { type KeyText, keyToText, type Mutation } from '../mutation.ts'
import { type Stamp, wordsToStamp } from '../stamp.ts'
import { Arena } from './arena.ts'
import { createPacker } from './pack.ts'
import type { Shape } from './shape.ts'
import type { HashSeed } from './siphash.ts'
import { ALIVE, DEAD, PackedTable } from './table.ts'
import { readKey, readValue } from './unpack.ts'

export interface PackedFold {
  readonly arena: Arena
  /** By dataset, those that were asked for since the last reset; tables may be empty. */
  readonly tables: ReadonlyMap<string, PackedTable>
  /** The table for a dataset of this shape, which must be the same object until the fold is reset. */
  tableOf(shape: Shape): PackedTable
  /** Merges a mutation that fits the shape. Returns true when its row is new. */
  add(shape: Shape, mutation: Mutation): boolean
  /** Bytes in use. */
  size(): number
  /** Forgets all rows and keeps the memory, at most about `bytesMax` of it. */
  reset(bytesMax: number): void
}

/** `seed` must be random where keys come from strangers (see siphash.ts); what comes out does not depend on it. */
export function createPackedFold(seed: HashSeed): PackedFold {
  let arena = new Arena()
  let tables = new Map<string, PackedTable>()
  const pack = createPacker()

  let latest: PackedTable | null = null

  const tableOf = (shape: Shape): PackedTable => {
    // Messages of one dataset come in a row.
    if (latest !== null && latest.shape === shape) return latest
    let table = tables.get(shape.dataset)
    if (table === undefined || table.shape !== shape) {
      if (table !== undefined && table.size > 0)
        throw new Error(`two shapes of "${shape.dataset}" in one fold`)
      table = new PackedTable(shape, arena, seed)
      tables.set(shape.dataset, table)
    }
    latest = table
    return table
  }

  return {
    get arena() {
      return arena
    },
    get tables() {
      return tables
    },
    tableOf,
    add: (shape, mutation) => tableOf(shape).merge(pack(shape, mutation)),
    size() {
      let size = arena.top
      for (const table of tables.values()) size += table.overhead
      return size
    },
    reset(bytesMax) {
      if (arena.capacity > bytesMax) {
        arena = new Arena()
        tables = new Map()
        latest = null
        return
      }
      arena.reset()
      for (const table of tables.values()) table.clear()
    },
  }
}

/** The row at this index of a table, taken apart. */
export function unpackRow({ arena }: Pick<PackedFold, 'arena'>, table: PackedTable, row: number): FoldedRow {
  const cells = new Cells()
  const { columns, keyTexts } = table.shape
  for (const [i, { name, branch }] of columns.entries()) {
    const cell = table.cellOf(row, i)
    if (!table.hasStamp(cell)) continue
    const length = table.valueLength(cell)
    cells.set(name, wordsToStamp(arena.words, cell), readValue(arena, branch, table.valueAt(cell), length))
  }
  const stampAt = (at: number): Stamp | null => (table.hasStamp(at) ? wordsToStamp(arena.words, at) : null)
  return {
    key: readKey(arena, table.keyAt(row), keyTexts),
    alive: stampAt(row + ALIVE),
    dead: stampAt(row + DEAD),
    cells,
  }
}

/** The same rows as a fold of objects. */
export function unpackFold(fold: PackedFold): Fold {
  const unpacked: Fold = new Map()
  for (const [dataset, table] of fold.tables) {
    const rowsByKey = new Map<KeyText, FoldedRow>()
    for (let i = 0; i < table.size; i++) {
      const row = unpackRow(fold, table, table.rowAt(i))
      rowsByKey.set(keyToText(row.key), row)
    }
    if (rowsByKey.size > 0) unpacked.set(dataset, rowsByKey)
  }
  return unpacked
}
