// Watches a table from outside, in SQL, for the rows that mark the first and the last message of a pass.

import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Dataset } from '../src/codec/catalogue.ts'
import type { Change } from './cases/case.ts'
import type { Marks } from './marks.ts'

export const LOOK_EVERY_MS = 20
const VISIBLE_MS_MAX = 2 * 3_600_000
/** Undefined table, invalid schema name: the sink or the node has not made it yet. */
const NOT_YET: ReadonlySet<string | undefined> = new Set(['42P01', '3F000'])

/** When each was first seen, on the clock of performance.now(). */
export interface Seen {
  readonly firstMs: number
  readonly lastMs: number
}

/** One look-up by primary key every 20 ms. `check` is called at every look, and throws when waiting is in vain. */
export async function watchMarks(
  url: string,
  relation: string,
  dataset: Dataset,
  { marks, check }: { marks: Marks; check: () => void },
): Promise<Seen> {
  const where = dataset.key.map(({ name }, place) => `"${name}" = $${place + 1}`).join(' and ')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const see = async (mark: Change): Promise<number> => {
    const deadline = performance.now() + VISIBLE_MS_MAX
    for (;;) {
      check()
      const found = await client
        .query(`select from ${relation} where ${where}`, [...mark.key])
        .catch((error: { code?: string }) => {
          if (NOT_YET.has(error.code)) return { rowCount: 0 }
          throw error
        })
      const now = performance.now()
      if (found.rowCount === 1) return now
      if (now > deadline) throw new Error(`the row ${mark.key[0]} of ${relation} never came`)
      await sleep(LOOK_EVERY_MS)
    }
  }
  try {
    const firstMs = await see(marks.first)
    return { firstMs, lastMs: await see(marks.last) }
  } finally {
    await client.end()
  }
}
