// Brokers in memory that keep Kafka's rules for producers with numbers, lose connections, and answer as a test decides.

import type { LogRecord } from '../../src/codec/record.ts'
import { checkBatch, readBatches } from '../../src/log/kafka/batch.ts'
import type { KafkaClient } from '../../src/log/kafka/client.ts'
import { decompressRecords } from '../../src/log/kafka/compression.ts'
import type { ProducedPartition } from '../../src/log/kafka/exchange.ts'
import type { Broker, Exchange } from '../../src/log/kafka/kafkajs.ts'
import { RecordIndex } from '../../src/log/kafka/record-index.ts'
import { createRecordReader } from '../../src/log/kafka/record-reader.ts'

/**
 * What becomes of a request: it is answered; its connection is lost before it, or behind it, with all that wait there
 * (`late`: which the broker still works on, as on what it had read already); its answer comes too late for the client.
 */
export type Fate = 'pass' | 'cut' | 'cut answer' | 'late' | 'timeout'

export interface FakeBatch {
  readonly partition: number
  readonly producerId: bigint
  readonly sequence: number
  readonly count: number
  readonly bytes: number
  readonly codec: number
}

export interface FakeCluster {
  readonly client: KafkaClient
  /** By partition. */
  readonly records: readonly LogRecord[][]
  /** Every batch that came, whatever became of it. */
  readonly seen: readonly FakeBatch[]
  /** The most requests of one partition that waited for an answer at once. */
  inFlightMax(): number
  producers(): number
  fate: (batches: readonly FakeBatch[]) => Fate
  /** An error code in place of taking the batch, or 0. */
  refuse: (batch: FakeBatch) => number
}

const OUT_OF_ORDER = 45
const REMEMBERED = 5
const REQUEST_MS = 1

interface Known {
  readonly first: number
  readonly last: number
  readonly offset: bigint
}

interface Request {
  readonly payload: Buffer
  readonly answer: (payload: ProducedPartition[]) => void
  readonly lose: (errorName: string) => void
}

/** Two brokers, each of which leads every second partition. */
export function createFakeCluster(partitions: number): FakeCluster {
  const records: LogRecord[][] = Array.from({ length: partitions }, () => [])
  const known = new Map<string, Known[]>()
  const seen: FakeBatch[] = []
  const inFlight = new Map<number, number>()
  let inFlightMax = 0
  let producers = 0

  const store = async (batch: FakeBatch, bytes: Buffer): Promise<ProducedPartition> => {
    const { partition, sequence, count } = batch
    const answer = (errorCode: number, baseOffset = -1n) => ({
      partition,
      errorCode,
      baseOffset,
      appendMs: 7n,
    })
    const refused = cluster.refuse(batch)
    if (refused !== 0) return answer(refused)
    const [read] = readBatches(bytes, 'here')
    checkBatch(read!, 'here')
    const name = `${partition} ${batch.producerId}`
    const before = known.get(name) ?? []
    const again = before.find(({ first, last }) => first === sequence && last === sequence + count - 1)
    if (again !== undefined) return answer(0, again.offset)
    // As Kafka does: whoever it does not know may begin anywhere.
    if (before.length > 0 && before.at(-1)!.last + 1 !== sequence) return answer(OUT_OF_ORDER)
    const log = records[partition]!
    const offset = BigInt(log.length)
    known.set(name, [...before, { first: sequence, last: sequence + count - 1, offset }].slice(-REMEMBERED))
    const opened = await decompressRecords(read!.codec, read!.records, () => 'here')
    const own = new RecordIndex(partition)
    createRecordReader(read!, opened, 0n).readInto(own, count)
    log.push(...own)
    return answer(0, offset)
  }

  const createConnection = () => {
    let queue: Request[] = []
    let isWorking = false
    const work = async () => {
      isWorking = true
      while (queue.length > 0) {
        await new Promise((resolve) => setTimeout(resolve, REQUEST_MS))
        const request = queue.shift()
        if (request === undefined) break
        const parcels = parseProduce(request.payload)
        const batches = parcels.map(({ batch }) => batch)
        seen.push(...batches)
        const fate = cluster.fate(batches)
        const answers: ProducedPartition[] = []
        if (fate !== 'cut') for (const { batch, bytes } of parcels) answers.push(await store(batch, bytes))
        if (fate === 'pass') request.answer(answers)
        else if (fate === 'timeout') request.lose('KafkaJSRequestTimeoutError')
        else {
          const lost = queue
          queue = []
          for (const one of [request, ...lost]) one.lose('KafkaJSConnectionClosedError')
          if (fate === 'late') void workLate(lost)
        }
      }
      isWorking = false
    }
    const workLate = async (lost: readonly Request[]) => {
      for (const { payload } of lost) {
        await new Promise((resolve) => setTimeout(resolve, REQUEST_MS * 30))
        for (const { batch, bytes } of parseProduce(payload)) await store(batch, bytes)
      }
    }
    return (request: Request) => {
      queue.push(request)
      if (!isWorking) void work()
    }
  }

  const createBroker = (nodeId: number): Broker => {
    const pass = createConnection()
    const send = async <T>({ request }: Exchange<T>): Promise<T> => {
      const { buffer } = await request.encode()
      const ours = parseProduce(buffer).map(({ batch }) => batch.partition)
      for (const one of ours) {
        inFlight.set(one, (inFlight.get(one) ?? 0) + 1)
        inFlightMax = Math.max(inFlightMax, inFlight.get(one)!)
      }
      return new Promise<ProducedPartition[]>((answer, reject) => {
        const lose = (name: string) => reject(Object.assign(new Error('lost'), { name }))
        pass({ payload: Buffer.from(buffer), answer, lose })
      }).finally(() => {
        for (const one of ours) inFlight.set(one, inFlight.get(one)! - 1)
      }) as Promise<T>
    }
    const initProducerId = async () => ({ producerId: String(++producers), producerEpoch: 0 })
    const versions = { 0: { minVersion: 0, maxVersion: 7 } }
    return {
      nodeId,
      versions,
      connectionPool: { send },
      initProducerId,
      disconnect: async () => {},
    } as unknown as Broker
  }

  const brokers = [createBroker(0), createBroker(1)]
  const layout = Array.from({ length: partitions }, (_, partition) => ({
    partition,
    topicId: null,
    leader: partition % 2,
    replicas: 1,
  }))
  const client = {
    layout: async () => layout,
    broker: async (nodeId: number) => brokers[nodeId]!,
    anyBroker: async () => brokers[0]!,
  } as unknown as KafkaClient
  const cluster: FakeCluster = {
    client,
    records,
    seen,
    inFlightMax: () => inFlightMax,
    producers: () => producers,
    fate: () => 'pass',
    refuse: () => 0,
  }
  return cluster
}

/** https://kafka.apache.org/protocol#The_Messages_Produce, version 7, of one topic. */
function parseProduce(payload: Buffer): { readonly batch: FakeBatch; readonly bytes: Buffer }[] {
  let at = 2 + 2 + 4 + 4
  at += 2 + payload.readInt16BE(at)
  const count = payload.readInt32BE(at)
  at += 4
  return Array.from({ length: count }, () => {
    const partition = payload.readInt32BE(at)
    const size = payload.readInt32BE(at + 4)
    const bytes = payload.subarray(at + 8, at + 8 + size)
    at += 8 + size
    const batch: FakeBatch = {
      partition,
      producerId: bytes.readBigInt64BE(43),
      sequence: bytes.readInt32BE(53),
      count: bytes.readInt32BE(57),
      bytes: size,
      codec: bytes.readInt16BE(21) & 7,
    }
    return { batch, bytes }
  })
}
