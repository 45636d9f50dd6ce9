// Stored rows as the reader sees them: everything as text, and back into rows.

import type { Column, Dataset } from '../../codec/catalogue.ts'
import { Cells } from '../../crdt/cells.ts'
import type { FoldedRow } from '../../crdt/fold.ts'
import type { Stamp } from '../../crdt/stamp.ts'
import { textArray } from '../../postgres/arrays.ts'
import { keyColumnOf, tableOf, valueColumnOf } from './names.ts'
import { cellStampSql } from './stamps.ts'
import { sqlTypeOf } from './types.ts'

/** One array a key column. */
export function keyParameters(dataset: Dataset, keys: readonly (readonly string[])[]): string[] {
  return dataset.key.map((_, part) => textArray(keys.map((key) => key[part]!)))
}

/** The rows of some keys, which are the parameters (`keyParameters`), for `decodeRow`. */
export function selectByKeySql(dataset: Dataset, columns: readonly Column[]): string {
  return `select ${selectList(dataset, columns)} from ${tableOf(dataset.name)} as t
join ${unnestKeysSql(dataset)} on ${sameKeySql(dataset)}`
}

/** `unnest($1::text[], …) as e ("k_…", …)`: the keys alone. */
export function unnestKeysSql(dataset: Dataset): string {
  const keyNames = dataset.key.map(({ name }) => keyColumnOf(name))
  const arrays = dataset.key.map((column, i) => `$${i + 1}::${sqlTypeOf(column).name}[]`)
  return `unnest(${arrays.join(', ')}) as e (${keyNames.join(', ')})`
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
      `${cellStampSql('t', column)}::text`,
    ]),
  ].join(', ')
}

/** The canonical texts of a row's key, of the table `t`. */
function keyTextList(dataset: Dataset): string {
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
