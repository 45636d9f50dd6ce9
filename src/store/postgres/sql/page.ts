// The statement of a page: visible rows behind a key, in the order of the primary key's index, which it walks from there.

import type { Column, Dataset } from '../../../codec/catalogue.ts'
import { keyColumnOf, tableOf } from '../names.ts'
import { selectList } from '../rows.ts'
import { completeSql, EXISTS } from '../tables.ts'
import { sqlTypeOf } from '../types.ts'

/**
 * $1 is the most rows, and where there is a key to be behind, its texts are the parameters from $2 on. With the limit in
 * the statement the planner knows that few rows are wanted, and sorts no table; a comparison of whole rows is the one
 * condition on several columns that an index starts from (PostgreSQL, 9.25.5 and 11.3).
 */
export function pageSql(dataset: Dataset, columns: readonly Column[], hasAfter: boolean): string {
  const names = dataset.key.map(({ name }) => `t.${keyColumnOf(name)}`).join(', ')
  const after = dataset.key.map((column, i) => `$${i + 2}::${sqlTypeOf(column).name}`).join(', ')
  const behind = hasAfter ? ` and (${names}) > (${after})` : ''
  return `select ${selectList(dataset, columns)} from ${tableOf(dataset.name)} as t
where ${EXISTS} and ${completeSql(dataset)}${behind} order by ${names} limit $1`
}
