// Reading as the port wants it: assignments, the fetch loop behind each, and what it brings one by one.

import { DEFINITIONS } from '../../codec/record.ts'
import { aborted } from '../aborted.ts'
import { createChannel } from '../channel.ts'
import type { LogEvent, ReadOptions } from '../log.ts'
import type { Trouble } from '../trouble.ts'
import { createWaker } from '../waker.ts'
import { type Connections, withRetry } from './connections.ts'
import { fetchAssignment, type Item, PREFETCH_BYTES_MAX } from './fetcher.ts'
import { keepMembership } from './group.ts'
import type { Layout } from './layout.ts'
import { type Listener, RECORDS_CHANNEL } from './listener.ts'

export interface ReaderOptions extends ReadOptions {
  readonly connections: Connections
  readonly listener: Listener
  readonly layout: () => Promise<Layout>
  readonly name: string
  readonly isChecked: (log: string) => boolean
  readonly onLog: (line: string) => void
  readonly createTrouble: () => Trouble
  /** Is given a promise that resolves once nothing of this reading is left. */
  readonly onStart: (ended: Promise<void>) => void
}

/** How long the start waits for a server; later on, reading waits for ever. */
const START_MS = 30_000

export async function* readPostgres(options: ReaderOptions): AsyncGenerator<LogEvent> {
  const { connections, listener, name, isChecked, onLog, createTrouble } = options
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const channel = createChannel<Item>(PREFETCH_BYTES_MAX)
  const tasks: Promise<void>[] = []
  const run = (task: Promise<void>) => {
    const settled = task.catch(channel.fail)
    tasks.push(settled)
    return settled
  }
  const waker = createWaker(signal)
  const unlisten = listener.listen(RECORDS_CHANNEL, waker.wake)
  const trouble = createTrouble()
  run(assign({ ...options, signal }, channel.push))
  // At the signal and not when the iteration ends, since nobody may come for the next event any more.
  const ended = aborted(signal).then(async () => {
    unlisten()
    channel.end()
    await Promise.all(tasks)
  })
  options.onStart(ended)
  try {
    for (
      let item = await channel.next();
      item !== undefined && !signal.aborted;
      item = await channel.next()
    ) {
      if (item.signal.aborted) continue
      if (item.type === 'event') {
        yield item.event
        if (item.event.type === 'lost') return
        continue
      }
      yield { type: 'assigned', partitions: item.partitions }
      if (item.signal.aborted) continue
      // Asked here, and not when the assignment came: whoever reads has dealt with all chunks of the former one.
      const asked = await options.positions(item.partitions)
      const positions = new Map(item.partitions.map((partition) => [partition, asked.get(partition) ?? 0n]))
      if (positions.size === 0) continue
      run(
        fetchAssignment({
          connections,
          name,
          isChecked,
          positions,
          channel,
          waker,
          signal: item.signal,
          onLog,
          trouble,
        }),
      )
    }
  } finally {
    stop.abort()
    await ended
  }
}

/** Announces every assignment, and that the former one is over, until the signal is aborted. */
async function assign(options: ReaderOptions, push: (item: Item, weight: number) => void): Promise<void> {
  const { scope, name, signal, layout, connections, listener, onLog, createTrouble } = options
  let current = new AbortController()
  const announce = (partitions: readonly number[]) => {
    current.abort()
    current = new AbortController()
    push({ type: 'assigned', partitions, signal: AbortSignal.any([signal, current.signal]) }, 0)
  }
  if (scope.type === 'definitions') return announce([DEFINITIONS])
  const { partitions } = await withRetry(`reading ${name}`, { forMs: START_MS, signal }, layout)
  if (scope.type === 'all') return announce(partitions)
  const trouble = createTrouble()
  await keepMembership({
    ...scope,
    connections,
    listener,
    name,
    partitions,
    signal,
    onLog,
    trouble,
    onShare: announce,
  })
}
