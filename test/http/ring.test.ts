// What is kept of the newest events, and what may be told of what was read: bounded, in order, by the right definitions.

import { describe, expect, it } from 'vitest'
import { encodeControl } from '../../src/codec/control.ts'
import type { JsonObject } from '../../src/codec/json.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { createOpenJudge } from '../../src/codec/verdict.ts'
import { type ChangeChunk, createPending } from '../../src/http/changes/pending.ts'
import { createRing } from '../../src/http/changes/ring.ts'
import { isAtLeast, textToVector, vectorToText } from '../../src/http/changes/vector.ts'
import { listRecords } from '../../src/log/records.ts'
import { createEncoder } from '../../src/writer/framing.ts'
import { below, createRandom } from '../sim/world.ts'
import { announceSeed } from '../support/seed.ts'
import { LOG_ID, TRACKS, upsert } from '../writer/support.ts'

const random = createRandom(announceSeed('test/http/ring.test.ts'))

function chunkOf(partition: number, from: bigint, next: bigint, size: number): ChangeChunk {
  return { partition, from, next, events: [{ dataset: 'd', offset: from, text: 'x'.repeat(size) }], size }
}

describe('the ring', () => {
  it('holds the newest chunks within its bytes, and says what it does not hold', () => {
    const ring = createRing(new Map([[0, 5n]]), 100_000)
    const ends = new Map([
      [0, 5n],
      [1, 0n],
    ])
    const all: ChangeChunk[] = []
    for (let i = 0; i < 5_000; i++) {
      const partition = below(random, 2)
      const from = ends.get(partition)!
      const next = from + BigInt(1 + below(random, 5))
      ends.set(partition, next)
      const chunk = chunkOf(partition, from, next, below(random, 2_000))
      all.push(chunk)
      ring.push(chunk)
    }
    const first = ring.first()
    expect(ring.at(first - 1)).toBe('gone')
    expect(ring.at(all.length)).toBeNull()
    const kept = all.slice(first)
    expect(kept.map((_, i) => ring.at(first + i))).toEqual(kept)
    const size = kept.reduce((sum, chunk) => sum + 2 * chunk.size + 300, 0)
    expect(size).toBeLessThanOrEqual(100_000)
    expect(size).toBeGreaterThan(90_000)
    // Whoever has what is below its start lacks nothing that is gone.
    for (const { partition, next } of all.slice(0, first)) {
      expect(ring.start().get(partition)! >= next).toBe(true)
    }
    expect(new Map(ring.end())).toEqual(ends)
  })

  it('keeps the last chunk, however great it is', () => {
    const ring = createRing(new Map(), 1_000)
    ring.push(chunkOf(0, 0n, 1n, 50_000))
    expect(ring.at(0)).toMatchObject({ size: 50_000 })
  })
})

describe('ids', () => {
  it('come back as they were', () => {
    const copyId = 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6'
    for (let i = 0; i < 200; i++) {
      const partitions = 1 + below(random, 20)
      const vector = new Map([[DEFINITIONS, BigInt(below(random, 1_000))]])
      for (let p = 0; p < partitions; p++)
        vector.set(p, BigInt(below(random, 2 ** 31)) << BigInt(below(random, 30)))
      const text = vectorToText(copyId, partitions, vector)
      expect(textToVector(text, copyId, partitions)).toEqual({ type: 'vector', vector })
      expect(textToVector(text, copyId.replace('f', 'e'), partitions)).toEqual({ type: 'gone' })
      expect(isAtLeast(vector, vector)).toBe(true)
    }
  })
})

describe('what was read', () => {
  const schema = {
    partition: DEFINITIONS,
    value: encodeControl({ kind: 'dataset', schema: TRACKS as JsonObject }),
  }
  const sink = { bytes: Buffer.alloc(1_000), at: 0 }
  createEncoder({ type: 'single-object' }).writeTimed(sink, upsert('t', 1n), 1_700_000_000_000_000_000n)
  const mutation = { partition: 0, value: sink.bytes.subarray(0, sink.at) }
  const record = (
    { partition, value }: Pick<LogRecord, 'partition' | 'value'>,
    offset: bigint,
  ): LogRecord => ({
    ...{ partition, value, offset, key: null, headers: [], stampedByLog: true },
    appendMs: 1_700_000_000_000n,
  })
  const chunk = (from: bigint, next: bigint, records: readonly LogRecord[]) => ({
    ...({ type: 'chunk', partition: records[0]!.partition } as const),
    ...{ from, next, end: next, records: listRecords(records) },
  })

  it('is told up to where the node is, and by the definitions that it has settled', () => {
    let [position, settled] = [0n, 0n]
    const pending = createPending({
      applied: { position: () => position, settled: () => settled },
      judge: createOpenJudge({ logId: LOG_ID, maxClockAheadMs: 60_000n }),
      logId: LOG_ID,
      isGuarded: false,
      start: new Map(),
    })
    const statuses = () =>
      pending.take()?.events.map(({ text }) => /"status":"(\w+)"/.exec(text)?.[1] ?? 'definition')
    pending.add(chunk(0n, 3n, [record(mutation, 0n), record(mutation, 1n), record(mutation, 2n)]))
    expect(statuses()).toBeUndefined()
    position = 1n
    expect(statuses()).toEqual(['parked'])
    // The node has settled a definition that was not read yet: what follows was judged by it.
    ;[position, settled] = [3n, 1n]
    expect(statuses()).toBeUndefined()
    pending.add(chunk(0n, 2n, [record(schema, 0n), record(schema, 1n)]))
    expect(statuses()).toEqual(['definition'])
    expect(statuses()).toEqual(['merged', 'merged'])
    expect(statuses()).toBeUndefined()
    settled = 2n
    expect(statuses()).toEqual([])
    expect(pending.bytes()).toBe(0)
    expect(pending.rewind().get(0)).toBe(3n)
  })
})
