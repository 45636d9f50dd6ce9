// Odd streams of every codec, sent to a real broker as they are: what it takes is read, but for what no consumer can read.

import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { KafkaLog } from '../../src/log/kafka/log.ts'
import { kafka } from '../support/services.ts'
import { type Element, lz4Block, lz4Frame, snappyBlock, snappyJava } from './codec-streams.ts'
import { createTopic } from './kafka-admin.ts'
import { finishBatch, rawRecord, sendBatches } from './raw-batch.ts'
import { textOf } from './samples.ts'

const VALUE = 'hello hello hello hello hello hello'
const record = Buffer.concat([...rawRecord(0, Buffer.from(VALUE)).pieces()])
const literal = (bytes: Buffer): Element => ({ literal: bytes })
const lz4 = lz4Block([literal(record)])
const snappy = snappyBlock([literal(record)])
const half = [
  snappyBlock([literal(record.subarray(0, 9))]),
  snappyBlock([literal(record.subarray(9))]),
] as const
const words = Buffer.from('words, words, words, words, words')

/** `set aside`: Kafka's own consumer fails at it, or reads what its decoder leaves open. */
type Fate = 'read' | 'refused by the broker' | 'set aside'

const streams: readonly (readonly [string, 'gzip' | 'snappy' | 'lz4' | 'zstd', Fate, Buffer])[] = [
  ['words behind', 'gzip', 'read', Buffer.concat([gzipSync(record), words])],
  [
    'a wrong length',
    'gzip',
    'refused by the broker',
    Buffer.concat([gzipSync(record).subarray(0, -4), Buffer.alloc(4)]),
  ],
  ['one bare block', 'snappy', 'read', snappy],
  [
    'a size in more bytes than it needs',
    'snappy',
    'read',
    Buffer.concat([Buffer.from([record.length | 0x80, 0x80, 0]), snappy.subarray(1)]),
  ],
  ['an empty block before', 'snappy', 'read', snappyJava([snappyBlock([]), snappy])],
  ['a block of no bytes before', 'snappy', 'refused by the broker', snappyJava([Buffer.alloc(0), snappy])],
  ['three bytes behind', 'snappy', 'read', Buffer.concat([snappyJava([snappy]), Buffer.alloc(3)])],
  ['two streams', 'snappy', 'read', Buffer.concat([snappyJava([half[0]]), snappyJava([half[1]])])],
  [
    'half a header behind',
    'snappy',
    'read',
    Buffer.concat([snappyJava([snappy]), Buffer.from('82534e41', 'hex'), Buffer.alloc(12, 1)]),
  ],
  ['a size that lies', 'lz4', 'read', lz4Frame({ blocks: [lz4], contentSize: 1n << 60n })],
  ['a wrong checksum of the content', 'lz4', 'read', lz4Frame({ blocks: [lz4], contentChecksum: true })],
  [
    'another frame behind',
    'lz4',
    'read',
    Buffer.concat([lz4Frame({ blocks: [lz4] }), lz4Frame({ blocks: [lz4] })]),
  ],
  ['an empty block before', 'lz4', 'read', lz4Frame({ blocks: [Buffer.alloc(1), lz4] })],
  [
    'blocks that depend on each other',
    'lz4',
    'refused by the broker',
    lz4Frame({ blocks: [lz4], flags: 0x40 }),
  ],
  [
    'a copy from an earlier block',
    'lz4',
    'refused by the broker',
    lz4Frame({
      blocks: [
        { stored: record.subarray(0, 15) },
        lz4Block([literal(record.subarray(15, 17)), { offset: 6, length: 8 }, literal(record.subarray(25))]),
      ],
    }),
  ],
  [
    'a copy from nowhere',
    'lz4',
    'set aside',
    lz4Frame({
      blocks: [
        lz4Block([literal(record.subarray(0, 15)), { offset: 0, length: 8 }, literal(record.subarray(23))]),
      ],
    }),
  ],
  ['words behind', 'zstd', 'refused by the broker', Buffer.concat([zstdCompressSync(record), words])],
  [
    'two frames',
    'zstd',
    'read',
    Buffer.concat([zstdCompressSync(record.subarray(0, 9)), zstdCompressSync(record.subarray(9))]),
  ],
  [
    'a frame behind that is cut off',
    'zstd',
    'read',
    Buffer.concat([zstdCompressSync(record), Buffer.from('502a4d18ff000000', 'hex')]),
  ],
  [
    'a record that lies about its length',
    'zstd',
    'set aside',
    zstdCompressSync(Buffer.concat([Buffer.from([record[0]! + 2]), record.subarray(1)])),
  ],
]

let brokers: readonly string[]
let topic: string
let log: KafkaLog

beforeAll(async () => {
  ;({ brokers } = await kafka())
  const made = await createTopic(brokers, 1)
  topic = made.topic
  log = made.open()
})

afterAll(() => log.close())

test.each(streams)('%s (%s): %s', async (_name, codec, fate, stream) => {
  const sending = sendBatches(brokers, topic, [{ partition: 0, bytes: finishBatch(stream, 1, codec) }])
  if (fate === 'refused by the broker') {
    await expect(sending).rejects.toThrow('the broker refused a batch')
    return
  }
  const [answer] = await sending
  const picking = log.pick([{ partition: 0, offset: answer!.baseOffset }])
  const [found] = await picking
  if (fate === 'read') expect(textOf(found!.value)).toBe(VALUE)
  else expect(found).toMatchObject({ offset: answer!.baseOffset, key: null, value: null, headers: [] })
})
