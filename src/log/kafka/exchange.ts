// The requests whose answers are read here and not by KafkaJS: fetch (version 13, or 11) and produce (13, or 7).

import { type Broker, createEncoder, createErrorFromCode, type Encoder, type Exchange } from './kafkajs.ts'
import { createWireReader, writeUuid } from './wire.ts'

export interface FetchRequest {
  readonly topic: string
  /** As the layout said: a broker that knows ids then answers for this very topic, not for one that was made anew. */
  readonly topicId: string | null
  readonly partitions: readonly { readonly partition: number; readonly offset: bigint }[]
  /** How long the broker may hold the answer back while there is nothing new; 0: it answers at once. */
  readonly maxWaitMs: number
  readonly maxBytes: number
  readonly partitionMaxBytes: number
}

export interface FetchedPartition {
  readonly partition: number
  /** 0, or Kafka's error code. */
  readonly errorCode: number
  /** The end of the partition: records above are not durable yet. -1 with an error. */
  readonly end: bigint
  /** Record batches. */
  readonly bytes: Buffer
}

export interface ProducedPartition {
  readonly partition: number
  readonly errorCode: number
  readonly baseOffset: bigint
  /** -1 when the topic does not stamp records. */
  readonly appendMs: bigint
}

const PRODUCE = 0
const FETCH = 1
const FETCH_BY_NAME = 11
/** From Kafka 3.1 on. */
const FETCH_BY_ID = 13
const PRODUCE_BY_NAME = 7
/** From Kafka 4.1 on. */
const PRODUCE_BY_ID = 13
const READ_UNCOMMITTED = 0
const NO_SESSION_EPOCH = -1
const ALL_REPLICAS = -1

/**
 * Reads from each partition at its offset, whatever transaction the records came in. At least one batch comes, even
 * if it is larger than `maxBytes`.
 */
export function fetchRecords(broker: Broker, request: FetchRequest): Promise<FetchedPartition[]> {
  const { topicId } = request
  if (topicId === null || (broker.versions[FETCH]?.maxVersion ?? 0) < FETCH_BY_ID) {
    const encode = async () => encodeFetchByName(request)
    const decode = async (payload: Buffer) => readFetchAnswer(payload)
    return send(broker, { apiKey: FETCH, apiVersion: FETCH_BY_NAME, apiName: 'Fetch', encode }, decode)
  }
  const encode = async () => encodeFetchById(request, topicId)
  const decode = async (payload: Buffer) => readFetchAnswerById(payload)
  return send(broker, { apiKey: FETCH, apiVersion: FETCH_BY_ID, apiName: 'Fetch', encode }, decode)
}

function startFetch({ partitions, ...request }: FetchRequest, encoder: Encoder): Encoder {
  return encoder
    .writeInt32(-1)
    .writeInt32(request.maxWaitMs)
    .writeInt32(1)
    .writeInt32(request.maxBytes)
    .writeInt8(READ_UNCOMMITTED)
    .writeInt32(0)
    .writeInt32(NO_SESSION_EPOCH)
}

function encodeFetchByName(request: FetchRequest): Encoder {
  const encoder = startFetch(request, createEncoder(128 + request.partitions.length * 28))
    .writeInt32(1)
    .writeString(request.topic)
    .writeInt32(request.partitions.length)
  for (const { partition, offset } of request.partitions) {
    encoder.writeInt32(partition).writeInt32(-1).writeInt64(String(offset)).writeInt64('-1')
    encoder.writeInt32(request.partitionMaxBytes)
  }
  return encoder.writeInt32(0).writeString('')
}

function encodeFetchById(request: FetchRequest, topicId: string): Encoder {
  // The first byte belongs to the header: no tagged fields.
  const encoder = startFetch(request, createEncoder(128 + request.partitions.length * 33).writeUVarInt(0))
  writeUuid(encoder.writeUVarInt(2), topicId).writeUVarInt(request.partitions.length + 1)
  for (const { partition, offset } of request.partitions) {
    encoder.writeInt32(partition).writeInt32(-1).writeInt64(String(offset)).writeInt32(-1).writeInt64('-1')
    encoder.writeInt32(request.partitionMaxBytes).writeUVarInt(0)
  }
  return encoder.writeUVarInt(0).writeUVarInt(1).writeUVarIntString('').writeUVarInt(0)
}

export interface ProduceRequest {
  readonly topic: string
  /** As the layout said: a broker that knows ids then takes nothing for a topic that was made anew. */
  readonly topicId: string | null
  readonly batches: readonly { readonly partition: number; readonly bytes: Buffer }[]
  /** Called when the request is about to be written: one that is begun then comes behind it. */
  readonly onStart?: () => void
}

/** Appends one batch to each partition; answered when every in-sync replica has it. */
export function produceBatches(broker: Broker, request: ProduceRequest): Promise<ProducedPartition[]> {
  const { topicId } = request
  if (topicId === null || (broker.versions[PRODUCE]?.maxVersion ?? 0) < PRODUCE_BY_ID) {
    const encode = async () => {
      request.onStart?.()
      return encodeProduceByName(request)
    }
    const decode = async (payload: Buffer) => readProduceAnswer(payload)
    return send(broker, { apiKey: PRODUCE, apiVersion: PRODUCE_BY_NAME, apiName: 'Produce', encode }, decode)
  }
  const encode = async () => {
    request.onStart?.()
    return encodeProduceById(request, topicId)
  }
  const decode = async (payload: Buffer) => readProduceAnswerById(payload)
  return send(broker, { apiKey: PRODUCE, apiVersion: PRODUCE_BY_ID, apiName: 'Produce', encode }, decode)
}

function encodeProduceByName({ topic, batches }: ProduceRequest): Encoder {
  const encoder = createEncoder(produceSize(batches))
    .writeString(null)
    .writeInt16(ALL_REPLICAS)
    .writeInt32(PRODUCE_TIMEOUT_MS)
    .writeInt32(1)
    .writeString(topic)
    .writeInt32(batches.length)
  for (const { partition, bytes } of batches) encoder.writeInt32(partition).writeBytes(bytes)
  return encoder
}

function encodeProduceById({ batches }: ProduceRequest, topicId: string): Encoder {
  // The first byte belongs to the header: no tagged fields. Then: no transaction.
  const encoder = createEncoder(produceSize(batches))
    .writeUVarInt(0)
    .writeUVarInt(0)
    .writeInt16(ALL_REPLICAS)
    .writeInt32(PRODUCE_TIMEOUT_MS)
    .writeUVarInt(2)
  writeUuid(encoder, topicId).writeUVarInt(batches.length + 1)
  for (const { partition, bytes } of batches) {
    encoder.writeInt32(partition).writeUVarIntBytes(bytes).writeUVarInt(0)
  }
  return encoder.writeUVarInt(0).writeUVarInt(0)
}

function produceSize(batches: ProduceRequest['batches']): number {
  return batches.reduce((sum, { bytes }) => sum + bytes.length + 16, 128)
}

const PRODUCE_TIMEOUT_MS = 10_000

async function send<T>(
  broker: Broker,
  request: Exchange<T>['request'],
  decode: Exchange<T>['response']['decode'],
): Promise<T> {
  const versions = broker.versions[request.apiKey]
  if (versions === undefined || versions.maxVersion < request.apiVersion) {
    throw new Error(
      `the broker does not know ${request.apiName} version ${request.apiVersion}; use Kafka 2.3 or later`,
    )
  }
  try {
    return await broker.connectionPool.send({ request, response: { decode, parse: async (data) => data } })
  } catch (error) {
    // As KafkaJS does after requests of its own: both of a broker's connections go together.
    if ((error as Error).name === 'KafkaJSConnectionClosedError') await broker.disconnect()
    throw error
  }
}

/** https://kafka.apache.org/protocol#The_Messages_Fetch, version 11. */
function readFetchAnswer(payload: Buffer): FetchedPartition[] {
  const errorCode = payload.readInt16BE(4)
  let at = 10
  const partitions: FetchedPartition[] = []
  const readInt32 = () => {
    at += 4
    return payload.readInt32BE(at - 4)
  }
  for (let topics = readInt32(); topics > 0; topics--) {
    at += 2 + payload.readInt16BE(at)
    for (let count = readInt32(); count > 0; count--) {
      const partition = readInt32()
      const partitionError = payload.readInt16BE(at)
      const end = payload.readBigInt64BE(at + 2)
      // Behind them: the last stable offset, the log's first offset, then aborted transactions, which we read too.
      at += 26
      const aborted = Math.max(0, readInt32())
      at += aborted * 16 + 4
      const size = Math.max(0, readInt32())
      partitions.push({
        partition,
        errorCode: errorCode || partitionError,
        end,
        bytes: payload.subarray(at, at + size),
      })
      at += size
    }
  }
  return partitions
}

/** https://kafka.apache.org/protocol#The_Messages_Fetch, version 13. */
function readFetchAnswerById(payload: Buffer): FetchedPartition[] {
  const reader = createWireReader(payload)
  reader.tags()
  reader.int32()
  const errorCode = reader.int16()
  reader.int32()
  const topics = reader.array(() => {
    reader.uuid()
    const partitions = reader.array(() => {
      const partition = reader.int32()
      const partitionError = reader.int16()
      const end = reader.int64()
      // Behind it: the last stable offset, the log's first offset, then aborted transactions, which we read too.
      reader.int64()
      reader.int64()
      reader.array(() => {
        reader.int64()
        reader.int64()
        reader.tags()
      })
      reader.int32()
      const bytes = reader.bytes()
      reader.tags()
      return { partition, errorCode: errorCode || partitionError, end, bytes }
    })
    reader.tags()
    return partitions
  })
  // An error of the whole comes without partitions.
  if (errorCode !== 0 && topics.length === 0) throw createErrorFromCode(errorCode)
  return topics.flat()
}

/** https://kafka.apache.org/protocol#The_Messages_Produce, version 7. */
function readProduceAnswer(payload: Buffer): ProducedPartition[] {
  let at = 0
  const partitions: ProducedPartition[] = []
  const readInt32 = () => {
    at += 4
    return payload.readInt32BE(at - 4)
  }
  for (let topics = readInt32(); topics > 0; topics--) {
    at += 2 + payload.readInt16BE(at)
    for (let count = readInt32(); count > 0; count--) {
      const partition = readInt32()
      const errorCode = payload.readInt16BE(at)
      const baseOffset = payload.readBigInt64BE(at + 2)
      const appendMs = payload.readBigInt64BE(at + 10)
      at += 26
      partitions.push({ partition, errorCode, baseOffset, appendMs })
    }
  }
  return partitions
}

/** https://kafka.apache.org/protocol#The_Messages_Produce, version 13. */
function readProduceAnswerById(payload: Buffer): ProducedPartition[] {
  const reader = createWireReader(payload)
  reader.tags()
  const topics = reader.array(() => {
    reader.uuid()
    const partitions = reader.array(() => {
      const partition = reader.int32()
      const errorCode = reader.int16()
      const baseOffset = reader.int64()
      const appendMs = reader.int64()
      // Behind them: the log's first offset, errors of single records, a message.
      reader.int64()
      reader.array(() => {
        reader.int32()
        reader.text()
        reader.tags()
      })
      reader.text()
      reader.tags()
      return { partition, errorCode, baseOffset, appendMs }
    })
    reader.tags()
    return partitions
  })
  return topics.flat()
}
