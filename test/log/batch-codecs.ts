// How a topic's batches are compressed, as the broker has them.

import { readBatches } from '../../src/log/kafka/batch.ts'
import { createClient } from '../../src/log/kafka/client.ts'
import { fetchRecords } from '../../src/log/kafka/exchange.ts'

export const CODEC_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type CodecName = (typeof CODEC_NAMES)[number]

/** The codec of each batch of a topic's partition that ends above an offset, in order. */
export async function codecsOf(
  brokers: readonly string[],
  topic: string,
  { partition = 0, from = 0n } = {},
): Promise<readonly CodecName[]> {
  const client = createClient({ connection: { brokers }, clientId: 'codecs', onLog: () => {} })
  try {
    const layout = await client.layout(topic)
    const broker = await client.broker(layout!.find((one) => one.partition === partition)!.leader)
    const codecs: CodecName[] = []
    for (let offset = from; ; ) {
      const sizes = { maxWaitMs: 1_000, maxBytes: 1 << 22, partitionMaxBytes: 1 << 22 }
      const request = { topic, topicId: null, partitions: [{ partition, offset }], ...sizes }
      const [fetched] = await fetchRecords(broker, request)
      const batches = readBatches(fetched!.bytes, topic)
      codecs.push(...batches.map(({ codec }) => CODEC_NAMES[codec]!))
      offset = batches.at(-1)?.next ?? offset
      if (batches.length === 0 || offset >= fetched!.end) return codecs
    }
  } finally {
    await client.close()
  }
}
