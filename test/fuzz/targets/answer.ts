// What a broker answers to a fetch, cut off or with lengths that lie: read to its end or refused, in time.

import assert from 'node:assert/strict'
import { fetchRecords } from '../../../src/log/kafka/exchange.ts'
import type { Broker } from '../../../src/log/kafka/kafkajs.ts'
import { below, one, type Random } from '../../sim/world.ts'
import { mutateBytes, randomBytes } from '../mutate.ts'
import type { Target } from '../target.ts'

const FETCH = 1
const OUT_OF_BOUNDS: ReadonlySet<string> = new Set(['ERR_OUT_OF_RANGE', 'ERR_BUFFER_OUT_OF_BOUNDS'])
const TOPIC_ID = '0123456789abcdef'.repeat(2)
const REQUEST = { topic: 't', partitions: [], maxWaitMs: 0, maxBytes: 1, partitionMaxBytes: 1 }

/** A broker that knows versions up to 13 and answers with these bytes. */
function brokerOf(payload: Buffer): Broker {
  const send = ({ response }: { response: { decode(payload: Buffer): Promise<unknown> } }) =>
    response.decode(payload)
  return {
    versions: { [FETCH]: { minVersion: 4, maxVersion: 13 } },
    connectionPool: { send },
  } as unknown as Broker
}

function int(size: number, value: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeIntBE(value, size - Math.min(size, 6), Math.min(size, 6))
  return bytes
}

/** A partition up to the aborted transactions: its number, an error, three offsets. */
const headOf = (random: Random, partition: number): Buffer =>
  Buffer.concat([
    int(4, partition),
    int(2, one(random, [0, 0, 1, 3])),
    ...[7, 7, 0].map((offset) => int(8, offset)),
  ])

/** Version 11: one topic, some partitions, some bytes in each. */
function makeByName(random: Random): Buffer {
  const partitions = Array.from({ length: below(random, 4) }, (_, partition) => {
    const records = randomBytes(random, below(random, 90))
    const aborted = below(random, 3)
    const behind = [int(4, aborted), Buffer.alloc(aborted * 16), int(4, -1), int(4, records.length), records]
    return Buffer.concat([headOf(random, partition), ...behind])
  })
  const topic = [int(2, 1), Buffer.from('t'), int(4, partitions.length), ...partitions]
  return Buffer.concat([int(4, 0), int(2, 0), int(4, 0), int(4, 1), ...topic])
}

/** Version 13: the same with compact lengths, each one more than it says, and room for tagged fields. */
function makeById(random: Random): Buffer {
  const partitions = Array.from({ length: below(random, 4) }, (_, partition) => {
    const records = randomBytes(random, below(random, 90))
    const aborted = below(random, 3)
    const behind = [
      int(1, aborted + 1),
      Buffer.alloc(aborted * 17),
      int(4, -1),
      int(1, records.length + 1),
      records,
    ]
    return Buffer.concat([headOf(random, partition), ...behind, int(1, 0)])
  })
  const topic = [Buffer.from(TOPIC_ID, 'hex'), int(1, partitions.length + 1), ...partitions, int(1, 0)]
  return Buffer.concat([int(1, 0), int(4, 0), int(2, 0), int(4, 0), int(1, 2), ...topic, int(1, 0)])
}

function target(name: string, topicId: string | null, makeAnswer: (random: Random) => Buffer): Target {
  return {
    name,
    make(random) {
      const whole = makeAnswer(random)
      return random() < 0.05 ? whole : mutateBytes(random, whole, [whole])
    },
    async check(input) {
      const payload = input as Buffer
      try {
        const fetched = await fetchRecords(brokerOf(payload), { ...REQUEST, topicId })
        // Each takes four bytes at least.
        assert.ok(fetched.length <= payload.length / 4)
        for (const { bytes } of fetched) assert.ok(bytes.length <= payload.length)
      } catch (error) {
        const { code, name, message } = error as NodeJS.ErrnoException
        const isMeant = name.startsWith('KafkaJS') || message.startsWith('The topic was ')
        if (!isMeant && !OUT_OF_BOUNDS.has(code ?? '')) throw error
      }
    },
  }
}

export const answerByName = target('answer-by-name', null, makeByName)
export const answerById = target('answer-by-id', TOPIC_ID, makeById)
