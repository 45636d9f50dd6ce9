// A key's partition, as Kafka's Java client and KafkaJS choose it.

import fc from 'fast-check'
import { Partitioners } from 'kafkajs'
import { expect, test } from 'vitest'
import { keyToPartition, murmur2 } from '../../src/log/placement.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/log/placement.test.ts')

// From Kafka's own UtilsTest.testMurmur2.
test.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('murmur2 of %s', (text, expected) => {
  expect(murmur2(Buffer.from(text))).toBe(expected)
})

test('any key goes where KafkaJS would send it', () => {
  const partition = Partitioners.DefaultPartitioner()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 50 }), (bytes, count) => {
      const key = Buffer.from(bytes)
      const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
        partitionId,
        partitionErrorCode: 0,
        leader: 1,
        replicas: [1],
        isr: [1],
      }))
      const expected = partition({ topic: 't', partitionMetadata, message: { key, value: null } })
      expect(keyToPartition(key, count)).toBe(expected)
    }),
    seeded(seed, 300),
  )
})

test('a record without a key goes to the first partition', () => {
  expect(keyToPartition(null, 7)).toBe(0)
})
