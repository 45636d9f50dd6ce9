// Taking definitions: tables and views follow the catalogue, without keeping readers waiting.

import type { PoolClient } from 'pg'
import type { Catalogue, Dataset } from '../../codec/catalogue.ts'
import { datasetToJson } from '../../codec/catalogue-json.ts'
import { findCures } from '../../codec/definitions.ts'
import { DEFINITIONS } from '../../codec/record.ts'
import { compareText } from '../../crdt/value.ts'
import { codeOf } from '../../postgres/errors.ts'
import { exchange } from '../../postgres/exchange.ts'
import type { DefinitionStep } from '../store.ts'
import { READER_ROLE } from './names.ts'
import { keepStandings } from './sql/keep-standings.ts'
import { keepCures } from './sql/pending-parked.ts'
import { quarantine } from './sql/quarantine.ts'
import { addColumnsSql, createTableSql, viewOf, viewQuery } from './tables.ts'

/**
 * How long one definition step may wait, in all, for tables and views that somebody reads. While it waits, new readers
 * wait behind it.
 */
const DDL_WAIT_MS = 300

/** Creates and widens what changed between two catalogues, and keeps the definitions. */
export async function takeDefinitions(
  client: PoolClient,
  dataSchema: string,
  held: Catalogue,
  step: DefinitionStep,
): Promise<void> {
  const changed = [...step.catalogue.datasets.values()]
    .filter((dataset) => dataset.changedAt > step.from)
    .sort((a, b) => compareText(a.name, b.name))
  const hasReader =
    (await client.query('select from pg_roles where rolname = $1', [READER_ROLE])).rowCount === 1
  // New tables first: nobody waits for these.
  for (const dataset of changed) {
    if (!held.datasets.has(dataset.name)) await createDataset(client, dataset, dataSchema, hasReader)
  }
  const deadline = performance.now() + DDL_WAIT_MS
  for (const dataset of changed) {
    const before = held.datasets.get(dataset.name)
    if (before !== undefined) await widenDataset(client, before, dataset, dataSchema, deadline)
  }
  for (const dataset of changed) await keepDataset(client, dataset)
  const cures = changed.flatMap((dataset) =>
    findCures(held.datasets.get(dataset.name), dataset).map((waitsFor) => ({
      dataset: dataset.name,
      waitsFor,
    })),
  )
  await keepCures(client, cures, step.catalogue.offset)
  if (step.refused.length > 0) await exchange(client, [quarantine(step.refused)])
  if (step.standing !== null) {
    await exchange(client, [keepStandings(new Map([[DEFINITIONS, step.standing]]))])
  }
  await moveDefinitions(client, step)
}

async function createDataset(
  client: PoolClient,
  dataset: Dataset,
  dataSchema: string,
  hasReader: boolean,
): Promise<void> {
  const view = viewOf(dataset, dataSchema)
  await client.query(createTableSql(dataset))
  try {
    await client.query(`create view ${view} as ${viewQuery(dataset)}`)
  } catch (error) {
    if (codeOf(error) !== '42P07' && codeOf(error) !== '42710') throw error
    throw new Error(
      `cannot make the view ${view}: something of that name is already there; rename it or move it to another schema`,
      { cause: error },
    )
  }
  if (hasReader) await client.query(`grant select on ${view} to ${READER_ROLE}`)
}

/**
 * The view is locked first, which locks its table too, in the order in which a reader of the view does. Locks are
 * waited for until `deadline` (of performance.now), and not at all where neither table nor view changes.
 */
async function widenDataset(
  client: PoolClient,
  before: Dataset,
  dataset: Dataset,
  dataSchema: string,
  deadline: number,
): Promise<void> {
  const added = [...dataset.columns.values()].filter(({ name }) => !before.columns.has(name))
  const query = viewQuery(dataset)
  if (query === viewQuery(before)) return
  const view = viewOf(dataset, dataSchema)
  await setLockTimeout(client, deadline - performance.now())
  await client.query(`lock table ${view} in access exclusive mode`)
  if (added.length > 0) await client.query(addColumnsSql(dataset, added))
  await client.query(`create or replace view ${view} as ${query}`)
}

/** At least a millisecond: 0 would mean without an end. */
export async function setLockTimeout(client: PoolClient, timeoutMs: number): Promise<void> {
  await client.query(`set local lock_timeout = ${Math.max(1, Math.ceil(timeoutMs))}`)
}

async function keepDataset(client: PoolClient, dataset: Dataset): Promise<void> {
  await client.query(
    `insert into spindexer.datasets as d (name, folded, changed_at) values ($1, $2, $3)
     on conflict (name) do update set folded = excluded.folded, changed_at = excluded.changed_at`,
    [dataset.name, JSON.stringify(datasetToJson(dataset)), dataset.changedAt.toString()],
  )
}

async function moveDefinitions(client: PoolClient, step: DefinitionStep): Promise<void> {
  await client.query(
    `update spindexer.definitions set
       next_offset = $1,
       last_offset = coalesce($2, last_offset),
       last_hash = coalesce($3, last_hash),
       taken = taken + $4,
       refused = refused + $5,
       controls = controls + $6`,
    [
      step.catalogue.offset.toString(),
      step.last?.offset.toString() ?? null,
      step.last?.hash ?? null,
      step.taken,
      step.refused.length,
      step.controls,
    ],
  )
}
