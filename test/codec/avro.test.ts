// The Avro codec against avsc and against itself: round trips, other writers' blocks, and bytes that are anything.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  block,
  branch,
  END,
  long,
  longPadded,
  rawMutation,
  sizedBlock,
  text,
} from '../../scripts/golden/raw-avro.ts'
import { decodeMutation } from '../../src/codec/avro.ts'
import { createCursor, readCount, readLong } from '../../src/codec/avro-cursor.ts'
import { boundMutation, encodeMutation } from '../../src/codec/avro-encode.ts'
import { type AvscMutation, type AvscUnion, MUTATION_TYPE } from '../../src/codec/mutation-schema.ts'
import { hashOrigin } from '../../src/codec/origin.ts'
import { explainReason } from '../../src/codec/reasons.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, isStamp, stampToTime, ZERO_ORIGIN } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { mutationArb } from '../support/arbitrary.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/codec/avro.test.ts')

/** Columns in order of names: what the canonical bytes hold. */
function sorted(mutation: Mutation): Mutation {
  return { ...mutation, columns: new Map([...mutation.columns].sort(([a], [b]) => (a < b ? -1 : 1))) }
}

function decoded(bytes: Buffer, start = 0): Mutation {
  const result = decodeMutation(bytes, start)
  if (result.type === 'quarantined') throw new Error(`${result.reason}: ${result.detail}`)
  return result.mutation
}

describe('mutations in Avro', () => {
  it('come back as they were, at any place and with any cursor', () => {
    const cursor = createCursor()
    fc.assert(
      fc.property(mutationArb, fc.uint8Array({ maxLength: 12 }), (mutation, before) => {
        const bytes = Buffer.concat([before, encodeMutation(mutation)])
        expect(decoded(bytes, before.length)).toEqual(sorted(mutation))
        expect(decodeMutation(bytes, before.length, cursor)).toEqual({
          type: 'mutation',
          mutation: sorted(mutation),
        })
      }),
      seeded(seed, 3_000),
    )
  })

  it('are what avsc reads', () => {
    fc.assert(
      fc.property(mutationArb, (mutation) => {
        const read: AvscMutation = MUTATION_TYPE.fromBuffer(encodeMutation(mutation))
        expect(read.stamp.toString('hex')).toBe(mutation.stamp)
        expect(read.seq).toEqual(mutation.seq === null ? null : { long: mutation.seq })
        expect([read.operation, read.dataset, read.key]).toEqual([
          mutation.operation,
          mutation.dataset,
          mutation.key,
        ])
        const values = Object.entries(read.columns).map(([name, union]) => {
          const value = union === null ? null : Object.values(union)[0]
          return [name, Buffer.isBuffer(value) ? new Uint8Array(value) : value]
        })
        expect(new Map(values as [string, unknown][])).toEqual(sorted(mutation).columns)
      }),
      seeded(seed, 1_000),
    )
  })

  it('are the bytes that avsc writes', () => {
    fc.assert(
      fc.property(mutationArb, wideColumnsArb, (drawn, more) => {
        const mutation = { ...drawn, columns: new Map([...drawn.columns, ...more]) }
        expect(encodeMutation(mutation)).toEqual(encodeWithAvsc(mutation))
        expect(encodeMutation(mutation).length).toBeLessThanOrEqual(boundMutation(mutation))
      }),
      seeded(seed, 3_000),
    )
  })

  it('that no decoder takes, by their JavaScript types, are refused by throwing', () => {
    const sound: Mutation = decoded(rawMutation({}))
    const strange = (change: object) => ({ ...sound, ...change }) as Mutation
    expect(encodeMutation(sound)).toEqual(encodeWithAvsc(sound))
    for (const wrong of [
      strange({ stamp: sound.stamp.slice(1) }),
      strange({ stamp: `${sound.stamp}0` }),
      strange({ stamp: sound.stamp.replace(/.$/, 'g') }),
      strange({ operation: 'merge' }),
      strange({ seq: 1n << 63n }),
      strange({ columns: new Map([['plays', 1n << 63n]]) }),
      strange({ columns: new Map([['plays', -(1n << 63n) - 1n]]) }),
      strange({ columns: new Map([['plays', undefined]]) }),
      strange({ columns: new Map([['plays', {}]]) }),
    ]) {
      expect(() => encodeMutation(wrong)).toThrow()
    }
  })

  it('may come in blocks of any size and order', () => {
    fc.assert(
      fc.property(
        mutationArb,
        fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean())),
        (mutation, cuts) => {
          const columns = [...mutation.columns].map(([name, value]) =>
            Buffer.concat([text(name), unionOf(value)]),
          )
          const whole = Buffer.concat([
            // Without what the key ['x'] and no columns end with.
            encodeMutation({ ...mutation, operation: 'upsert', key: ['x'], columns: new Map() }).subarray(
              0,
              -5,
            ),
            inBlocks(
              mutation.key.map((part) => text(part)),
              cuts,
            ),
            inBlocks(columns, cuts),
          ])
          expect(decoded(whole).columns).toEqual(mutation.columns)
          expect(decoded(whole).key).toEqual(mutation.key)
        },
      ),
      seeded(seed, 1_000),
    )
  })

  it('never throw, whatever the bytes, and decode only to what encodes to the same meaning', () => {
    const cursor = createCursor()
    const check = (bytes: Buffer) => {
      const result = decodeMutation(bytes, 0, cursor)
      expect(decodeMutation(bytes, 0)).toEqual(result)
      if (result.type === 'quarantined') {
        expect(explainReason(result.reason)).not.toBe(null)
        return
      }
      const { mutation } = result
      expect(isStamp(mutation.stamp)).toBe(true)
      expect(decoded(encodeMutation(mutation))).toEqual(sorted(mutation))
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => check(Buffer.from(bytes))),
      seeded(seed, 3_000),
    )
    const editsArb = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.nat({ max: 3 })), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(mutationArb, editsArb, (mutation, edits) => check(edited(encodeMutation(mutation), edits))),
      seeded(seed, 10_000),
    )
  })

  it('end where they end: every prefix is quarantined, and so is every longer one', () => {
    fc.assert(
      fc.property(mutationArb, (mutation) => {
        const bytes = encodeMutation(mutation)
        for (let length = 0; length < bytes.length; length++) {
          expect(decodeMutation(bytes.subarray(0, length), 0).type).toBe('quarantined')
        }
        expect(decodeMutation(Buffer.concat([bytes, END]), 0)).toMatchObject({ reason: 'bad-avro' })
      }),
      seeded(seed, 200),
    )
  })

  it('keep copies: what the buffer becomes later does not matter', () => {
    const columns = block([Buffer.concat([text('cover'), branch.bytes(Buffer.from([1, 2]))])])
    const bytes = rawMutation({ columns })
    const { mutation } = decodeMutation(bytes, 0) as { mutation: Mutation }
    bytes.fill(0)
    expect(mutation.columns.get('cover')).toEqual(new Uint8Array([1, 2]))
    expect(mutation.dataset).toBe('tracks')
  })

  it('name the dataset where the bytes decode so far', () => {
    const rest = END
    expect(decodeMutation(rawMutation({ rest }), 0)).toMatchObject({ type: 'quarantined', dataset: 'tracks' })
    expect(decodeMutation(rawMutation({ dataset: text('_x') }), 0)).toMatchObject({ dataset: null })
    expect(decodeMutation(rawMutation({ key: END }), 0)).toMatchObject({ dataset: 'tracks' })
  })

  it('take long strings, and strings just above and below the fast path', () => {
    for (const length of [0, 1, 23, 24, 25, 26, 127, 128, 850_000]) {
      for (const tail of ['', 'é', '\u{10000}']) {
        const title = 'x'.repeat(length) + tail
        const columns = block([Buffer.concat([text('title'), branch.string(title)])])
        expect(decoded(rawMutation({ columns })).columns.get('title')).toBe(title)
      }
    }
  })
})

describe('varints', () => {
  const bigArb = fc.oneof(
    fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
    fc
      .tuple(fc.nat({ max: 62 }), fc.bigInt({ min: -2n, max: 2n }))
      .map(([bits, off]) => (1n << BigInt(bits)) + off),
  )
  const cursorOf = (bytes: Buffer) => Object.assign(createCursor(), { bytes })

  it('are read exactly, and only in their shortest form', () => {
    fc.assert(
      fc.property(bigArb, fc.integer({ min: 1, max: 4 }), (value, padding) => {
        const cursor = cursorOf(long(value))
        expect(readLong(cursor)).toBe(value)
        expect([cursor.reason, cursor.at]).toEqual([null, cursor.bytes.length])
        const padded = cursorOf(longPadded(value, padding))
        readLong(padded)
        expect(padded.reason).toBe('bad-avro')
      }),
      seeded(seed, 5_000),
    )
  })

  it('are counts as far as a message can reach, and beyond it beyond every limit', () => {
    fc.assert(
      fc.property(bigArb, (value) => {
        const count = readCount(cursorOf(long(value)))
        const isNear = value >= -(1n << 48n) && value < 1n << 48n
        expect(count).toBe(isNear ? Number(value) : value > 0n ? Infinity : -Infinity)
      }),
      seeded(seed, 5_000),
    )
  })
})

describe('the origin of a content', () => {
  it('says nothing but time and content, whatever the order of columns', () => {
    fc.assert(
      fc.property(mutationArb, (mutation) => {
        const timeNs = stampToTime(mutation.stamp)
        const origin = hashOrigin(mutation, timeNs)
        const reversed = { ...mutation, columns: new Map([...mutation.columns].reverse()), seq: 5n }
        expect(origin).toMatch(/^[0-9a-f]{16}$/)
        expect(hashOrigin(reversed, timeNs)).toBe(origin)
        const restamped = { ...mutation, stamp: createStamp(timeNs, ZERO_ORIGIN) }
        expect(hashOrigin(restamped, timeNs)).toBe(origin)
        expect(hashOrigin(mutation, timeNs ^ 1n)).not.toBe(origin)
        expect(hashOrigin({ ...mutation, key: [...mutation.key, ''] }, timeNs)).not.toBe(origin)
      }),
      seeded(seed, 500),
    )
  })
})

const edgeLongArb = fc
  .tuple(
    fc.constantFrom(6n, 13n, 20n, 27n, 30n, 31n, 32n, 48n, 51n, 52n, 53n, 62n),
    fc.bigInt(-2n, 2n),
    fc.boolean(),
  )
  .map(([bits, off, isNegative]) => (isNegative ? -1n : 1n) * ((1n << bits) + off))
const wideColumnsArb: fc.Arbitrary<[string, Value][]> = fc.array(
  fc.tuple(
    fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => !/^\d/.test(name)),
    fc.oneof(
      edgeLongArb,
      fc.double(),
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.integer({ min: 55, max: 70 }).map((length) => 'x'.repeat(length)),
    ),
  ),
  { maxLength: 4 },
)

function encodeWithAvsc(mutation: Mutation): Buffer {
  const names = [...mutation.columns.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const message: AvscMutation = {
    stamp: Buffer.from(mutation.stamp, 'hex'),
    seq: mutation.seq === null ? null : { long: mutation.seq },
    operation: mutation.operation,
    dataset: mutation.dataset,
    key: mutation.key,
    columns: Object.fromEntries(names.map((name) => [name, toUnion(mutation.columns.get(name)!)])),
  }
  return MUTATION_TYPE.toBuffer(message)
}

function toUnion(value: Value): AvscUnion {
  switch (typeof value) {
    case 'boolean':
      return { boolean: value }
    case 'bigint':
      return { long: value }
    case 'number':
      return { double: value }
    case 'string':
      return { string: value }
    default:
      return value === null ? null : { bytes: Buffer.from(value) }
  }
}

function unionOf(value: unknown): Buffer {
  switch (typeof value) {
    case 'boolean':
      return branch.boolean(Number(value))
    case 'bigint':
      return branch.long(value)
    case 'number':
      return branch.double(value)
    case 'string':
      return branch.string(value)
    default:
      return value === null ? branch.null : branch.bytes(Buffer.from(value as Uint8Array))
  }
}

function inBlocks(items: readonly Buffer[], cuts: readonly (readonly [number, boolean])[]): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (let i = 0; at < items.length; i++) {
    const [count, isSized] = cuts[i] ?? [items.length, false]
    const taken = items.slice(at, at + count)
    parts.push(isSized ? sizedBlock(taken) : Buffer.concat([long(taken.length), ...taken]))
    at += count
  }
  return Buffer.concat([...parts, END])
}

/** Bytes changed, doubled, removed or cut off. */
function edited(bytes: Buffer, edits: readonly (readonly [number, number, number])[]): Buffer {
  let result = bytes
  for (const [place, byte, kind] of edits) {
    const at = place % (result.length + 1)
    const head = result.subarray(0, at)
    const tail = result.subarray(kind === 0 ? at : at + 1)
    result =
      kind === 3 ? Buffer.concat([head, tail.subarray(1)]) : Buffer.concat([head, Buffer.from([byte]), tail])
  }
  return result
}
