// Appending: batches by partition, several on their way at once, sent until every in-sync replica has them.
//
// A broker takes a producer's batches in the order of their numbers alone, and remembers the last five: at most so many
// are unanswered, so that one that is sent again is always known. When one fails, those behind it are refused for their
// numbers; once nothing of that partition is on its way, all go again in order, the first alone. What is dropped or
// unknown to the broker would leave a gap in the numbers: then another producer begins, when nothing is on its way.
//
// Not KafkaJS's producer, whose sequence numbers are taken back after a failure while another send may use them: the
// broker then takes the second batch for the first one, and acknowledges what it did not write. It also skips
// partitions whose leadership moves, between two attempts, to a broker that has answered already.

import { DEFINITIONS } from '../../codec/record.ts'
import type { Appended, NewRecord } from '../log.ts'
import { keyToPartition } from '../placement.ts'
import type { Trouble } from '../trouble.ts'
import { createWaker } from '../waker.ts'
import { isCompressed, writeBatch, writeCompressedBatch } from './batch-write.ts'
import { type KafkaClient, pause, type TopicPartition, withRetry } from './client.ts'
import { createCourier, type Outcome } from './courier.ts'
import { errorType, explain, isTransient } from './errors.ts'
import { createErrorFromCode } from './kafkajs.ts'
import { type Batch, type Call, createLane, type Lane, type Producer, type WriteBytes } from './lanes.ts'
import { describePlace, partitionToPlace } from './topic.ts'

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
const UNKNOWN_TOPIC = 3
const TRANSACTION_TIMEOUT_MS = 60_000
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 1_000
/** Smaller batches are not worth it. */
const COMPRESSED_BYTES_MIN = 16 * 1024
/** Where compression gained nothing, as with pictures, it is tried again after so many. */
const PLAIN_BATCHES = 20

/** The broker does not know where this producer's numbers stand: another producer sends all again. A set bears it. */
const NEW_PRODUCER: ReadonlySet<string | null> = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
  'UNKNOWN_PRODUCER_ID',
])
const OUT_OF_ORDER = 'OUT_OF_ORDER_SEQUENCE_NUMBER'
const UNSUPPORTED_COMPRESSION = 'UNSUPPORTED_COMPRESSION_TYPE'
const TOO_LARGE: ReadonlySet<string | null> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])

/** A lane and how it fares. */
interface Route {
  readonly lane: Lane
  /** Failures since its last acknowledgement. */
  failures: number
  /** On the monotonic clock, milliseconds. */
  retryAtMs: number
}

export function createAppender({ client, topic, signal, onLog, trouble }: AppenderOptions): Appender {
  const routes = new Map<number, Route>()
  const layouts = new Map<string, readonly TopicPartition[]>()
  const topicIds = new Map<string, string | null>()
  const waker = createWaker(signal)
  let producer: Producer | null = null
  let needsProducer = false
  let isWorking = false
  let isCompressing = true
  let plainLeft = 0
  let turn = 0

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
    needsProducer = false
    for (const { lane } of routes.values()) lane.renumber()
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

  const writeBytes: WriteBytes = (records, identity, plainBytes, done) => {
    const timeMs = BigInt(Date.now())
    const writePlain = () => done(writeBatch(records, identity, timeMs))
    const isWorthIt = isCompressing && plainBytes >= COMPRESSED_BYTES_MIN && plainLeft-- <= 0
    if (!isWorthIt) return writePlain()
    const takeNote = (bytes: Buffer) => {
      plainLeft = isCompressed(bytes) ? 0 : PLAIN_BATCHES
      done(bytes)
    }
    writeCompressedBatch(records, identity, timeMs).then(takeNote, writePlain).finally(waker.wake)
  }
  const routeOf = (partition: number): Route => {
    const known = routes.get(partition)
    if (known !== undefined) return known
    const lane = createLane(partition, partitionToPlace(topic, partition), writeBytes)
    const route: Route = { lane, failures: 0, retryAtMs: 0 }
    routes.set(partition, route)
    return route
  }

  /** Takes note of what became of one batch. */
  const settle = ({ lane, batch, answer, error }: Outcome): void => {
    const route = routeOfLane(lane)
    if (answer !== null && answer.errorCode === 0) {
      lane.acknowledge(batch, answer.baseOffset, answer.appendMs)
      route.failures = 0
      if (![...routes.values()].some(({ failures }) => failures > 0)) trouble.passed()
      return
    }
    const type = errorType(error)
    if (TOO_LARGE.has(type) && lane.split(batch)) return
    // Behind one that failed; that one says why.
    if (type === OUT_OF_ORDER && !lane.isFirst(batch)) {
      lane.putBack(batch)
    } else if (type === UNSUPPORTED_COMPRESSION && isCompressed(batch.bytes!)) {
      isCompressing = false
      lane.recut(batch)
    } else {
      settleFailure(route, batch, error)
    }
  }
  const settleFailure = (route: Route, batch: Batch, error: unknown): void => {
    const { lane } = route
    const type = errorType(error)
    onLog(`appending to ${describePlace(lane.place)}: ${(error as Error).message}`)
    const explained = explain(`appending to ${describePlace(lane.place)}`, error)
    if (NEW_PRODUCER.has(type)) needsProducer = true
    if (NEW_PRODUCER.has(type) || isTransient(error)) {
      trouble.failed(explained)
      expire(lane, explained)
    } else {
      const calls = new Set(batch.stretches.map(({ call }) => call))
      lane.fail(explained, (call) => calls.has(call))
      needsProducer = true
    }
    route.failures++
    route.retryAtMs = performance.now() + retryMs(route.failures)
    lane.putBack(batch)
  }
  const routeOfLane = (lane: Lane): Route => [...routes.values()].find((route) => route.lane === lane)!
  const expire = (lane: Lane, error: Error) => {
    layouts.clear()
    const now = performance.now()
    lane.fail(error, ({ until }) => {
      needsProducer ||= until < now
      return until < now
    })
  }
  const courier = createCourier(client, (outcomes) => {
    if (!signal.aborted) for (const outcome of outcomes) settle(outcome)
    waker.wake()
  })

  /**
   * Sends what can be sent now; answers in how many milliseconds something may be tried again, or null. Throws when the
   * cluster does not say who leads, or who we are.
   */
  const sendAll = async (busy: readonly Route[]): Promise<number | null> => {
    const sender = await getProducer()
    const lanes: { readonly lane: Lane; readonly at: TopicPartition }[] = []
    let retryInMs: number | null = null
    for (const { lane, retryAtMs } of busy) {
      const at = (await layoutOf(lane.place.topic))[lane.place.partition]
      if (at === undefined) throw new Error(`there is no ${describePlace(lane.place)}`)
      const inMs = retryAtMs - performance.now()
      if (inMs <= 0) lanes.push({ lane, at })
      else retryInMs = Math.min(retryInMs ?? inMs, inMs)
    }
    if (needsProducer || signal.aborted) return null
    // None of them may always come first: a request has an end.
    const first = turn++ % Math.max(1, lanes.length)
    const inTurn = [...lanes.slice(first), ...lanes.slice(0, first)]
    while (courier.take(inTurn, (lane) => lane.next(sender)) > 0);
    return retryInMs
  }
  const failAll = (busy: readonly Route[], error: unknown) => {
    onLog(`appending to kafka topic "${topic}": ${(error as Error).message}`)
    const explained = explain(`appending to kafka topic "${topic}"`, error)
    if (isTransient(error)) trouble.failed(explained)
    for (const { lane } of busy) {
      if (isTransient(error)) expire(lane, explained)
      else lane.fail(explained, () => true)
    }
    needsProducer ||= !isTransient(error)
  }

  const work = async () => {
    if (isWorking) return waker.wake()
    isWorking = true
    let failures = 0
    for (;;) {
      // Numbers are given anew only when nothing is on its way that bears the old ones.
      if (needsProducer && courier.onTheirWay() === 0) forgetProducer()
      const busy = [...routes.values()].filter(({ lane }) => lane.hasWork())
      if (busy.length === 0 || signal.aborted) break
      let retryInMs: number | null = null
      if (!needsProducer) {
        try {
          retryInMs = await sendAll(busy)
          failures = 0
        } catch (error) {
          failAll(busy, error)
          await pause(retryMs(++failures), signal)
          continue
        }
      }
      await waker.wait(retryInMs)
    }
    isWorking = false
    if (signal.aborted)
      for (const { lane } of routes.values()) lane.fail(new Error('the log is closed'), () => true)
  }

  return {
    async append(records) {
      if (signal.aborted) throw new Error('the log is closed')
      if (records.length === 0) return []
      const attempt = `appending to kafka topic "${topic}"`
      const { length: count } = await withRetry(attempt, { forMs: GIVE_UP_MS, signal }, () => layoutOf(topic))
      const indicesByPartition = new Map<number, number[]>()
      for (let index = 0; index < records.length; index++) {
        const { partition: named, key } = records[index]!
        const partition = named ?? keyToPartition(key, count)
        if (partition !== DEFINITIONS && !(partition >= 0 && partition < count)) {
          throw new Error(`${attempt}: it has no partition ${partition}, only ${count}`)
        }
        const indices = indicesByPartition.get(partition)
        if (indices === undefined) indicesByPartition.set(partition, [index])
        else indices.push(index)
      }
      return new Promise((resolve, reject) => {
        const until = performance.now() + GIVE_UP_MS
        const answers = new Array<Appended>(records.length)
        const call: Call = { records, answers, left: records.length, isOver: false, until, resolve, reject }
        for (const [partition, indices] of indicesByPartition) routeOf(partition).lane.add(call, indices)
        void work()
      })
    },
  }
}

function retryMs(failures: number): number {
  return Math.min((RETRY_MS_MIN / 2) * 2 ** failures, RETRY_MS_MAX)
}

function madeAnew(topic: string): string {
  const remedy = 'run `spindexer log check`, then publish again what was to be in it'
  return `kafka topic "${topic}" was deleted and made anew while it was written to; ${remedy}`
}
