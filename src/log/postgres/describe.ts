// A log as its database has it: partitions, their ends and first records, and what keeps it append-only.

import type { PoolClient } from 'pg'
import { DEFINITIONS, type LogRecord } from '../../codec/record.ts'
import { copyOut } from '../../postgres/copy-out.ts'
import { codeOf } from '../../postgres/errors.ts'
import type { LogDescription, PartitionState, Problem } from '../log.ts'
import { readExtents } from './extents.ts'
import { readRows } from './rows.ts'
import { PARTITIONS, recordSql } from './statements.ts'
import { readVersion, refuseVersion } from './version.ts'

export interface Described {
  readonly description: LogDescription
  /** The oid of the table with the records; null where there is no log. */
  readonly log: string | null
}

export async function describePostgresLog(client: PoolClient, name: string): Promise<Described> {
  const version = await readVersion(client)
  if (version === 0) {
    const description = { name, partitions: [], definitions: null, problems: [], warnings: [] }
    return { description, log: null }
  }
  const outdated = refuseVersion(name, version)
  const { rows } = await client.query<{ partition: number; log: string }>(PARTITIONS)
  const numbers = rows.map(({ partition }) => partition)
  const states = await describePartitions(client, numbers)
  const { problems, warnings } = await judgeTables(client, name)
  const description = {
    name,
    partitions: states.filter(({ partition }) => partition !== DEFINITIONS),
    definitions: states.find(({ partition }) => partition === DEFINITIONS) ?? null,
    problems: outdated === null ? problems : [outdated, ...problems],
    warnings,
  }
  return { description, log: rows[0]?.log ?? null }
}

async function describePartitions(client: PoolClient, numbers: readonly number[]): Promise<PartitionState[]> {
  const states: PartitionState[] = []
  const { extents } = await readExtents(client, numbers)
  for (const { partition, first, end } of extents) {
    const genesis = await readRecord(client, partition, 0n)
    states.push({ partition, first, end, genesis })
  }
  return states
}

async function readRecord(client: PoolClient, partition: number, offset: bigint): Promise<LogRecord | null> {
  const bytes = await copyOut(client, recordSql({ partition, offset }))
  return readRows(bytes, partition, offset).records.last() ?? null
}

interface Judged {
  readonly problems: Problem[]
  readonly warnings: string[]
}

/** What somebody did to the tables that makes them less than a log. */
async function judgeTables(client: PoolClient, name: string): Promise<Judged> {
  const problems: Problem[] = []
  const warnings: string[] = []
  try {
    const { rows: triggers } = await client.query<{ table: string; trigger: string; enabled: string | null }>(
      TRIGGERS,
    )
    for (const { table, trigger, enabled } of triggers) {
      if (enabled !== 'A') problems.push(triggerProblem(name, table, trigger, enabled))
    }
    const { rows: tables } = await client.query<TableState>(TABLE)
    const table = tables[0]
    if (table !== undefined) problems.push(...judgeTable(name, table))
    const { rows: settings } = await client.query<{ name: string }>(UNSAFE_SETTINGS)
    for (const setting of settings) {
      warnings.push(
        `the server of ${name} has ${setting.name}=off: records may be lost when its machine stops; turn it on`,
      )
    }
  } catch (error) {
    if (codeOf(error) !== '42501') throw error
    warnings.push(
      `what keeps ${name} append-only may not be looked at (${(error as Error).message}); allow this role to read pg_trigger and pg_class`,
    )
  }
  return { problems, warnings }
}

const PROTECTED = [
  ['records', 'append_only'],
  ['records', 'dense'],
  ['partitions', 'append_only'],
  ['partitions', 'fixed'],
  ['sealed', 'append_only'],
] as const

const TRIGGERS = `
select w."table", w.trigger, t.tgenabled as enabled
from (values ${PROTECTED.map(([table, trigger]) => `('${table}', '${trigger}')`).join(', ')}) as w ("table", trigger)
left join pg_trigger as t
  on t.tgrelid = to_regclass('spindexer_log.' || w."table") and t.tgname = w.trigger and not t.tgisinternal`

function triggerProblem(name: string, table: string, trigger: string, enabled: string | null): Problem {
  const state = enabled === null ? 'gone' : enabled === 'D' ? 'disabled' : 'not enabled for all sessions'
  const aftermath = 'if records were changed meanwhile, restore the log from a backup'
  const remedy =
    enabled === null
      ? 'restore the log from a backup, or copy it with `spindexer log copy` to a new one'
      : `run \`alter table spindexer_log.${table} enable always trigger ${trigger}\`; ${aftermath}`
  return {
    what: `the trigger ${trigger} on spindexer_log.${table} of ${name} is ${state}: nothing keeps its records from being changed`,
    remedy,
  }
}

interface TableState {
  readonly persistence: string
  readonly has_rules: boolean
  readonly has_row_security: boolean
}

const TABLE = `
select relpersistence as persistence, relhasrules as has_rules, relrowsecurity as has_row_security
from pg_class where oid = to_regclass('spindexer_log.records')`

function judgeTable(name: string, { persistence, has_rules, has_row_security }: TableState): Problem[] {
  const problems: Problem[] = []
  if (persistence !== 'p') {
    problems.push({
      what: `the table spindexer_log.records of ${name} is unlogged: a crash of the server empties it`,
      remedy: 'run `alter table spindexer_log.records set logged`',
    })
  }
  if (has_rules) {
    problems.push({
      what: `the table spindexer_log.records of ${name} has rules, which may change what is appended`,
      remedy: 'drop them: pg_rules lists those of spindexer_log',
    })
  }
  if (has_row_security) {
    problems.push({
      what: `the table spindexer_log.records of ${name} has row security: readers may miss records`,
      remedy: 'run `alter table spindexer_log.records disable row level security`',
    })
  }
  return problems
}

const UNSAFE_SETTINGS = `
select name from pg_settings where name in ('fsync', 'full_page_writes') and setting = 'off' order by name`
