// The fingerprint of a record: the same for the same bytes, another for others.

import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { recordHash } from '../../src/log/hash.ts'

const header = (name: string, value: string) => ({ name, value: Buffer.from(value) })
const bytes = (text: string) => Buffer.from(text)

test('it is SHA-256 over parts with their lengths', () => {
  const parts = Buffer.concat([
    Buffer.from([0, 0, 0, 0, 0]),
    Buffer.from([1, 0, 0, 0, 1]),
    bytes('v'),
    Buffer.from([1, 0, 0, 0, 1]),
    bytes('n'),
    Buffer.from([1, 0, 0, 0, 0]),
  ])
  const expected = createHash('sha256').update(parts).digest('hex')
  expect(recordHash({ key: null, value: bytes('v'), headers: [header('n', '')] })).toBe(expected)
})

test('none and empty differ, and no part runs into the next', () => {
  const records = [
    { key: null, value: null, headers: [] },
    { key: bytes(''), value: null, headers: [] },
    { key: null, value: bytes(''), headers: [] },
    { key: bytes('ab'), value: bytes('c'), headers: [] },
    { key: bytes('a'), value: bytes('bc'), headers: [] },
    { key: bytes('a'), value: bytes(''), headers: [header('b', 'c')] },
    { key: bytes('a'), value: bytes(''), headers: [header('bc', '')] },
    { key: bytes('a'), value: bytes(''), headers: [header('b', 'c'), header('b', 'c')] },
  ]
  expect(new Set(records.map(recordHash)).size).toBe(records.length)
})

test('the order of headers does not count', () => {
  const headers = [header('b', '1'), header('a', '2'), header('b', '0')]
  const record = { key: null, value: null }
  expect(recordHash({ ...record, headers })).toBe(recordHash({ ...record, headers: [...headers].reverse() }))
})
