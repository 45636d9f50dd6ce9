// Reading as the port wants it: assignments, the fetch loop behind each, and its answers opened one by one.

import { DEFINITIONS } from '../../codec/record.ts'
import { aborted } from '../aborted.ts'
import { createChannel } from '../channel.ts'
import type { LogEvent, ReadOptions } from '../log.ts'
import type { Trouble } from '../trouble.ts'
import { answerToChunks } from './chunks.ts'
import { createClient, type KafkaClient, type KafkaConnection, withRetry } from './client.ts'
import { type Assignment, type Item as FetchedItem, fetchAssignment, PREFETCH_BYTES_MAX } from './fetcher.ts'
import { keepMembership } from './group.ts'

export interface ReaderOptions extends ReadOptions {
  readonly connection: KafkaConnection
  readonly topic: string
  readonly isChecked: Assignment['isChecked']
  readonly onLog: (line: string) => void
  readonly createTrouble: () => Trouble
  /** Is given a promise that resolves once nothing of this reading is left. */
  readonly onStart: (ended: Promise<void>) => void
}

type Item =
  | FetchedItem
  | { readonly type: 'assigned'; readonly partitions: readonly number[]; readonly signal: AbortSignal }

/** How long the start waits for a cluster; later on, reading waits for ever. */
const START_MS = 30_000

/** Reads over connections of its own, since a fetch that waits for records holds up what stands behind it. */
export async function* readKafka(options: ReaderOptions): AsyncGenerator<LogEvent> {
  const { connection, scope, topic, isChecked, onLog, createTrouble } = options
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const clientId = scope.type === 'group' ? scope.member : 'spindexer'
  const client = createClient({ connection, clientId, onLog })
  const words = { onLog, trouble: createTrouble() }
  const channel = createChannel<Item>(PREFETCH_BYTES_MAX)
  const tasks: Promise<void>[] = []
  const run = (task: Promise<void>) => {
    const settled = task.catch(channel.fail)
    tasks.push(settled)
    return settled
  }
  const assigning = run(assign({ ...options, signal }, client, channel.push))
  // At the signal and not when the iteration ends, since nobody may come for the next event any more. First the
  // member's farewell to its coordinator, then the connections, then what waited for them.
  const ended = aborted(signal).then(async () => {
    channel.end()
    await assigning
    await client.close()
    await Promise.all(tasks)
  })
  options.onStart(ended)
  try {
    for (
      let item = await channel.next();
      item !== undefined && !signal.aborted;
      item = await channel.next()
    ) {
      if (item.type === 'event') {
        yield item.event
        if (item.event.type === 'lost') return
      } else if (item.type === 'answer') {
        for await (const chunk of answerToChunks(item.answer)) {
          if (item.signal.aborted) break
          yield chunk
        }
      } else if (!item.signal.aborted) {
        yield { type: 'assigned', partitions: item.partitions }
        if (item.signal.aborted) continue
        // Asked here, and not when the assignment came: whoever reads has dealt with all chunks of the former one.
        const positions = await options.positions(item.partitions)
        const known = new Map(item.partitions.map((partition) => [partition, positions.get(partition) ?? 0n]))
        if (known.size > 0)
          run(fetchAssignment(client, { topic, isChecked, positions: known }, channel, item.signal, words))
      }
    }
  } finally {
    stop.abort()
    await ended
  }
}

/** Announces every assignment, and that the former one is over, until the signal is aborted. */
async function assign(
  options: ReaderOptions,
  client: KafkaClient,
  push: (item: Item, weight: number) => void,
) {
  const { scope, topic, signal, onLog, createTrouble } = options
  let current = new AbortController()
  let isInterrupted = false
  const announce = (partitions: readonly number[]) => {
    current.abort()
    current = new AbortController()
    if (isInterrupted) push({ type: 'event', event: { type: 'reconnected' } }, 0)
    isInterrupted = false
    push({ type: 'assigned', partitions, signal: AbortSignal.any([signal, current.signal]) }, 0)
  }
  if (scope.type === 'definitions') return announce([DEFINITIONS])
  const layout = await withRetry(`reading kafka topic "${topic}"`, { forMs: START_MS, signal }, () =>
    client.layout(topic),
  )
  if (layout === null) throw new Error(`kafka topic "${topic}" does not exist; run \`spindexer log create\``)
  if (scope.type === 'all') return announce(layout.map(({ partition }) => partition))
  await keepMembership({
    client,
    group: scope.group,
    topic,
    signal,
    onLog,
    trouble: createTrouble(),
    onAssigned: announce,
    onRevoked(becauseInterrupted) {
      current.abort()
      isInterrupted ||= becauseInterrupted
    },
  })
}
