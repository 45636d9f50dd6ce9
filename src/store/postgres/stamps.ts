// Where the stamp of a stored cell is: beside its value, or, of a row written as a whole, in the row's `alive` alone.

import type { Column } from '../../codec/catalogue.ts'
import { stampColumnOf, valueColumnOf } from './names.ts'

/** Less than every stamp. */
export const NO_STAMP = `'00000000-0000-0000-0000-000000000000'::uuid`

/**
 * SQL for the stamp of a cell of the row `row`; null where the cell is absent. A value without a stamp of its own has
 * that of `alive`; null without one is no cell. Stamps that could be left out may stand there all the same.
 */
export function cellStampSql(row: 't' | 'e', { name }: Pick<Column, 'name'>): string {
  const implied = `case when ${row}.${valueColumnOf(name)} is not null then ${row}.alive end`
  return `coalesce(${row}.${stampColumnOf(name)}, ${implied})`
}
