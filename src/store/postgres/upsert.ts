// The upsert: folded rows meet the stored ones in one statement that takes only what is strictly newer.

import type { Column } from '../../codec/catalogue.ts'
import { keyColumnOf, stampColumnOf, tableOf, valueColumnOf } from './names.ts'
import { keyTextList, type RowSet, rowColumnNames, unnestSql } from './rows.ts'

const NO_STAMP = `'00000000-0000-0000-0000-000000000000'::uuid`

/**
 * SQL with the parameters of `rowParameters`. It answers with the key texts of the rows that hold a cell with the stamp
 * of an incoming one and another value: such a row is marked in `tied`, because a statement that returns rows cannot
 * say what they were before, and to read every row again would cost as much as the upsert. Whoever runs this
 * settles them in the same transaction (ties.ts), which also takes the mark away.
 *
 * Only columns that occur are named, unless a row is deleted: a delete clears whatever it is newer than.
 */
export function upsertSql(rowSet: RowSet): string {
  const { dataset, columns, rows } = rowSet
  const hasDead = rows.some(({ dead }) => dead !== null)
  const names = rowColumnNames(dataset, columns)
  const keyNames = dataset.key.map(({ name }) => keyColumnOf(name)).join(', ')
  const occurring = new Set(columns)
  const untouched = hasDead ? [...dataset.columns.values()].filter((column) => !occurring.has(column)) : []
  const rises = [
    `excluded.alive > coalesce(t.alive, ${NO_STAMP})`,
    ...(hasDead ? [`excluded.dead > coalesce(t.dead, ${NO_STAMP})`] : []),
    ...columns.map(takes),
  ]
  const sets = [
    'alive = greatest(t.alive, excluded.alive)',
    ...(hasDead ? ['dead = greatest(t.dead, excluded.dead)'] : []),
    ...columns.flatMap((column) => setPair(column, takes(column), hasDead)),
    ...untouched.flatMap((column) => setPair(column, null, hasDead)),
    ...(columns.length > 0 ? [`tied = case when ${columns.map(ties).join(' or ')} then true end`] : []),
  ]
  return `with written as (
  insert into ${tableOf(dataset.name)} as t (${names.join(', ')})
  select ${names.map((name) => `e.${name}`).join(', ')} from ${unnestSql(rowSet)}
  on conflict (${keyNames}) do update set
    ${sets.join(',\n    ')}
  where ${[...rises, ...columns.map(ties)].join('\n    or ')}
  returning ${keyNames}, tied
)
select ${keyTextList(dataset)} from written as t where t.tied`
}

/** True where the incoming cell is strictly newer than the stored one and than the tombstone; null where it is absent. */
function takes({ name }: Column): string {
  const stamp = stampColumnOf(name)
  return `excluded.${stamp} > coalesce(greatest(t.${stamp}, t.dead), ${NO_STAMP})`
}

function ties({ name }: Column): string {
  const stamp = stampColumnOf(name)
  const value = valueColumnOf(name)
  return `excluded.${stamp} = t.${stamp} and excluded.${value} is distinct from t.${value}`
}

function setPair({ name }: Column, taken: string | null, hasDead: boolean): [string, string] {
  const set = (physical: string): string => {
    const take = taken === null ? '' : ` when ${taken} then excluded.${physical}`
    const clear = hasDead ? ` when t.${stampColumnOf(name)} <= excluded.dead then null` : ''
    return `${physical} = case${take}${clear} else t.${physical} end`
  }
  return [set(valueColumnOf(name)), set(stampColumnOf(name))]
}
