// The log in memory: the reference model of the port, deterministic, with hooks for what befalls a real log.

import { DEFINITIONS, type LogRecord } from '../../codec/record.ts'
import type {
  Appended,
  KeptLog,
  LogDescription,
  LogEvent,
  NewRecord,
  PartitionState,
  ReadOptions,
} from '../log.ts'
import { keyToPartition } from '../placement.ts'
import { listRecords } from '../records.ts'
import { createGroups } from './groups.ts'

export interface MemoryLogOptions {
  /** 0: a log that does not exist. */
  readonly partitions: number
  /** The log's own clock, milliseconds. */
  readonly now: () => bigint
  /** Records a chunk has at most; 1,000 unless set. */
  readonly chunkRecords?: number
}

/** What befalls a log, and what an adapter does beside the port. */
export interface MemoryLog extends KeptLog {
  /** Appends records that carry this time of their writer's instead of the log's. */
  appendUnstamped(records: readonly NewRecord[], timeMs: bigint): readonly Appended[]
  /** Offsets that hold no record, as a control batch leaves them. */
  skip(partition: number, count: bigint): void
  /** Expires everything below an offset. */
  truncate(partition: number, first: bigint): void
  /** Deletes the log and makes an empty one in its place. */
  remake(): void
  /** Every reader's connection is lost and back. */
  reconnect(): void
}

interface Partition {
  first: bigint
  end: bigint
  records: LogRecord[]
}

const CLOSED = 'the log is closed'
const SEALED = 'the log in memory is closed for ever: a copy has taken its place; write to the copy'

export function createMemoryLog(options: MemoryLogOptions): MemoryLog {
  const { now, chunkRecords = 1_000 } = options
  const numbers = Array.from({ length: options.partitions }, (_, partition) => partition)
  const names = options.partitions === 0 ? [] : [...numbers, DEFINITIONS]
  const partitions = new Map(names.map((partition) => [partition, createPartition()]))
  const groups = createGroups(numbers)
  const waiting = new Set<() => void>()
  const bookmarks = new Map<string, Map<number, bigint>>()
  let isClosed = false
  let isSealed = false
  let connection = 0

  const wakeAll = () => {
    const woken = [...waiting]
    waiting.clear()
    for (const wake of woken) wake()
  }
  const find = (partition: number): Partition => {
    const found = partitions.get(partition)
    if (found === undefined) throw new Error(`the log in memory has no partition ${partition}`)
    return found
  }
  const assertOpen = () => {
    if (isClosed) throw new Error(CLOSED)
  }

  function appendAll(records: readonly NewRecord[], time: bigint | null): Appended[] {
    assertOpen()
    if (isSealed) throw new Error(SEALED)
    const appendMs = time ?? now()
    const placed = records.map((record) => record.partition ?? keyToPartition(record.key, numbers.length))
    for (const partition of placed) find(partition)
    const answers = records.map((record, index) => {
      const partition = placed[index]!
      const state = find(partition)
      const offset = state.end++
      const { key, value, headers = [] } = record
      state.records.push({ partition, offset, appendMs, stampedByLog: time === null, key, value, headers })
      return { partition, offset, appendMs }
    })
    wakeAll()
    return answers
  }

  /** Resolves at the next change, or when the signal is aborted. */
  const change = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = () => {
        waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      if (signal.aborted || isClosed) return resolve()
      waiting.add(done)
      signal.addEventListener('abort', done)
    })

  async function* read({ scope, positions, signal }: ReadOptions): AsyncGenerator<LogEvent> {
    assertOpen()
    const member = scope.type === 'group' ? groups.join(scope.group, scope.member) : null
    if (member !== null) wakeAll()
    const everything = scope.type === 'definitions' ? [DEFINITIONS] : numbers
    const isOver = () => signal.aborted || isClosed
    try {
      while (!isOver()) {
        const version = member?.version() ?? 0
        const assigned = member?.partitions() ?? everything
        yield { type: 'assigned', partitions: assigned }
        if (isOver()) return
        const at = new Map(await positions(assigned))
        const isAssigned = () => !isOver() && (member?.version() ?? 0) === version
        if (yield* readAssigned(assigned, at, isAssigned, signal)) return
      }
    } finally {
      member?.leave()
      wakeAll()
    }
  }

  /** Reads until the assignment changes; true when reading is over because a position is lost. */
  async function* readAssigned(
    assigned: readonly number[],
    at: Map<number, bigint>,
    isAssigned: () => boolean,
    signal: AbortSignal,
  ): AsyncGenerator<LogEvent, boolean> {
    const reported = new Map<number, bigint>()
    let seenConnection = connection
    while (isAssigned()) {
      let isIdle = true
      for (const partition of assigned) {
        if (!isAssigned()) return false
        if (seenConnection !== connection) {
          seenConnection = connection
          yield { type: 'reconnected' }
          if (!isAssigned()) return false
        }
        const from = at.get(partition) ?? 0n
        const state = find(partition)
        if (from < state.first || from > state.end) {
          yield { type: 'lost', partition, position: from }
          return true
        }
        if (from === state.end && reported.get(partition) === from) continue
        isIdle = false
        const chunk = readChunk(partition, from)
        at.set(partition, chunk.next)
        if (chunk.next === chunk.end) reported.set(partition, chunk.end)
        yield chunk
      }
      // A member without partitions sees a reconnection here, or it would never wait again.
      if (isIdle && seenConnection !== connection) {
        seenConnection = connection
        yield { type: 'reconnected' }
      } else if (isIdle && isAssigned()) await change(signal)
    }
    return false
  }

  function readChunk(partition: number, from: bigint): Extract<LogEvent, { type: 'chunk' }> {
    const { records, end } = find(partition)
    const start = findIndex(records, from)
    const chunk = records.slice(start, start + chunkRecords)
    const isLast = start + chunk.length === records.length
    const next = isLast ? end : chunk.at(-1)!.offset + 1n
    return { type: 'chunk', partition, from, next, end, records: listRecords(chunk) }
  }

  const pickOne = (partition: number, offset: bigint): LogRecord | null => {
    const { records } = find(partition)
    const found = records[findIndex(records, offset)]
    return found?.offset === offset ? found : null
  }

  const describePartition = (partition: number): PartitionState => {
    const { first, end } = find(partition)
    return { partition, first, end, genesis: pickOne(partition, 0n) }
  }

  return {
    async describe(): Promise<LogDescription> {
      assertOpen()
      const exists = numbers.length > 0
      return {
        name: 'the log in memory',
        partitions: numbers.map(describePartition),
        definitions: exists ? describePartition(DEFINITIONS) : null,
        problems: [],
        warnings: [],
      }
    },
    async append(records, options) {
      if (options?.onlyFirst !== true) return appendAll(records, null)
      return records.flatMap((record) => {
        const { end, first } = find(record.partition!)
        if (end === 0n) return appendAll([record], null)
        return [{ partition: record.partition!, offset: first, appendMs: -1n }]
      })
    },
    read,
    async pick(pointers) {
      assertOpen()
      return pointers.map(({ partition, offset }) => pickOne(partition, offset))
    },
    async close() {
      isClosed = true
      wakeAll()
    },
    appendUnstamped: appendAll,
    skip(partition, count) {
      find(partition).end += count
      wakeAll()
    },
    truncate(partition, first) {
      const state = find(partition)
      state.records = state.records.slice(findIndex(state.records, first))
      state.first = first
      if (state.end < first) state.end = first
      wakeAll()
    },
    remake() {
      for (const partition of partitions.keys()) partitions.set(partition, createPartition())
      wakeAll()
    },
    reconnect() {
      connection++
      wakeAll()
    },
    groupMembers: async (group) => groups.members(group),
    loadBookmark: async (name) => new Map(bookmarks.get(name)),
    async saveBookmark(name, positions) {
      bookmarks.set(name, new Map([...(bookmarks.get(name) ?? []), ...positions]))
    },
    async seal(records) {
      if (!isSealed) appendAll(records, null)
      isSealed = true
      return true
    },
  }
}

function createPartition(): Partition {
  return { first: 0n, end: 0n, records: [] }
}

/** Index of the first record at or above an offset. */
function findIndex(records: readonly LogRecord[], offset: bigint): number {
  let [low, high] = [0, records.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (records[middle]!.offset < offset) low = middle + 1
    else high = middle
  }
  return low
}
