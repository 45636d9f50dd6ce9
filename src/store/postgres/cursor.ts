// Reading any number of rows in bounded memory: a cursor, fetched by bytes.

import type { PoolClient } from 'pg'

const FETCH_ROWS_FIRST = 50
const FETCH_ROWS_MAX = 2_000
/** Rows are fetched by about so many bytes of text, because one row may hold a hundred megabytes, or fifty bytes. */
const FETCH_BYTES = 4 * 1024 * 1024

/** The rows of a query whose columns are all text, in the client's open transaction. `name` is of no other open cursor. */
export async function* readCursor(
  client: PoolClient,
  name: string,
  sql: string,
  parameters: readonly (string | number | null)[] = [],
): AsyncGenerator<(string | null)[]> {
  for await (const rows of readPages(client, name, sql, parameters)) for (const texts of rows) yield texts
}

/** The same some rows at a time, never none. */
export async function* readPages(
  client: PoolClient,
  name: string,
  sql: string,
  parameters: readonly (string | number | null)[],
): AsyncGenerator<readonly (string | null)[][]> {
  await client.query(`declare ${name} no scroll cursor for ${sql}`, [...parameters])
  try {
    for (let count = FETCH_ROWS_FIRST; ; ) {
      const { rows } = await client.query<(string | null)[]>({
        text: `fetch ${count} from ${name}`,
        rowMode: 'array',
      })
      if (rows.length === 0) return
      let bytes = 0
      for (const texts of rows) for (const text of texts) bytes += text?.length ?? 0
      yield rows
      const wanted = Math.floor((FETCH_BYTES * rows.length) / Math.max(1, bytes))
      count = Math.min(FETCH_ROWS_MAX, Math.max(1, wanted))
    }
  } finally {
    // In a transaction that failed the cursor is gone already.
    await client.query(`close ${name}`).catch(() => {})
  }
}
