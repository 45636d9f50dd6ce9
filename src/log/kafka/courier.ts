// Produce requests on their way: several to a leader, written one behind the other, within a bound of bytes.

import type { KafkaClient, TopicPartition } from './client.ts'
import { type ProducedPartition, produceBatches } from './exchange.ts'
import { createErrorFromCode } from './kafkajs.ts'
import type { Batch, Lane } from './lanes.ts'

/** One batch and where it goes. */
export interface Parcel {
  readonly lane: Lane
  readonly batch: Batch
}

/** What became of one batch: an error is an outcome too. */
export interface Outcome extends Parcel {
  readonly answer: ProducedPartition | null
  readonly error: unknown
}

export interface Courier {
  /** Takes the batches that `next` gives, at most one a lane, where their leader has room. How many it took. */
  take(
    lanes: readonly { readonly lane: Lane; readonly at: TopicPartition }[],
    next: (lane: Lane) => Batch | null,
  ): number
  /** Requests that are not answered. */
  onTheirWay(): number
}

interface Leader {
  requests: number
  bytes: number
  /** Settled when the last request to it has been written, or never will be. */
  written: Promise<void>
}

interface LeaderRequest extends TopicPartition {
  readonly parcels: Parcel[]
  bytes: number
}

/** A broker works on one request of a connection at a time: the others wait for it there, not for the network. */
const REQUESTS_MAX = 5
/** More could time out on a slow line. */
const BYTES_MAX = 8 * 1024 * 1024
const UNKNOWN_TOPIC = 3

export function createCourier(client: KafkaClient, onOutcomes: (outcomes: Outcome[]) => void): Courier {
  const leaders = new Map<number, Leader>()
  let onTheirWay = 0

  const leaderOf = (nodeId: number): Leader => {
    const known = leaders.get(nodeId)
    if (known !== undefined) return known
    const leader: Leader = { requests: 0, bytes: 0, written: Promise.resolve() }
    leaders.set(nodeId, leader)
    return leader
  }
  const send = async (request: LeaderRequest): Promise<void> => {
    const leader = leaderOf(request.leader)
    onTheirWay++
    leader.requests++
    leader.bytes += request.bytes
    const before = leader.written
    const { promise, resolve: onStart } = Promise.withResolvers<void>()
    leader.written = promise
    await before
    const outcomes = await sendTo(client, request, onStart)
    onStart()
    onTheirWay--
    leader.requests--
    leader.bytes -= request.bytes
    onOutcomes(outcomes)
  }

  return {
    take(lanes, next) {
      const requests = new Map<string, LeaderRequest>()
      for (const { lane, at } of lanes) {
        const leader = leaderOf(at.leader)
        const name = `${at.leader} ${lane.place.topic}`
        const request = requests.get(name) ?? { ...at, parcels: [], bytes: 0 }
        if (leader.requests >= REQUESTS_MAX || leader.bytes + request.bytes >= BYTES_MAX) continue
        const batch = next(lane)
        if (batch === null) continue
        lane.sent(batch)
        requests.set(name, request)
        request.parcels.push({ lane, batch })
        request.bytes += batch.bytes!.length
      }
      for (const request of requests.values()) void send(request)
      return requests.size
    },
    onTheirWay: () => onTheirWay,
  }
}

async function sendTo(
  client: KafkaClient,
  { leader, topicId, parcels }: LeaderRequest,
  onStart: () => void,
): Promise<Outcome[]> {
  try {
    const broker = await client.broker(leader)
    const batches = parcels.map(({ lane, batch }) => ({
      partition: lane.place.partition,
      bytes: batch.bytes!,
    }))
    const { topic } = parcels[0]!.lane.place
    const answers = await produceBatches(broker, { topic, topicId, batches, onStart })
    const answerOf = new Map(answers.map((answer) => [answer.partition, answer]))
    return parcels.map((parcel) => {
      const answer = answerOf.get(parcel.lane.place.partition) ?? null
      return { ...parcel, answer, error: createErrorFromCode(answer?.errorCode ?? UNKNOWN_TOPIC) }
    })
  } catch (error) {
    return parcels.map((parcel) => ({ ...parcel, answer: null, error }))
  }
}
