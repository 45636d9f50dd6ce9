// The reading side: one snapshot of the database, rows by a cursor.

import type { Pool, PoolClient } from 'pg'
import type { Column, Dataset } from '../../codec/catalogue.ts'
import type { FoldedRow } from '../../crdt/fold.ts'
import { begin, READ_SNAPSHOT, settings } from '../../postgres/pool.ts'
import { originsOf, signersOf } from '../signers.ts'
import type { RowSelection, StoredRow, StoreReader, StoreRefusal } from '../store.ts'
import { readPages } from './cursor.ts'
import { keyColumnOf, tableOf } from './names.ts'
import { decodeRow, keyParameters, selectByKeySql, selectList } from './rows.ts'
import { pageSql } from './sql/page.ts'
import { hasAuthors, readSigners } from './sql/read-signers.ts'
import { countSetAside, listSetAside } from './sql/set-aside.ts'
import { type CatalogueCache, createCatalogueCache, readHead } from './state.ts'
import { readStatus } from './status.ts'
import { sqlTypeOf } from './types.ts'
import { refuseSchema } from './version.ts'

export interface ReaderOptions {
  /** Shared by many readers that look at little, so that each need not read all definitions. */
  readonly catalogues?: CatalogueCache
  /** How long one statement may take, in milliseconds; for ever unless set. */
  readonly statementMs?: number
}

/**
 * A reader on a connection of the pool, which it keeps until it is closed. Refused when the database is not at this
 * program's version.
 */
export async function createPostgresReader(
  pool: Pool,
  { catalogues = createCatalogueCache(), statementMs }: ReaderOptions = {},
): Promise<StoreReader | StoreRefusal> {
  const client = await pool.connect()
  try {
    const limit = statementMs === undefined ? '' : `, ${settings({ statement_timeout: String(statementMs) })}`
    await begin(client, `${READ_SNAPSHOT}${limit}`)
    const refusal = await refuseSchema(client)
    if (refusal === null) return openReader(client, catalogues)
    await client.query('rollback')
    client.release(false)
    return refusal
  } catch (error) {
    client.release(true)
    throw error
  }
}

function openReader(client: PoolClient, catalogues: CatalogueCache): StoreReader {
  const catalogue = async () => catalogues.read(client, await readHead(client))
  let cursors = 0
  return {
    catalogue,
    async *rows(name, selection, { signers = false } = {}) {
      const dataset = (await catalogue()).datasets.get(name)
      if (dataset === undefined) throw new Error(`there is no dataset "${name}"`)
      const columns = [...dataset.columns.values()]
      const [sql, parameters] = selectRowsSql(dataset, columns, selection)
      const pages = readPages(client, `rows_${++cursors}`, sql, parameters)
      const decode = (texts: readonly (string | null)[]) => decodeRow(dataset, columns, texts)
      const sign = signers ? await createSigning(client) : null
      for await (const page of pages) {
        if (sign !== null) yield* sign(page.map(decode))
        else for (const texts of page) yield decode(texts)
      }
    },
    setAside: (filter) => ({
      counts: () => countSetAside(client, filter),
      messages: () => listSetAside(client, filter, `set_aside_${++cursors}`),
    }),
    status: async () => readStatus(client, await catalogue()),
    async close() {
      const isBroken = await client.query('rollback').then(
        () => false,
        () => true,
      )
      client.release(isBroken)
    },
  }
}

/** Puts beside each row of some who has signed what it is made of. In an open log nothing is looked for. */
async function createSigning(
  client: PoolClient,
): Promise<(rows: readonly FoldedRow[]) => AsyncGenerator<StoredRow>> {
  const isOpen = !(await hasAuthors(client))
  return async function* (rows) {
    const origins = new Set(isOpen ? [] : rows.flatMap((row) => [...originsOf(row)]))
    const known = origins.size === 0 ? new Map() : await readSigners(client, origins)
    for (const row of rows) yield { ...row, signers: signersOf(row, known) }
  }
}

function selectRowsSql(
  dataset: Dataset,
  columns: readonly Column[],
  selection: RowSelection | undefined,
): [string, readonly (string | number)[]] {
  switch (selection?.type) {
    case undefined:
      return [allRowsSql(dataset, columns), []]
    case 'keys':
      return [selectByKeySql(dataset, columns), keyParameters(dataset, selection.keys)]
    case 'page': {
      const { after, limit } = selection
      return [pageSql(dataset, columns, after !== null), [limit, ...(after ?? [])]]
    }
  }
}

function allRowsSql(dataset: Dataset, columns: readonly Column[]): string {
  return `select ${selectList(dataset, columns)} from ${tableOf(dataset.name)} as t order by ${keyOrder(dataset)}`
}

/** By the bytes of the key texts; where the type's own order is the same, the primary key's index has it. */
function keyOrder(dataset: Dataset): string {
  return dataset.key
    .map((column) => {
      const type = sqlTypeOf(column)
      const physical = `t.${keyColumnOf(column.name)}`
      return type.isOrderedAsText ? physical : `${type.toText(physical)} collate "C"`
    })
    .join(', ')
}
