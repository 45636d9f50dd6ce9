// Appending: batches by partition, sent until every in-sync replica has them.
// Not KafkaJS's producer, whose sequence numbers are taken back after a failure while another send may use them: the
// broker then takes the second batch for the first one, and acknowledges what it did not write. It also skips
// partitions whose leadership moves, between two attempts, to a broker that has answered already.

import { setImmediate } from 'node:timers/promises'
import { DEFINITIONS } from '../../codec/record.ts'
import type { Appended, NewRecord } from '../log.ts'
import { keyToPartition } from '../placement.ts'
import { type KafkaClient, pause, type TopicPartition, withRetry } from './client.ts'
import { errorType, explain, isTransient } from './errors.ts'
import { type ProducedPartition, produceBatches } from './exchange.ts'
import { createErrorFromCode } from './kafkajs.ts'
import { type Call, createLane, type Lane, type Producer } from './lanes.ts'
import { describePlace, partitionToPlace } from './topic.ts'
import type { Trouble } from './trouble.ts'

export interface Appender {
  /** See `Log.append`. */
  append(records: readonly NewRecord[]): Promise<readonly Appended[]>
}

export interface AppenderOptions {
  readonly client: KafkaClient
  readonly topic: string
  readonly signal: AbortSignal
  readonly onLog: (line: string) => void
  readonly trouble: Trouble
}

/** As long as Kafka's own producer tries (delivery.timeout.ms). */
const GIVE_UP_MS = 120_000
const REQUEST_BYTES_MAX = 8 * 1024 * 1024
const UNKNOWN_TOPIC = 3
const TRANSACTION_TIMEOUT_MS = 60_000

/** The broker does not know where this producer's numbers stand: another producer sends all again. A set bears it. */
const NEW_PRODUCER: ReadonlySet<string | null> = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
  'UNKNOWN_PRODUCER_ID',
])
const TOO_LARGE: ReadonlySet<string | null> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])

interface LeaderRequest {
  readonly leader: number
  readonly topicId: string | null
  readonly lanes: Lane[]
  bytes: number
}

/** What became of one partition's batch. */
interface Outcome {
  readonly lane: Lane
  readonly answer: ProducedPartition | null
  readonly error: unknown
}

export function createAppender({ client, topic, signal, onLog, trouble }: AppenderOptions): Appender {
  const lanes = new Map<number, Lane>()
  const layouts = new Map<string, readonly TopicPartition[]>()
  const topicIds = new Map<string, string | null>()
  let producer: Producer | null = null
  let needsProducer = false
  let isWorking = false

  const layoutOf = async (name: string): Promise<readonly TopicPartition[]> => {
    const known = layouts.get(name)
    if (known !== undefined) return known
    const found = await client.layout(name)
    if (found === null) throw createErrorFromCode(UNKNOWN_TOPIC)
    const topicId = found[0]?.topicId ?? null
    // Whoever writes has checked the log before; nobody has checked this one.
    if ((topicIds.get(name) ?? topicId) !== topicId) throw new Error(madeAnew(name))
    topicIds.set(name, topicId)
    layouts.set(name, found)
    return found
  }
  const forgetProducer = () => {
    producer = null
    for (const lane of lanes.values()) lane.renumber()
  }
  const getProducer = async (): Promise<Producer> => {
    if (producer !== null) return producer
    const broker = await client.anyBroker()
    const { producerId, producerEpoch } = await broker.initProducerId({
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
    })
    producer = { producerId: BigInt(producerId), producerEpoch }
    return producer
  }

  /** Takes the heads of all lanes, one request a leader, and writes what comes after while they are on their way. */
  const sendHeads = async (busy: readonly Lane[]): Promise<Outcome[]> => {
    const sender = await getProducer()
    const requests = new Map<string, LeaderRequest>()
    for (const lane of busy) {
      const layout = await layoutOf(lane.place.topic)
      const at = layout[lane.place.partition]
      if (at === undefined) throw new Error(`there is no ${describePlace(lane.place)}`)
      const name = `${at.leader} ${lane.place.topic}`
      const request = requests.get(name) ?? { ...at, lanes: [], bytes: 0 }
      requests.set(name, request)
      if (request.bytes >= REQUEST_BYTES_MAX) continue
      request.bytes += lane.head(sender)?.bytes.length ?? 0
      request.lanes.push(lane)
    }
    const sending = [...requests.values()].map((request) => sendTo(client, request, sender))
    await setImmediate()
    for (const lane of busy) lane.prepare(sender)
    return (await Promise.all(sending)).flat()
  }

  /** Takes note of one outcome. False when the batch has to be sent again, by this producer or another one. */
  const settle = ({ lane, answer, error }: Outcome): boolean => {
    if (answer !== null && answer.errorCode === 0) {
      lane.acknowledge(answer.baseOffset, answer.appendMs)
      return true
    }
    const type = errorType(error)
    if (TOO_LARGE.has(type) && lane.split()) return true
    onLog(`appending to ${describePlace(lane.place)}: ${(error as Error).message}`)
    const explained = explain(`appending to ${describePlace(lane.place)}`, error)
    if (NEW_PRODUCER.has(type)) needsProducer = true
    if (NEW_PRODUCER.has(type) || isTransient(error)) {
      trouble.failed(explained)
      expire(lane, explained)
    } else {
      const calls = lane.headCalls()
      lane.fail(explained, (call) => calls.has(call))
      needsProducer = true
    }
    return false
  }
  const expire = (lane: Lane, error: Error) => {
    layouts.clear()
    const now = performance.now()
    lane.fail(error, ({ until }) => {
      needsProducer ||= until < now
      return until < now
    })
  }

  /** One request to each leader, and what follows from the answers. True when all went well. */
  const round = async (busy: readonly Lane[]): Promise<boolean> => {
    let isGood = true
    try {
      for (const outcome of await sendHeads(busy)) if (!settle(outcome)) isGood = false
    } catch (error) {
      onLog(`appending to kafka topic "${topic}": ${(error as Error).message}`)
      const explained = explain(`appending to kafka topic "${topic}"`, error)
      if (isTransient(error)) trouble.failed(explained)
      for (const lane of busy) {
        if (isTransient(error)) expire(lane, explained)
        else lane.fail(explained, () => true)
      }
      needsProducer ||= !isTransient(error)
      isGood = false
    }
    if (needsProducer) forgetProducer()
    needsProducer = false
    return isGood
  }

  const work = async () => {
    if (isWorking) return
    isWorking = true
    let attempt = 0
    for (;;) {
      const busy = [...lanes.values()].filter((lane) => lane.hasWork())
      if (busy.length === 0 || signal.aborted) break
      attempt = (await round(busy)) ? 0 : attempt + 1
      if (attempt === 0) trouble.passed()
      if (attempt > 0) await pause(Math.min(25 * 2 ** attempt, 1_000), signal)
    }
    isWorking = false
    for (const lane of lanes.values()) lane.fail(new Error('the log is closed'), () => true)
  }

  return {
    async append(records) {
      if (signal.aborted) throw new Error('the log is closed')
      if (records.length === 0) return []
      const attempt = `appending to kafka topic "${topic}"`
      const { length: count } = await withRetry(attempt, { forMs: GIVE_UP_MS, signal }, () => layoutOf(topic))
      const placed = records.map((record) => record.partition ?? keyToPartition(record.key, count))
      const strange = placed.find(
        (partition) => partition !== DEFINITIONS && !(partition >= 0 && partition < count),
      )
      if (strange !== undefined) throw new Error(`${attempt}: it has no partition ${strange}, only ${count}`)
      return new Promise((resolve, reject) => {
        const until = performance.now() + GIVE_UP_MS
        const call: Call = { answers: [], left: records.length, isOver: false, until, resolve, reject }
        for (const [index, record] of records.entries()) {
          const partition = placed[index]!
          const lane = lanes.get(partition) ?? createLane(partition, partitionToPlace(topic, partition))
          lanes.set(partition, lane)
          lane.add({ call, index, record })
        }
        void work()
      })
    },
  }
}

function madeAnew(topic: string): string {
  const remedy = 'run `spindexer log check`, then publish again what was to be in it'
  return `kafka topic "${topic}" was deleted and made anew while it was written to; ${remedy}`
}

/** Sends the heads of these lanes to their leader; an error is an outcome too. */
async function sendTo(
  client: KafkaClient,
  { leader, topicId, lanes }: LeaderRequest,
  producer: Producer,
): Promise<Outcome[]> {
  const withHeads = lanes.flatMap((lane) => {
    const head = lane.head(producer)
    return head === null ? [] : [{ lane, head }]
  })
  if (withHeads.length === 0) return []
  try {
    const broker = await client.broker(leader)
    const batches = withHeads.map(({ lane, head }) => ({
      partition: lane.place.partition,
      bytes: head.bytes,
    }))
    const { topic } = withHeads[0]!.lane.place
    const answers = await produceBatches(broker, { topic, topicId, batches })
    return withHeads.map(({ lane }) => {
      const answer = answers.find(({ partition }) => partition === lane.place.partition) ?? null
      return { lane, answer, error: createErrorFromCode(answer?.errorCode ?? UNKNOWN_TOPIC) }
    })
  } catch (error) {
    return withHeads.map(({ lane }) => ({ lane, answer: null, error }))
  }
}
