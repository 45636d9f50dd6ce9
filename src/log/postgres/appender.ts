// Appending: calls that come while a statement is on its way are gathered into the next one, so that many small ones
// cost few commits; one statement after the other, so that what is asked first stands first.

import { DEFINITIONS } from '../../codec/record.ts'
import type { Appended, NewRecord } from '../log.ts'
import { keyToPartition } from '../placement.ts'
import type { Trouble } from '../trouble.ts'
import { type Answer, callFunction } from './call.ts'
import { CLOSED, type Connections, pause, retryMs } from './connections.ts'
import { createContentReader } from './content.ts'
import { explain, isTransient } from './errors.ts'
import { watchHolders } from './holders.ts'
import type { Layout } from './layout.ts'
import { type PlacedRecord, recordParameters, sizeOf } from './parameters.ts'

export interface Appender {
  /** See `Log.append`. */
  append(records: readonly NewRecord[]): Promise<readonly Appended[]>
}

export interface AppenderOptions {
  readonly connections: Connections
  readonly layout: () => Promise<Layout>
  /** For messages. */
  readonly name: string
  readonly signal: AbortSignal
  readonly onLog: (line: string) => void
  readonly trouble: Trouble
}

/** As long as the log in Kafka tries. */
export const GIVE_UP_MS = 120_000
/** More in one transaction gain nothing, and others wait for its end. */
const BATCH_RECORDS_MAX = 10_000
const BATCH_BYTES_MAX = 2 * 1024 * 1024

/** One call of `append`. */
interface Call {
  readonly asked: readonly NewRecord[]
  /** Empty until its turn has come. */
  records: readonly PlacedRecord[]
  readonly answers: Appended[]
  /** How many are in a batch already. */
  taken: number
  /** Of those that are not, at most. */
  bytes: number
  isOver: boolean
  /** When it gives up, on the monotonic clock, milliseconds. */
  readonly until: number
  readonly resolve: (answers: readonly Appended[]) => void
  readonly reject: (error: Error) => void
}

/** Some records of a call, from number `from` up to `to`. */
interface Stretch {
  readonly call: Call
  readonly from: number
  readonly to: number
}

interface Batch {
  readonly stretches: readonly Stretch[]
  readonly parameters: readonly Buffer[]
}

export function createAppender(options: AppenderOptions): Appender {
  const { connections, name, signal, onLog, trouble } = options
  const attempt = `appending to ${name}`
  const readContent = createContentReader()
  let queue: Call[] = []
  let ahead: Batch | null = null
  let known: Layout | null = null
  let isWorking = false

  const isFull = () => {
    let records = 0
    let bytes = 0
    for (const call of queue) {
      records += call.asked.length - call.taken
      bytes += call.bytes
      if (records >= BATCH_RECORDS_MAX || bytes >= BATCH_BYTES_MAX) return true
    }
    return false
  }
  /** False for a call that asks for what the log has not, which it is told. */
  const place = (call: Call, count: number): boolean => {
    if (call.records.length > 0 || call.isOver) return true
    try {
      call.records = placeRecords(call.asked, count, attempt)
      return true
    } catch (error) {
      call.isOver = true
      call.reject(error as Error)
      return false
    }
  }
  /** The next batch from the front of the queue; null when nothing waits. */
  const take = (partitionCount: number): Batch | null => {
    const stretches: Stretch[] = []
    let count = 0
    let bytes = 0
    const takeFrom = (call: Call): boolean => {
      if (call.isOver || call.taken === call.records.length) return false
      const size = sizeOf(call.records[call.taken]!.record)
      if (count > 0 && (count >= BATCH_RECORDS_MAX || bytes + size > BATCH_BYTES_MAX)) return false
      bytes += size
      call.bytes -= size
      call.taken++
      count++
      return true
    }
    let done = 0
    for (; done < queue.length; done++) {
      const call = queue[done]!
      if (!place(call, partitionCount)) continue
      const from = call.taken
      while (takeFrom(call));
      if (call.taken > from) stretches.push({ call, from, to: call.taken })
      if (!call.isOver && call.taken < call.records.length) break
    }
    queue = queue.slice(done)
    if (count === 0) return null
    const records = stretches.flatMap(({ call, from, to }) => call.records.slice(from, to))
    return { stretches, parameters: recordParameters(records, readContent) }
  }

  const fail = (error: Error, which: (call: Call) => boolean, batch: Batch | null) => {
    const calls = [...(batch?.stretches ?? []), ...(ahead?.stretches ?? [])].map(({ call }) => call)
    for (const call of [...calls, ...queue]) {
      if (call.isOver || !which(call)) continue
      call.isOver = true
      call.reject(error)
    }
  }
  const expire = (error: Error, batch: Batch | null) => {
    const now = performance.now()
    fail(error, ({ until }) => until < now, batch)
  }
  const isOver = ({ stretches }: Batch) => stretches.every(({ call }) => call.isOver)

  /** Sends a batch until it is in the log, or nobody waits for it any more. Never rejects. */
  const deliver = async (batch: Batch, log: string): Promise<void> => {
    const calls = new Set(batch.stretches.map(({ call }) => call))
    for (let failures = 0; !signal.aborted && !isOver(batch); failures++) {
      try {
        settle(batch, await send(batch, log))
        return trouble.passed()
      } catch (error) {
        await handle(error, failures, batch, (call) => calls.has(call))
      }
    }
  }
  /** Gives up those for whom it makes no sense to wait any longer; then waits. */
  const handle = async (
    error: unknown,
    failures: number,
    batch: Batch | null,
    isConcerned: (call: Call) => boolean,
  ): Promise<void> => {
    if (signal.aborted) return
    const explained = explain(attempt, error)
    onLog(explained.message)
    if (!isTransient(error)) return fail(explained, isConcerned, batch)
    trouble.failed(explained)
    expire(explained, batch)
    await pause(retryMs(failures), signal)
  }
  const send = (batch: Batch, log: string): Promise<readonly Answer[]> =>
    connections.lend(signal, async (client) => {
      const watch = watchHolders(connections, signal, {
        onHeld(words) {
          const error = new Error(`${attempt}: ${words}`)
          trouble.failed(error)
          expire(error, batch)
          // The server leaves what it does for nobody (client_connection_check_interval).
          if (isOver(batch)) client.connection.stream.destroy()
        },
      })
      try {
        return await callFunction(client, 'append', [log, ...batch.parameters], watch.onPid)
      } finally {
        watch.end()
      }
    })

  const work = async () => {
    if (isWorking) return
    isWorking = true
    let failures = 0
    while (queue.length > 0 && !signal.aborted) {
      try {
        known = await options.layout()
        failures = 0
      } catch (error) {
        await handle(error, failures++, null, () => true)
        queue = queue.filter((call) => !call.isOver)
        continue
      }
      await deliverAll(known)
    }
    isWorking = false
    if (signal.aborted) fail(new Error(CLOSED), () => true, null)
  }
  const deliverAll = async ({ log, count }: Layout): Promise<void> => {
    for (let batch = take(count); batch !== null; batch = ahead ?? take(count)) {
      if (batch === ahead) ahead = null
      const sending = deliver(batch, log)
      prepare()
      await sending
      if (signal.aborted) return fail(new Error(CLOSED), () => true, batch)
    }
  }
  /** Makes the next batch while one is on its way, so that the server need not wait for it. */
  const prepare = () => {
    if (known !== null && ahead === null && isFull()) ahead = take(known.count)
  }

  return {
    append(records) {
      if (signal.aborted) return Promise.reject(new Error(CLOSED))
      if (records.length === 0) return Promise.resolve([])
      return new Promise((resolve, reject) => {
        const until = performance.now() + GIVE_UP_MS
        const bytes = records.reduce((sum, record) => sum + sizeOf(record), 0)
        const state = { records: [], answers: [], taken: 0, bytes, isOver: false }
        queue.push({ ...state, asked: records, until, resolve, reject })
        if (isWorking) prepare()
        else void work()
      })
    },
  }
}

/** Each record with its partition. Throws for one that the log has not. */
export function placeRecords(
  records: readonly NewRecord[],
  count: number,
  attempt: string,
): readonly PlacedRecord[] {
  return records.map((record) => {
    const partition = record.partition ?? keyToPartition(record.key, count)
    if (partition !== DEFINITIONS && !(partition >= 0 && partition < count)) {
      throw new Error(`${attempt}: it has no partition ${partition}, only ${count}`)
    }
    return { partition, record }
  })
}

/** Gives each call of a batch the places of its records; those of one partition follow each other. */
function settle({ stretches }: Batch, answers: readonly Answer[]): void {
  const places = new Map(
    answers.map(({ partition, first, appendMs }) => [partition, { offset: first, appendMs }]),
  )
  for (const { call, from, to } of stretches) {
    for (let i = from; i < to; i++) {
      const { partition } = call.records[i]!
      const place = places.get(partition)!
      call.answers.push({ partition, offset: place.offset++, appendMs: place.appendMs })
    }
    if (call.isOver || call.answers.length < call.records.length) continue
    call.isOver = true
    call.resolve(call.answers)
  }
}
