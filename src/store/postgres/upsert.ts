// The upsert: packed rows meet the stored ones in one statement that takes only what is strictly newer.

import type { Column, Dataset } from '../../codec/catalogue.ts'
import { keyColumnOf, stampColumnOf, tableOf, valueColumnOf } from './names.ts'
import type { Chunk, ChunkColumn } from './packed-rows.ts'
import { sameKeySql } from './rows.ts'
import { cellStampSql, NO_STAMP } from './stamps.ts'
import { sqlTypeOf } from './types.ts'

/** Of the transaction: set where an incoming cell has the stamp of a stored one and another value (see ties.ts). */
export const TIED_SETTING = 'spindexer.tied'

/**
 * SQL with the parameters of `chunkParameters`. A statement that says which rows were tied is only had from Postgres 17
 * on, so the ties say so in a setting of the transaction; whoever runs this reads it, and settles them in the same
 * transaction.
 *
 * A row that is newer than everything stored, as almost every one is that was written as a whole, takes the first way,
 * which weighs no cell. Columns that no row has are only named where a row is deleted, since a delete clears whatever it
 * is newer than, or where `alive` may rise, since their cells' stamps may have been in it.
 */
export function upsertSql(chunk: Chunk): string {
  const { dataset, columns, isPlain, hasAlive, hasDead } = chunk
  const named = new Set(columns.map(({ column }) => column))
  const others = [...dataset.columns.values()].filter((column) => !named.has(column))
  const cells = columns.map((column) => cellSql(chunk, column))
  const rises = [
    ...(hasAlive ? [`e.alive > coalesce(t.alive, ${NO_STAMP})`] : []),
    ...(hasDead ? [`e.dead > coalesce(t.dead, ${NO_STAMP})`] : []),
    ...cells.map(({ takes }) => takes),
  ]
  const alive = hasAlive ? 'greatest(t.alive, e.alive)' : 't.alive'
  const sets = [
    ...(hasAlive ? [`alive = ${alive}`] : []),
    ...(hasDead ? ['dead = greatest(t.dead, e.dead)'] : []),
    ...cells.flatMap((cell) => setNamed(cell, alive, hasDead)),
    ...others.flatMap((column) => setOther(column, alive, hasAlive, hasDead)),
  ]
  const ties = cells.map(({ ties }) => ties)
  return `merge into ${tableOf(dataset.name)} as t using ${unnestSql(chunk)} on ${sameKeySql(dataset)}
${isPlain ? `when matched and ${wholeRises(dataset)} then update set ${setWhole(columns)}\n` : ''}${
  ties.length > 0
    ? `when matched and case when ${ties.join('\n    or ')} then set_config('${TIED_SETTING}', 'yes', true) is null else false end then do nothing\n`
    : ''
}when matched and (${rises.join('\n    or ')}) then update set
    ${sets.join(',\n    ')}
when not matched then ${insertSql(chunk, cells)}`
}

/** `unnest($1::text[], …) as e ("k_…", alive, dead, "c_…", "s_…", …)`: the FROM item for `chunkParameters`. */
export function unnestSql(chunk: Chunk, more = ''): string {
  const { dataset, columns, hasAlive, hasDead } = chunk
  const all = [
    ...dataset.key.map((column) => [sqlTypeOf(column).name, keyColumnOf(column.name)]),
    ...(hasAlive ? [['uuid', 'alive']] : []),
    ...(hasDead ? [['uuid', 'dead']] : []),
    ...columns.flatMap(({ column, isStamped }) => [
      [sqlTypeOf(column).name, valueColumnOf(column.name)],
      ...(isStamped ? [['uuid', stampColumnOf(column.name)]] : []),
    ]),
  ]
  const arrays = all.map(([type], i) => `$${i + 1}::${type}[]`)
  const names = all.map(([, name]) => name)
  return `unnest(${arrays.join(', ')})${more && ' with ordinality'} as e (${[...names, ...(more ? [more] : [])].join(', ')})`
}

/** SQL on an incoming cell of `e` and a stored one of `t`. */
interface CellSql {
  readonly value: string
  readonly stamp: string
  /** The stamps of the incoming cell and of the stored one; null where it is absent. */
  readonly incoming: string
  readonly stored: string
  /** True where the incoming cell is strictly newer than the stored one and than the tombstone; else false or null. */
  readonly takes: string
  readonly ties: string
}

export function cellSql({ isPlain, hasAlive }: Chunk, { column, isStamped }: ChunkColumn): CellSql {
  const value = valueColumnOf(column.name)
  const stamp = stampColumnOf(column.name)
  const implied = `case when e.${value} is not null then e.alive end`
  const said = hasAlive ? cellStampSql('e', column) : `e.${stamp}`
  const incoming = isPlain ? 'e.alive' : isStamped ? said : implied
  const stored = cellStampSql('t', column)
  return {
    value,
    stamp,
    incoming,
    stored,
    takes: `${incoming} > coalesce(greatest(${stored}, t.dead), ${NO_STAMP})`,
    ties: `${incoming} = ${stored} and e.${value} is distinct from t.${value}`,
  }
}

/** Left out where `alive` says as much; `alive` is the row's from now on. */
function ownStamp(stamp: string, value: string, alive: string): string {
  return `case when ${value} is null or ${stamp} is distinct from ${alive} then ${stamp} end`
}

function setNamed(cell: CellSql, alive: string, hasDead: boolean): [string, string] {
  const { value, stamp, incoming, stored, takes } = cell
  const clear = hasDead ? ` when ${stored} <= e.dead then null` : ''
  return [
    `${value} = case when ${takes} then e.${value}${clear} else t.${value} end`,
    `${stamp} = case when ${takes} then ${ownStamp(incoming, `e.${value}`, alive)}${clear} else ${ownStamp(stored, `t.${value}`, alive)} end`,
  ]
}

function setOther(column: Column, alive: string, hasAlive: boolean, hasDead: boolean): string[] {
  const value = valueColumnOf(column.name)
  const stamp = stampColumnOf(column.name)
  const stored = cellStampSql('t', column)
  if (hasDead) {
    return [
      `${value} = case when ${stored} <= e.dead then null else t.${value} end`,
      `${stamp} = case when ${stored} <= e.dead then null else ${ownStamp(stored, `t.${value}`, alive)} end`,
    ]
  }
  if (!hasAlive) return []
  const isImplied = `t.${stamp} is null and t.${value} is not null and e.alive > t.alive`
  return [`${stamp} = case when ${isImplied} then t.alive else t.${stamp} end`]
}

/** True where a row that was written as a whole is newer than each cell and the tombstone. */
function wholeRises(dataset: Dataset): string {
  const stamps = [...dataset.columns.keys()].map((name) => `t.${stampColumnOf(name)}`)
  return `e.alive > coalesce(greatest(t.alive, t.dead${stamps.map((stamp) => `, ${stamp}`).join('')}), ${NO_STAMP})`
}

function setWhole(columns: readonly ChunkColumn[]): string {
  const sets = columns.flatMap(({ column, hasNull }) => {
    const value = valueColumnOf(column.name)
    const stamp = hasNull ? `case when e.${value} is null then e.alive end` : 'null'
    return [`${value} = e.${value}`, `${stampColumnOf(column.name)} = ${stamp}`]
  })
  return ['alive = e.alive', ...sets].join(', ')
}

function insertSql(
  { dataset, columns, isPlain, hasAlive, hasDead }: Chunk,
  cells: readonly CellSql[],
): string {
  const same = [
    ...dataset.key.map(({ name }) => keyColumnOf(name)),
    ...(hasAlive ? ['alive'] : []),
    ...(hasDead ? ['dead'] : []),
    ...cells.map(({ value }) => value),
    ...columns.flatMap(({ column, isStamped }) => (isStamped ? [stampColumnOf(column.name)] : [])),
  ]
  const nulls = isPlain ? columns.filter(({ hasNull }) => hasNull) : []
  const names = [...same, ...nulls.map(({ column }) => stampColumnOf(column.name))]
  const values = [
    ...same.map((name) => `e.${name}`),
    ...nulls.map(({ column }) => `case when e.${valueColumnOf(column.name)} is null then e.alive end`),
  ]
  return `insert (${names.join(', ')}) values (${values.join(', ')})`
}
