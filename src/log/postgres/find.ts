// All messages of one row, or of one cell, by one look into an index.

import type { Pointer } from '../../codec/record.ts'
import { textArray } from '../../postgres/arrays.ts'
import type { Connections } from './connections.ts'

export interface MessageQuery {
  readonly dataset: string
  readonly key: readonly string[]
  /** Only messages that concern this column: those that name it, and every delete. */
  readonly column?: string
}

const PAGE = 1_000

/** $1: dataset, $2: key, $3 and $4: the place behind which the page begins, $5: column. */
const FIND = `
select r.partition, r."offset"::text as "offset" from spindexer_log.records as r
where dataset = $1 and row_key = $2::text[] and (r.partition, r."offset") > ($3::int, $4::bigint)`
const OF_COLUMN = `
  and (operation = 'delete' or $5 = any(columns))`
/** By the table's offset: by the name alone it would be that of the answer, a text. */
const IN_ORDER = `
order by r.partition, r."offset" limit ${PAGE}`

/** The statement, for a test that looks at its plan. */
export function findSql(hasColumn: boolean): string {
  return `${FIND}${hasColumn ? OF_COLUMN : ''}${IN_ORDER}`
}

/**
 * Where the messages of a row stand, a page at a time, ascending by partition and offset: all that decode, whatever
 * nodes think of them. Those that somebody appended without saying what they are about are not among them.
 */
export async function* findMessages(
  connections: Connections,
  { dataset, key, column }: MessageQuery,
  signal: AbortSignal,
): AsyncGenerator<readonly Pointer[]> {
  const text = findSql(column !== undefined)
  let last: Pointer = { partition: -2, offset: 0n }
  for (;;) {
    const { partition, offset } = last
    const values = [dataset, textArray(key), partition, offset, ...(column === undefined ? [] : [column])]
    const { rows } = await connections.lend(signal, (client) =>
      client.query<{ partition: number; offset: string }>(text, values),
    )
    const page = rows.map((row) => ({ partition: row.partition, offset: BigInt(row.offset) }))
    if (page.length > 0) yield page
    if (page.length < PAGE) return
    last = page.at(-1)!
  }
}
