// What the definitions add up to: datasets, their keys and columns, with everything a verdict asks of them.

/** A column's type: one for each row of the table of values in the wire format (an enum is a string with symbols). */
export type ColumnType =
  | 'boolean'
  | 'long'
  | 'double'
  | 'string'
  | 'bytes'
  | 'uuid'
  | 'decimal'
  | 'date'
  | 'timestamp'
  | 'json'

/** The types that a key column may have: those whose canonical text is also their identity. */
export const KEY_TYPES: ReadonlySet<ColumnType> = new Set([
  'boolean',
  'long',
  'string',
  'uuid',
  'date',
  'timestamp',
])

export interface KeyColumn {
  readonly name: string
  readonly type: ColumnType
  /** The texts that an enum admits; null admits every text. Only ever grows. */
  readonly symbols: ReadonlySet<string> | null
}

export interface Column extends KeyColumn {
  /** A reader's filter: rows where it is null or absent are hidden and counted. Never a verdict. */
  readonly required: boolean
}

export interface Dataset {
  readonly name: string
  /** The key columns in the order of the key array. Fixed by the first definition. */
  readonly key: readonly KeyColumn[]
  /** The other columns by name, in the order in which the definitions brought them. */
  readonly columns: ReadonlyMap<string, Column>
  /** All names, key columns included, in the order in which readers see them: the first definition's, then later ones. */
  readonly fieldNames: readonly string[]
  /** The definitions offset just above the record that last changed this dataset. */
  readonly changedAt: bigint
}

/** The definitions below `offset`, folded. */
export interface Catalogue {
  /** The next definitions offset to read: D. */
  readonly offset: bigint
  readonly datasets: ReadonlyMap<string, Dataset>
}

export const EMPTY_CATALOGUE: Catalogue = { offset: 0n, datasets: new Map() }
