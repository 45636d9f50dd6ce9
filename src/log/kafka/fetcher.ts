// The fetch loop: from each partition's leader, at its position, for as long as an assignment holds.

import type { Channel } from '../channel.ts'
import type { LogEvent } from '../log.ts'
import type { Trouble } from '../trouble.ts'
import { type Answer, answerNext } from './chunks.ts'
import { type KafkaClient, pause } from './client.ts'
import { errorType, explain, isTransient } from './errors.ts'
import { type FetchedPartition, fetchRecords } from './exchange.ts'
import { createErrorFromCode } from './kafkajs.ts'
import { describePlace, partitionToPlace } from './topic.ts'

/** What waits for who reads: an event as it is, or an answer that has still to be opened, if its assignment holds. */
export type Item =
  | { readonly type: 'event'; readonly event: LogEvent }
  | { readonly type: 'answer'; readonly answer: Answer; readonly signal: AbortSignal }

export interface Assignment {
  readonly topic: string
  /** False for a topic that is not, by its id, the one that the checks have seen last. */
  readonly isChecked: (topic: string, topicId: string | null) => boolean
  /** Positions by partition (of the port: DEFINITIONS is one). */
  readonly positions: ReadonlyMap<number, bigint>
}

/** Bytes of answers that may wait; as many again may be on the way from each broker. */
export const PREFETCH_BYTES_MAX = 2 * 1024 * 1024

const FETCH_BYTES_MAX = 2 * 1024 * 1024
const PARTITION_BYTES_MIN = 1024 * 1024
const MAX_WAIT_MS = 500
const OFFSET_OUT_OF_RANGE = 1
/** A broker that starts may say for a moment that it does not know a topic; one that was deleted stays unknown. */
const UNKNOWN_TOPIC_GRACE_MS = 10_000

/** Fetches until the signal is aborted, or until a position is lost, which is the last event. */
export async function fetchAssignment(
  client: KafkaClient,
  assignment: Assignment,
  channel: Pick<Channel<Item>, 'push' | 'room'>,
  signal: AbortSignal,
  { onLog, trouble }: { readonly onLog: (line: string) => void; readonly trouble: Trouble },
): Promise<void> {
  const state = createState(assignment, channel, signal, trouble)
  let unknownSince: number | null = null
  for (let attempt = 0; !signal.aborted && !state.isOver(); ) {
    let failure: unknown = null
    let isProgress = false
    try {
      const found = await findLeaders(client, assignment)
      if (found === null) throw createErrorFromCode(3)
      if (!assignment.isChecked(found.topic, found.topicId)) state.interrupt()
      const round: Round = { topicId: found.topicId, failure: null, isProgress: false }
      await Promise.all(
        found.leaders.map(([node, partitions]) => fetchFrom(client, node, partitions, state, round, signal)),
      )
      ;({ failure, isProgress } = round)
    } catch (error) {
      failure = error
    }
    if (signal.aborted || state.isOver()) return
    if (failure === null) continue
    const explained = explain(`reading kafka topic "${assignment.topic}"`, failure)
    if (!isTransient(failure)) throw explained
    trouble.failed(explained)
    onLog(`reading kafka topic "${assignment.topic}" is interrupted: ${(failure as Error).message}`)
    state.interrupt()
    if (isProgress) attempt = 0
    unknownSince =
      errorType(failure) === 'UNKNOWN_TOPIC_OR_PARTITION' ? (unknownSince ?? performance.now()) : null
    if (unknownSince !== null && performance.now() - unknownSince > UNKNOWN_TOPIC_GRACE_MS)
      return state.loseFirst()
    await pause(Math.min(50 * 2 ** attempt++, 1_000), signal)
  }
}

type State = ReturnType<typeof createState>

/** From one look at who leads to the next. */
interface Round {
  readonly topicId: string | null
  failure: unknown
  isProgress: boolean
}

/** Where each partition stands, and what its answers become. */
function createState(
  { topic, positions }: Assignment,
  channel: Pick<Channel<Item>, 'push' | 'room'>,
  signal: AbortSignal,
  trouble: Trouble,
) {
  const at = new Map(positions)
  const caughtUpAt = new Map<number, bigint>()
  const interrupted = new Set<number>()
  let isLost = false

  const lose = (partition: number) => {
    isLost = true
    channel.push({ type: 'event', event: { type: 'lost', partition, position: at.get(partition)! } }, 0)
  }

  return {
    topic,
    isOver: () => isLost,
    room: () => channel.room(),
    position: (partition: number) => at.get(partition)!,
    interrupt() {
      for (const partition of at.keys()) interrupted.add(partition)
    },
    /** A leader answered for these partitions: says so once after an interruption, before what it answered. */
    answered(partitions: readonly number[]) {
      const back = partitions.filter((partition) => interrupted.delete(partition))
      if (back.length > 0) channel.push({ type: 'event', event: { type: 'reconnected' } }, 0)
      if (interrupted.size === 0) trouble.passed()
    },
    loseFirst: () => lose(at.keys().next().value!),
    accept(partition: number, fetched: FetchedPartition) {
      if (isLost) return
      if (fetched.errorCode === OFFSET_OUT_OF_RANGE) return lose(partition)
      const from = at.get(partition)!
      const place = describePlace(partitionToPlace(topic, partition))
      const { end, bytes } = fetched
      const next = answerNext({ from, bytes, place })
      if (next === from && (end !== from || caughtUpAt.get(partition) === end)) return
      at.set(partition, next)
      if (next === end) caughtUpAt.set(partition, end)
      channel.push({ type: 'answer', answer: { partition, from, end, bytes, place }, signal }, bytes.length)
    },
  }
}

/** By leader, the partitions that it leads; null when the topic, or a partition of it, is not there. */
async function findLeaders(client: KafkaClient, { topic, positions }: Assignment) {
  const name = partitionToPlace(topic, [...positions.keys()][0]!).topic
  const layout = await client.layout(name)
  if (layout === null) return null
  const partitionsByLeader = new Map<number, number[]>()
  for (const partition of positions.keys()) {
    const place = partitionToPlace(topic, partition)
    const found = layout.find((one) => one.partition === place.partition)
    if (found === undefined) return null
    const led = partitionsByLeader.get(found.leader) ?? []
    partitionsByLeader.set(found.leader, [...led, partition])
  }
  return { topic: name, topicId: layout[0]?.topicId ?? null, leaders: [...partitionsByLeader] }
}

/** Fetches from one leader until it fails, or another one does: then all leaders are looked up again. */
async function fetchFrom(
  client: KafkaClient,
  node: number,
  partitions: readonly number[],
  state: State,
  round: Round,
  signal: AbortSignal,
): Promise<void> {
  const numbers = new Map(
    partitions.map((partition) => [partitionToPlace(state.topic, partition).partition, partition]),
  )
  const { topic } = partitionToPlace(state.topic, partitions[0]!)
  let turn = 0
  try {
    const broker = await client.broker(node)
    for (;;) {
      await state.room()
      if (signal.aborted || state.isOver() || round.failure !== null) return
      // Partitions take turns at being first, since an answer that is full leaves out those behind.
      const asked = rotate([...numbers], turn++).map(([partition, ours]) => ({
        partition,
        offset: state.position(ours),
      }))
      const partitionMaxBytes = Math.max(PARTITION_BYTES_MIN, Math.floor(FETCH_BYTES_MAX / asked.length))
      const request = {
        topic,
        topicId: round.topicId,
        partitions: asked,
        // The first answer says at once that there is nothing new, where there is not.
        maxWaitMs: turn === 1 ? 0 : MAX_WAIT_MS,
        maxBytes: FETCH_BYTES_MAX,
        partitionMaxBytes,
      }
      const answers = await fetchRecords(broker, request)
      if (signal.aborted) return
      const good = answers.filter(({ errorCode }) => errorCode === 0 || errorCode === OFFSET_OUT_OF_RANGE)
      const bad = answers.find((fetched) => !good.includes(fetched))
      if (bad !== undefined) round.failure ??= createErrorFromCode(bad.errorCode)
      round.isProgress ||= good.length > 0
      state.answered(good.map(({ partition }) => numbers.get(partition)!))
      for (const fetched of good) state.accept(numbers.get(fetched.partition)!, fetched)
    }
  } catch (error) {
    round.failure ??= error
  }
}

function rotate<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}
