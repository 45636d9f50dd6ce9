// What a handle knows of its log: how many partitions there are, and which table has the records.

import { DEFINITIONS } from '../../codec/record.ts'
import type { Connections } from './connections.ts'
import { PARTITIONS } from './statements.ts'

export interface Layout {
  /** Ascending, without the definitions. */
  readonly partitions: readonly number[]
  readonly count: number
  /** The oid of the table: a log that was deleted and made anew has another one. */
  readonly log: string
}

/** Throws where there is no log. */
export async function readLayout(connections: Connections, signal: AbortSignal): Promise<Layout> {
  const { rows } = await connections.lend(signal, (client) =>
    client.query<{ partition: number; log: string }>(PARTITIONS),
  )
  const partitions = rows.map(({ partition }) => partition).filter((partition) => partition !== DEFINITIONS)
  return { partitions, count: partitions.length, log: rows[0]?.log ?? '0' }
}
