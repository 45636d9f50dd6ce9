// Reading a log until a test has seen enough.

import type { LogRecord } from '../../src/codec/record.ts'
import type { Log, LogEvent, ReadScope } from '../../src/log/log.ts'

type Chunk = Extract<LogEvent, { type: 'chunk' }>

export interface Reading {
  readonly events: LogEvent[]
  readonly chunks: Chunk[]
  readonly records: LogRecord[]
  readonly assigned: (readonly number[])[]
  /** True when the newest chunk of each of these partitions reached the end. */
  isCaughtUp(partitions: readonly number[]): boolean
}

export interface UntilOptions {
  readonly scope: ReadScope
  readonly positions?: ReadonlyMap<number, bigint>
  /** Ends anyhow after this time; 60 s unless set, and then it is an error. */
  readonly forMs?: number
}

/** Reads until `isEnough`, asked after each event, says so, or reading ends. */
export async function until(
  log: Log,
  { scope, positions = new Map(), forMs }: UntilOptions,
  isEnough: (reading: Reading) => boolean | Promise<boolean>,
): Promise<Reading> {
  const stop = new AbortController()
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    stop.abort()
  }, forMs ?? 60_000)
  const reading = createReading()
  try {
    for await (const event of log.read({ scope, positions: async () => positions, signal: stop.signal })) {
      reading.events.push(event)
      if (event.type === 'assigned') reading.assigned.push(event.partitions)
      if (event.type === 'chunk') {
        reading.chunks.push(event)
        for (const record of event.records) reading.records.push(record)
      }
      if (await isEnough(reading)) break
    }
  } finally {
    clearTimeout(timer)
    stop.abort()
  }
  if (isLate && forMs === undefined)
    throw new Error(`nothing more came: ${reading.records.length} records so far`)
  return reading
}

function createReading(): Reading {
  const chunks: Chunk[] = []
  return {
    events: [],
    chunks,
    records: [],
    assigned: [],
    isCaughtUp(partitions) {
      return partitions.every((partition) => {
        const last = chunks.findLast((chunk) => chunk.partition === partition)
        return last !== undefined && last.next === last.end
      })
    },
  }
}
