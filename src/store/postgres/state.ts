// Reading the state: what a node starts from, and what a reader sees.

import type { PoolClient } from 'pg'
import type { Catalogue, Dataset } from '../../codec/catalogue.ts'
import { datasetFromJson } from '../../codec/catalogue-json.ts'
import { type Json, parseJson } from '../../codec/json.ts'
import { DEFINITIONS } from '../../codec/record.ts'
import { maxStamp, type Stamp } from '../../crdt/stamp.ts'
import type { LastRecord, LogIdentity, PartitionCounts, StoreState } from '../store.ts'
import { decodeStamp } from './rows.ts'

/** Remembers the last catalogue that was read: the state is read often, and a thousand datasets are not small. */
export interface CatalogueCache {
  /** The catalogue at this head, which must be the one of the client's transaction. */
  read(client: PoolClient, head: Head): Promise<Catalogue>
}

export function createCatalogueCache(): CatalogueCache {
  let held: { readonly catalogue: Catalogue; readonly copyId: string | undefined } | null = null
  return {
    async read(client, { offset, identity }) {
      // One offset stands for two catalogues in two copies of a log.
      if (held === null || held.catalogue.offset !== offset || held.copyId !== identity?.copyId) {
        held = { catalogue: await readCatalogue(client, offset), copyId: identity?.copyId }
      }
      return held.catalogue
    },
  }
}

async function readCatalogue(client: PoolClient, offset: bigint): Promise<Catalogue> {
  const { rows } = await client.query<{ name: string; folded: string; changed_at: string }>(
    'select name, folded::text as folded, changed_at from spindexer.datasets order by name',
  )
  const datasets = rows.map(({ name, folded, changed_at }): [string, Dataset] => [
    name,
    datasetFromJson(jsonOf(name, folded), BigInt(changed_at)),
  ])
  return { offset, datasets: new Map(datasets) }
}

function jsonOf(name: string, text: string): Json {
  const parsed = parseJson(text)
  if (parsed.type === 'parsed') return parsed.value
  throw new Error(`spindexer.datasets: "${name}" cannot be read (${parsed.detail}); restore the database`)
}

/** The one row of the node and of the definitions. */
export interface Head {
  readonly nodeId: string
  readonly dataSchema: string
  readonly identity: LogIdentity | null
  /** D. */
  readonly offset: bigint
  readonly rejudgedTo: bigint
  readonly last: LastRecord | null
  readonly taken: bigint
  readonly refused: bigint
  readonly controls: bigint
}

/** Waits for the batches in flight; those that come later wait behind. */
export const LOCK_EXCLUSIVELY = 'lock table spindexer.definitions in exclusive mode'

/** For `headOf`. */
export const HEAD = 'select * from spindexer.node cross join spindexer.definitions'

export async function readHead(client: PoolClient): Promise<Head> {
  return headOf(await client.query(HEAD))
}

export function headOf({ rows }: { readonly rows: readonly Record<string, string | null>[] }): Head {
  const row = rows[0]
  if (row === undefined)
    throw new Error('spindexer.node or spindexer.definitions has lost its row; restore the database')
  return {
    nodeId: row.node_id!,
    dataSchema: row.data_schema!,
    identity:
      row.log_id == null
        ? null
        : { logId: row.log_id, copyId: row.copy_id!, generation: Number(row.generation) },
    offset: BigInt(row.next_offset!),
    rejudgedTo: BigInt(row.rejudged_to!),
    last: lastRecordOf(DEFINITIONS, row.last_offset!, row.last_hash!),
    taken: BigInt(row.taken!),
    refused: BigInt(row.refused!),
    controls: BigInt(row.controls!),
  }
}

interface Position extends PartitionCounts {
  readonly last: LastRecord | null
  readonly newestStamp: Stamp | null
  readonly newestAppendMs: bigint | null
}

/** By partition, ascending. */
export async function readPositions(client: PoolClient): Promise<Position[]> {
  const { rows } = await client.query('select * from spindexer.positions order by partition')
  return rows.map((row) => ({
    partition: row.partition,
    position: BigInt(row.next_offset),
    last: lastRecordOf(row.partition, row.last_offset, row.last_hash),
    consumed: BigInt(row.consumed),
    merged: BigInt(row.merged),
    parked: BigInt(row.parked),
    quarantined: BigInt(row.quarantined),
    controls: BigInt(row.controls),
    newestStamp: decodeStamp(row.newest_stamp),
    newestAppendMs: row.newest_append_ms === null ? null : BigInt(row.newest_append_ms),
  }))
}

export function toState(
  head: Head,
  catalogue: Catalogue,
  positions: readonly Position[],
  standings: StoreState['standings'],
): StoreState {
  const appendTimes = positions.map(({ newestAppendMs }) => newestAppendMs)
  return {
    type: 'state',
    catalogue,
    rejudgedTo: head.rejudgedTo,
    positions: new Map(positions.map(({ partition, position }) => [partition, position])),
    standings,
    lastRecords: [head.last, ...positions.map(({ last }) => last)].filter((last) => last !== null),
    newestStamp: positions.reduce<Stamp | null>(
      (newest, { newestStamp }) => maxStamp(newest, newestStamp),
      null,
    ),
    newestAppendMs: appendTimes.reduce((a, b) => (a === null || (b !== null && b > a) ? b : a), null),
  }
}

function lastRecordOf(partition: number, offset: string | null, hash: string | null): LastRecord | null {
  return offset === null || hash === null ? null : { partition, offset: BigInt(offset), hash }
}
