// The upsert: packed rows meet the stored ones in one statement that takes only what is strictly newer.

import type { Column } from '../../codec/catalogue.ts'
import { keyColumnOf, stampColumnOf, tableOf, valueColumnOf } from './names.ts'
import type { Chunk, ChunkColumn } from './packed-rows.ts'
import { sameKeySql } from './rows.ts'
import { cellStampSql, NO_STAMP } from './stamps.ts'
import { sqlTypeOf } from './types.ts'

/** Settings of the transaction, by which a statement says what it has met; see `MEETINGS`. */
const TIED = 'spindexer.tied'
const MIXED = 'spindexer.mixed'

/**
 * SQL that answers with what the upserts of the transaction have met, each `yes` or not: a stored cell with the stamp of
 * an incoming one and another value; a row that the statement for whole rows has left to the other. In settings, because
 * a statement that says so of its rows is only had from Postgres 17 on.
 */
export const MEETINGS = `select current_setting('${TIED}', true), current_setting('${MIXED}', true)`

/**
 * SQL with the parameters of `chunkParameters`. Whoever runs this reads `MEETINGS`, and settles them in the same
 * transaction: mixed rows by `weighed` chunks, ties by ties.ts.
 */
export function upsertSql(chunk: Chunk): string {
  return chunk.isPlain ? wholeSql(chunk) : weighedSql(chunk)
}

/** The same rows for the statement that weighs each cell. */
export function weighed(chunk: Chunk): Chunk {
  const columns = chunk.columns.map((column) => ({
    ...column,
    isStamped: column.isStamped || column.hasNull,
  }))
  return { ...chunk, columns, isPlain: false }
}

/**
 * Rows written as a whole: no cell is weighed where the row is newer than everything stored, as it almost always is, or
 * where all that is stored is newer, or the same. With 200 columns, weighing costs Postgres 30 ms before the first row.
 * A row that is neither is only locked, in its turn.
 */
function wholeSql(chunk: Chunk): string {
  const { dataset, columns } = chunk
  const pairs = columns.map(({ column }) => [valueColumnOf(column.name), stampColumnOf(column.name)] as const)
  const stamps = pairs.map(([, stamp]) => `, t.${stamp}`).join('')
  const least = `least(t.alive${stamps})`
  const areThere = pairs.map(([value, stamp]) => `(t.${value} is not null or t.${stamp} is not null)`)
  const areSame = pairs.map(
    ([value, stamp]) => `(t.${stamp} > e.alive or e.${value} is not distinct from t.${value})`,
  )
  const and = (conditions: readonly string[]): string => conditions.map((one) => ` and ${one}`).join('')
  return `merge into ${tableOf(dataset.name)} as t using ${unnestSql(chunk)} on ${sameKeySql(dataset)}
when matched and e.alive > coalesce(greatest(t.alive, t.dead${stamps}), ${NO_STAMP}) then update set ${setWhole(columns)}
when matched and case
    when t.alive >= e.alive and t.dead >= e.alive then false
    when t.alive >= e.alive${and(areThere)}
      and (${least} > e.alive or ${least} = e.alive${and(areSame)}) then false
    else set_config('${MIXED}', 'yes', true) is not null
  end then update set alive = t.alive
when not matched then ${insertSql(chunk)}`
}

/**
 * Takes, cell by cell, what is strictly newer. Columns that no row has are only named where a row is deleted, since a
 * delete clears whatever it is newer than, or where `alive` may rise, since their cells' stamps may have been in it.
 */
function weighedSql(chunk: Chunk): string {
  const { dataset, columns, hasAlive, hasDead } = chunk
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
  const ties = cells.map(({ ties }) => ties).join('\n    or ')
  const noteTies = `when matched and case when ${ties}
  then set_config('${TIED}', 'yes', true) is null else false end then do nothing\n`
  // A row with ties alone is locked in its turn, as all others: later it may be another worker's, who waits for ours.
  const lockTies = `when matched and (${ties}) then update set alive = t.alive\n`
  return `merge into ${tableOf(dataset.name)} as t using ${unnestSql(chunk)} on ${sameKeySql(dataset)}
${cells.length > 0 ? noteTies : ''}when matched and (${rises.join('\n    or ')}) then update set
    ${sets.join(',\n    ')}
${cells.length > 0 ? lockTies : ''}when not matched then ${insertSql(chunk)}`
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

/** SQL on an incoming cell of `e`, of a `weighed` chunk, and a stored one of `t`. */
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

export function cellSql({ hasAlive }: Chunk, { column, isStamped }: ChunkColumn): CellSql {
  const value = valueColumnOf(column.name)
  const stamp = stampColumnOf(column.name)
  const implied = `case when e.${value} is not null then e.alive end`
  const said = hasAlive ? cellStampSql('e', column) : `e.${stamp}`
  const incoming = isStamped ? said : implied
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
    const kept = hasAlive ? ownStamp(stored, `t.${value}`, alive) : `t.${stamp}`
    return [
      `${value} = case when ${stored} <= e.dead then null else t.${value} end`,
      `${stamp} = case when ${stored} <= e.dead then null else ${kept} end`,
    ]
  }
  if (!hasAlive) return []
  const isImplied = `t.${stamp} is null and t.${value} is not null and e.alive > t.alive`
  return [`${stamp} = case when ${isImplied} then t.alive else t.${stamp} end`]
}

function setWhole(columns: readonly ChunkColumn[]): string {
  const sets = columns.flatMap(({ column, hasNull }) => {
    const value = valueColumnOf(column.name)
    const stamp = hasNull ? `case when e.${value} is null then e.alive end` : 'null'
    return [`${value} = e.${value}`, `${stampColumnOf(column.name)} = ${stamp}`]
  })
  return ['alive = e.alive', ...sets].join(', ')
}

function insertSql({ dataset, columns, isPlain, hasAlive, hasDead }: Chunk): string {
  const same = [
    ...dataset.key.map(({ name }) => keyColumnOf(name)),
    ...(hasAlive ? ['alive'] : []),
    ...(hasDead ? ['dead'] : []),
    ...columns.map(({ column }) => valueColumnOf(column.name)),
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
