// Short looks at the node's state: a few at a time, so that readers never take the connections that the node works with.

import type { StoreReader, StoreRefusal } from '../store/store.ts'
import { problem } from './problem.ts'

export interface SnapshotOptions {
  readonly open: () => Promise<StoreReader | StoreRefusal>
  readonly isTransient: (error: unknown) => boolean
  /** How many may be open at the same time. */
  readonly snapshotsMax: number
  /** How long a request waits for its turn, in milliseconds. */
  readonly waitMs: number
}

/**
 * Opens a snapshot for `use` and closes it. Whoever uses it gathers what it needs and sends it afterwards: a slow client
 * must not hold a snapshot. Throws a problem while none is to be had.
 */
export type WithSnapshot = <T>(use: (reader: StoreReader) => Promise<T>) => Promise<T>

export function createSnapshots({ open, isTransient, snapshotsMax, waitMs }: SnapshotOptions): WithSnapshot {
  const waiting: (() => void)[] = []
  let opened = 0

  async function takeTurn(): Promise<void> {
    if (opened < snapshotsMax) {
      opened++
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      waiting.splice(waiting.indexOf(turn), 1)
      reject(problem('too-busy', 'too many are reading rows already; try again later', RETRY))
    }, waitMs)
    const turn = (): void => {
      clearTimeout(timer)
      resolve()
    }
    waiting.push(turn)
    await promise
  }
  /** The turn goes to who has waited longest. */
  function giveTurn(): void {
    const next = waiting.shift()
    if (next === undefined) opened--
    else next()
  }

  return async (use) => {
    await takeTurn()
    try {
      const reader = await open()
      if ('type' in reader) throw problem('not-ready', `${reader.what}; ${reader.remedy}`)
      try {
        return await use(reader)
      } finally {
        await reader.close()
      }
    } catch (error) {
      if (codeOf(error) === QUERY_CANCELED) {
        throw problem(
          'too-busy',
          'the database took too long for it; ask for less, or try again later',
          RETRY,
        )
      }
      if (isTransient(error)) {
        throw problem('database-away', "the node's database does not answer just now; try again later", RETRY)
      }
      throw error
    } finally {
      giveTurn()
    }
  }
}

const RETRY = { headers: { 'retry-after': '1' } }
/** statement_timeout (PostgreSQL, appendix A). */
const QUERY_CANCELED = '57014'

function codeOf(error: unknown): unknown {
  return error instanceof Error ? (error as { readonly code?: unknown }).code : null
}
