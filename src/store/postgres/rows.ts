// Rows between the fold and SQL: arrays for unnest on the way in, texts on the way out.

import type { Column, Dataset } from '../../codec/catalogue.ts'
import { Cells } from '../../crdt/cells.ts'
import type { FoldedRow } from '../../crdt/fold.ts'
import type { Stamp } from '../../crdt/stamp.ts'
import { arrayLiteral, NULL_ELEMENT } from './arrays.ts'
import { keyColumnOf, stampColumnOf, tableOf, valueColumnOf } from './names.ts'
import { sqlTypeOf } from './types.ts'

/** Rows of one dataset and those of its columns that they name, sorted by name so that statement texts repeat. */
export interface RowSet {
  readonly dataset: Dataset
  readonly columns: readonly Column[]
  readonly rows: readonly FoldedRow[]
}

/** Throws for a column that is not defined: such a message should have been parked. */
export function createRowSet(dataset: Dataset, rows: readonly FoldedRow[]): RowSet {
  const names = new Set<string>()
  for (const row of rows) row.cells.forEach((name) => void names.add(name))
  const columns = [...names].sort().map((name) => {
    const column = dataset.columns.get(name)
    if (column === undefined)
      throw new Error(`a row of "${dataset.name}" has a column "${name}", which is not defined`)
    return column
  })
  return { dataset, columns, rows }
}

/** `unnest($1::text[], …) as e ("k_…", alive, dead, "c_…", "s_…", …)`: the FROM item for `rowParameters`. */
export function unnestSql({ dataset, columns }: RowSet): string {
  const types = [
    ...dataset.key.map((column) => sqlTypeOf(column).name),
    'uuid',
    'uuid',
    ...columns.flatMap((column) => [sqlTypeOf(column).name, 'uuid']),
  ]
  const arrays = types.map((type, i) => `$${i + 1}::${type}[]`)
  return `unnest(${arrays.join(', ')}) as e (${rowColumnNames(dataset, columns).join(', ')})`
}

export function rowColumnNames(dataset: Dataset, columns: readonly Column[]): string[] {
  return [
    ...dataset.key.map(({ name }) => keyColumnOf(name)),
    'alive',
    'dead',
    ...columns.flatMap(({ name }) => [valueColumnOf(name), stampColumnOf(name)]),
  ]
}

/** One array a column. A cell that is absent has no stamp; one that holds null has a stamp and no value. */
export function rowParameters({ dataset, columns, rows }: RowSet): string[] {
  const keys = keyParameters(
    dataset,
    rows.map(({ key }) => key),
  )
  const stampOrNull = (stamp: Stamp | null): string => stamp ?? NULL_ELEMENT
  const arraysByColumn = new Map(
    columns.map((column) => {
      const values = new Array<string>(rows.length).fill(NULL_ELEMENT)
      const stamps = new Array<string>(rows.length).fill(NULL_ELEMENT)
      return [column.name, { values, stamps, encode: sqlTypeOf(column).encode }]
    }),
  )
  rows.forEach((row, i) => {
    row.cells.forEach((name, stamp, value) => {
      const arrays = arraysByColumn.get(name)!
      arrays.stamps[i] = stamp
      if (value !== null) arrays.values[i] = arrays.encode(value)
    })
  })
  return [
    ...keys,
    arrayLiteral(rows.map(({ alive }) => stampOrNull(alive))),
    arrayLiteral(rows.map(({ dead }) => stampOrNull(dead))),
    ...[...arraysByColumn.values()].flatMap(({ values, stamps }) => [
      arrayLiteral(values),
      arrayLiteral(stamps),
    ]),
  ]
}

/** One array a key column. */
export function keyParameters(dataset: Dataset, keys: readonly (readonly string[])[]): string[] {
  return dataset.key.map((column, part) => {
    const { encode } = sqlTypeOf(column)
    return arrayLiteral(keys.map((key) => encode(key[part]!)))
  })
}

/** The rows of some keys, which are the parameters (`keyParameters`), for `decodeRow`. */
export function selectByKeySql(dataset: Dataset, columns: readonly Column[]): string {
  const keyNames = dataset.key.map(({ name }) => keyColumnOf(name))
  const arrays = dataset.key.map((column, i) => `$${i + 1}::${sqlTypeOf(column).name}[]`)
  return `select ${selectList(dataset, columns)} from ${tableOf(dataset.name)} as t
join unnest(${arrays.join(', ')}) as e (${keyNames.join(', ')}) on ${sameKeySql(dataset)}`
}

/** True where the rows `t` and `e` have one key. */
export function sameKeySql(dataset: Dataset): string {
  return dataset.key.map(({ name }) => `t.${keyColumnOf(name)} = e.${keyColumnOf(name)}`).join(' and ')
}

/** The select list that `decodeRow` reads: everything as text. */
export function selectList(dataset: Dataset, columns: readonly Column[]): string {
  return [
    keyTextList(dataset),
    't.alive::text',
    't.dead::text',
    ...columns.flatMap((column) => [
      sqlTypeOf(column).toText(`t.${valueColumnOf(column.name)}`),
      `t.${stampColumnOf(column.name)}::text`,
    ]),
  ].join(', ')
}

/** The canonical texts of a row's key, of the table `t`. */
export function keyTextList(dataset: Dataset): string {
  return dataset.key.map((column) => sqlTypeOf(column).toText(`t.${keyColumnOf(column.name)}`)).join(', ')
}

/** Texts of `selectList` as a row. */
export function decodeRow(
  dataset: Dataset,
  columns: readonly Column[],
  texts: readonly (string | null)[],
): FoldedRow {
  const width = dataset.key.length
  const cells = new Cells()
  columns.forEach((column, i) => {
    const value = texts[width + 2 + 2 * i]!
    const stamp = decodeStamp(texts[width + 3 + 2 * i]!)
    if (stamp !== null) cells.set(column.name, stamp, value === null ? null : sqlTypeOf(column).decode(value))
  })
  return {
    key: texts.slice(0, width) as string[],
    alive: decodeStamp(texts[width]!),
    dead: decodeStamp(texts[width + 1]!),
    cells,
  }
}

/** A stamp as Postgres prints a uuid, without the dashes. */
export function decodeStamp(uuid: string | null): Stamp | null {
  return uuid === null ? null : (uuid.replaceAll('-', '') as Stamp)
}
