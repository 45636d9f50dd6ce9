// Metadata by a request of our own (version 10): with the ids of topics, and without giving up at the first error in it.
// KafkaJS's throws when one partition of one topic has no leader, and then no other can be looked up.

import { type Broker, createEncoder, type Metadata } from './kafkajs.ts'
import { createWireReader, NO_ID, type WireReader, writeUuid } from './wire.ts'

const METADATA = 3
const VERSION = 10

/** Null where the broker is too old for it (before Kafka 2.8). */
export function requestMetadata(broker: Broker, topics: readonly string[]): Promise<Metadata> | null {
  if ((broker.versions[METADATA]?.maxVersion ?? 0) < VERSION) return null
  const encode = async () => {
    // The first byte belongs to the header: no tagged fields.
    const encoder = createEncoder(64)
      .writeUVarInt(0)
      .writeUVarInt(topics.length + 1)
    for (const topic of topics) writeUuid(encoder, NO_ID).writeUVarIntString(topic).writeUVarInt(0)
    // Make no topics, and tell nothing about what we may do.
    return encoder.writeInt8(0).writeInt8(0).writeInt8(0).writeUVarInt(0)
  }
  return broker.connectionPool.send({
    request: { apiKey: METADATA, apiVersion: VERSION, apiName: 'Metadata', encode },
    response: { decode: async (payload) => readMetadata(payload), parse: async (data) => data },
  })
}

/** https://kafka.apache.org/protocol#The_Messages_Metadata, version 10. */
function readMetadata(payload: Buffer): Metadata {
  const reader = createWireReader(payload)
  reader.tags()
  reader.int32()
  const brokers = reader.array(() => {
    const broker = { nodeId: reader.int32(), host: reader.text()!, port: reader.int32(), rack: reader.text() }
    reader.tags()
    return broker
  })
  reader.text()
  const controllerId = reader.int32()
  const topicMetadata = reader.array(() => readTopic(reader))
  return { brokers, controllerId, topicMetadata }
}

function readTopic(reader: WireReader): Metadata['topicMetadata'][number] {
  const topicErrorCode = reader.int16()
  const topic = reader.text() ?? ''
  const topicId = reader.uuid()
  reader.int8()
  const partitionMetadata = reader.array(() => {
    reader.int16()
    const partitionId = reader.int32()
    const leader = reader.int32()
    reader.int32()
    const replicas = reader.array(reader.int32)
    reader.array(reader.int32)
    reader.array(reader.int32)
    reader.tags()
    return { partitionId, leader, replicas }
  })
  reader.int32()
  reader.tags()
  return { topicErrorCode, topic, topicId: topicId === NO_ID ? null : topicId, partitionMetadata }
}
