// The fetch loop: what is new in each partition of an assignment, a chunk at a time, for as long as it holds.

import { copyOut } from '../../postgres/copy-out.ts'
import type { Channel } from '../channel.ts'
import type { LogEvent } from '../log.ts'
import type { Trouble } from '../trouble.ts'
import type { Waker } from '../waker.ts'
import { type Connections, pause, retryMs } from './connections.ts'
import { explain, isNoLog, isTransient } from './errors.ts'
import { type Extent, readExtents } from './extents.ts'
import { readRows } from './rows.ts'
import { chunkSql } from './statements.ts'

/** What waits for who reads, if its assignment holds. */
export type Item =
  | { readonly type: 'event'; readonly event: LogEvent; readonly signal: AbortSignal }
  | { readonly type: 'assigned'; readonly partitions: readonly number[]; readonly signal: AbortSignal }

export interface Fetching {
  readonly connections: Connections
  /** For messages. */
  readonly name: string
  /** False for a table that is not the one whose log the checks have seen last. */
  readonly isChecked: (log: string) => boolean
  readonly positions: ReadonlyMap<number, bigint>
  readonly channel: Pick<Channel<Item>, 'push' | 'room'>
  /** Wakes when there may be something new. */
  readonly waker: Waker
  readonly signal: AbortSignal
  readonly onLog: (line: string) => void
  readonly trouble: Trouble
}

/** Bytes of chunks that may wait; as many again may be on the way. */
export const PREFETCH_BYTES_MAX = 2 * 1024 * 1024

const CHUNK_BYTES_MAX = 1024 * 1024
const CHUNK_RECORDS_MAX = 4_000
/** Where nobody wakes: a pooler does not pass notifications on, a connection is dead and nobody knows. */
const POLL_MS = 500

/** Fetches until the signal is aborted, or until a position is lost, which is the last event. */
export async function fetchAssignment(fetching: Fetching): Promise<void> {
  const { name, signal, waker, trouble, onLog } = fetching
  const state = createState(fetching)
  for (let failures = 0; !signal.aborted && !state.isOver(); ) {
    try {
      const isIdle = await fetchRound(fetching, state)
      failures = 0
      trouble.passed()
      if (isIdle) await waker.wait(POLL_MS)
    } catch (error) {
      if (signal.aborted) return
      if (isNoLog(error)) return state.loseFirst()
      const explained = explain(`reading ${name}`, error)
      if (!isTransient(error)) throw explained
      trouble.failed(explained)
      onLog(`${explained.message} (interrupted)`)
      state.interrupt()
      await pause(retryMs(failures++), signal)
    }
  }
}

type State = ReturnType<typeof createState>

/** Where each partition stands, and what its answers become. */
function createState({ positions, channel, signal, isChecked }: Fetching) {
  const at = new Map(positions)
  const caughtUpAt = new Map<number, bigint>()
  let isLost = false
  let isInterrupted = false
  let seenLog: string | null = null

  const push = (event: LogEvent, weight: number) => channel.push({ type: 'event', event, signal }, weight)
  const lose = (partition: number) => {
    isLost = true
    push({ type: 'lost', partition, position: at.get(partition)! }, 0)
  }
  const accept = (partition: number, end: bigint, bytes: Buffer) => {
    const from = at.get(partition)!
    const { records, next } = readRows(bytes, partition, from)
    // What the log said that it has is not there: somebody took records out of it.
    if (next === from && from < end) return lose(partition)
    at.set(partition, next)
    if (next === end) caughtUpAt.set(partition, end)
    push({ type: 'chunk', partition, from, next, end, records }, bytes.length)
  }
  return {
    partitions: [...positions.keys()],
    isOver: () => isLost || signal.aborted,
    position: (partition: number) => at.get(partition)!,
    interrupt() {
      isInterrupted = true
    },
    loseFirst: () => lose(at.keys().next().value!),
    /** The log has answered: says so once after an interruption, or where it is another table, before what it answered. */
    answered(log: string) {
      if (isInterrupted || (log !== seenLog && !isChecked(log))) push({ type: 'reconnected' }, 0)
      isInterrupted = false
      seenLog = log
    },
    /** False when there is nothing to read at the position now. */
    hasMore({ partition, first, end }: Extent): boolean {
      const from = at.get(partition)!
      if (from < first || from > end) {
        lose(partition)
        return false
      }
      if (from < end) return true
      if (caughtUpAt.get(partition) !== end) accept(partition, end, NO_ROWS)
      return false
    },
    /** Takes what was read at the position. */
    accept,
  }
}

/** The end of rows alone. */
const NO_ROWS = Buffer.from([0xff, 0xff])

/** Reads every partition to the end that it has now; true when there was nothing new. */
async function fetchRound(fetching: Fetching, state: State): Promise<boolean> {
  const { connections, channel, signal } = fetching
  await channel.room()
  if (state.isOver()) return false
  const { log, extents } = await connections.lend(signal, (client) => readExtents(client, state.partitions))
  state.answered(log)
  let isIdle = true
  // In turn, a chunk each, so that none waits for the others' ends.
  for (let left = [...extents]; left.length > 0; ) {
    const more: Extent[] = []
    for (const extent of left) {
      if (state.isOver()) return false
      if (!state.hasMore(extent)) continue
      isIdle = false
      await fetchChunk(fetching, state, extent)
      more.push(extent)
    }
    left = more
  }
  return isIdle
}

async function fetchChunk({ connections, channel, signal }: Fetching, state: State, extent: Extent) {
  await channel.room()
  if (state.isOver()) return
  const { partition, end } = extent
  const from = state.position(partition)
  const query = { partition, from, end, recordsMax: CHUNK_RECORDS_MAX, bytesMax: CHUNK_BYTES_MAX }
  const bytes = await connections.lend(signal, (client) => copyOut(client, chunkSql(query)))
  if (!signal.aborted) state.accept(partition, end, bytes)
}
