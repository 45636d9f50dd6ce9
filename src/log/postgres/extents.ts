// From where to where the partitions of a log go.

import type { ClientBase } from 'pg'
import { plainArray } from '../../postgres/arrays.ts'
import { EXTENTS } from './statements.ts'

export interface Extent {
  readonly partition: number
  /** The offset of the first record; `end` where there is none. */
  readonly first: bigint
  /** The offset behind the last one. */
  readonly end: bigint
}

export interface Extents {
  /** The oid of the table that said it. */
  readonly log: string
  /** In the order asked for. */
  readonly extents: readonly Extent[]
}

/** One snapshot of all of them. Throws where there is no log. */
export async function readExtents(client: ClientBase, partitions: readonly number[]): Promise<Extents> {
  const { rows } = await client.query<Row>(EXTENTS, [plainArray(partitions)])
  const byPartition = new Map(rows.map((row) => [row.partition, row]))
  return {
    log: rows[0]?.log ?? '0',
    extents: partitions.map((partition) => {
      const { first, end } = byPartition.get(partition)!
      return { partition, first: BigInt(first ?? 0), end: BigInt(end ?? 0) }
    }),
  }
}

interface Row {
  readonly partition: number
  readonly first: string | null
  readonly end: string | null
  readonly log: string
}
