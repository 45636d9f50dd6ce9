// Where a log is, as people write it.

import { expect, test } from 'vitest'
import { parseKafkaUrl } from '../../src/log/kafka/url.ts'

test('brokers and topic', () => {
  expect(parseKafkaUrl('kafka://127.0.0.1:9092,b.example:19092/my.topic-1')).toEqual({
    type: 'ok',
    address: { brokers: ['127.0.0.1:9092', 'b.example:19092'], topic: 'my.topic-1' },
  })
})

test.each([
  ['http://127.0.0.1:9092/t', /neither kafka:.. nor postgres:/],
  ['kafka://127.0.0.1/t', /"127.0.0.1" is not host:port/],
  ['kafka://a:9092,/t', /"" is not host:port/],
  ['kafka://a:99999/t', /"a:99999" is not host:port/],
  ['kafka://a:9092', /names no topic/],
  ['kafka://a:9092/', /names no topic/],
  ['kafka://a:9092/a/b', /"a\/b" cannot be a topic/],
  ['kafka://a:9092/..', /cannot be a topic/],
  [`kafka://a:9092/${'x'.repeat(238)}`, /cannot be a topic/],
])('%s is refused', (text, expected) => {
  expect(parseKafkaUrl(text)).toMatchObject({ type: 'refused', what: expect.stringMatching(expected) })
})

test('a password is refused and not repeated', () => {
  const parsed = parseKafkaUrl('kafka://me:secret@a:9092/t')
  expect(parsed.type).toBe('refused')
  expect(JSON.stringify(parsed)).not.toContain('secret')
})
