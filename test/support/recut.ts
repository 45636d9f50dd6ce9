// A log whose chunks are cut anew at random: the same records at the same places, in other batches.

import type { Log, LogEvent } from '../../src/log/log.ts'
import { listRecords } from '../../src/log/records.ts'

type Chunk = Extract<LogEvent, { type: 'chunk' }>

/** Cuts each chunk into pieces of 1 to `recordsMax` records; what lies between records goes with the one before it. */
export function createRecutLog(log: Log, random: () => number, recordsMax: number): Log {
  async function* read(options: Parameters<Log['read']>[0]): AsyncGenerator<LogEvent> {
    for await (const event of log.read(options)) {
      if (event.type === 'chunk') yield* recut(event, random, recordsMax)
      else yield event
    }
  }
  return { ...log, read }
}

function* recut(chunk: Chunk, random: () => number, recordsMax: number): Generator<Chunk> {
  let { from } = chunk
  const all = [...chunk.records]
  for (let at = 0; at < all.length; ) {
    const count = 1 + Math.floor(random() * recordsMax)
    const records = all.slice(at, at + count)
    at += records.length
    const isLast = at === all.length
    const next = isLast ? chunk.next : all[at]!.offset
    yield { ...chunk, from, next, records: listRecords(records) }
    from = next
  }
  if (all.length === 0) yield chunk
}
