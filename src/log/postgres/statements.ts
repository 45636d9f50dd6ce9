// The statements that read a log: constant but for numbers, since COPY takes no parameters.

import type { Pointer } from '../../codec/record.ts'
import { plainArray } from '../../postgres/arrays.ts'
import { COLUMNS } from './rows.ts'

/** The records of one chunk: from an offset up to `end`, so many at most, and no more once there are so many bytes. */
export interface ChunkQuery {
  readonly partition: number
  readonly from: bigint
  readonly end: bigint
  readonly recordsMax: number
  readonly bytesMax: number
}

/**
 * The lengths are known without fetching what is long; only what is taken is fetched. Bounded by offsets, which have no
 * gaps, rather than by a limit: before the table's first analysis Postgres takes it for small, and would fetch and sort
 * everything up to the end for each chunk (with 300,000 records: 25,000 a second instead of 340,000).
 */
export function chunkSql({ partition, from, end, recordsMax, bytesMax }: ChunkQuery): string {
  const last = from + BigInt(recordsMax)
  return `copy (
  select ${COLUMNS} from (
    select ${COLUMNS}, sum(size) over (order by "offset" rows unbounded preceding) - size as before from (
      select ${COLUMNS}, coalesce(octet_length(key), 0) + coalesce(octet_length(value), 0)
        + coalesce(octet_length(headers), 0) as size
      from spindexer_log.records
      where partition = ${partition} and "offset" >= ${from} and "offset" < ${last < end ? last : end}
    ) as r
  ) as w where before < ${bytesMax} order by "offset"
) to stdout (format binary)`
}

/** One record, or none. */
export function recordSql({ partition, offset }: Pointer): string {
  return `copy (
  select ${COLUMNS} from spindexer_log.records where partition = ${partition} and "offset" = ${offset}
) to stdout (format binary)`
}

/** Of one partition those records at these offsets that are there, in order. */
export function recordsSql(partition: number, offsets: readonly bigint[]): string {
  return `copy (
  select ${COLUMNS} from spindexer_log.records
  where partition = ${partition} and "offset" = any('${plainArray(offsets)}'::bigint[]) order by "offset"
) to stdout (format binary)`
}

/** $1: partitions. Of each the first offset and the end (null without records), and which table it is that says so. */
export const EXTENTS = `
select p.partition, (
    select r."offset" from spindexer_log.records as r where r.partition = p.partition
    order by r."offset" limit 1
  )::text as first, (
    select r."offset" + 1 from spindexer_log.records as r where r.partition = p.partition
    order by r."offset" desc limit 1
  )::text as "end", 'spindexer_log.records'::regclass::oid::text as log
from unnest($1::int[]) as p (partition)`

/** The partitions, and which table it is that has their records. */
export const PARTITIONS = `
select partition, 'spindexer_log.records'::regclass::oid::text as log
from spindexer_log.partitions order by partition`
