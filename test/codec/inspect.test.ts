// Taking a message apart for people: agrees with the decoder on what is sound, and goes as far as it can with the rest.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { avroCases } from '../../scripts/golden/verdicts-avro.ts'
import { decodeMutation } from '../../src/codec/avro.ts'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { findAvro, frameConfluent, frameSingleObject } from '../../src/codec/framing.ts'
import { inspectValue } from '../../src/codec/inspect.ts'
import { columnsToJson, inspectedToLine } from '../../src/codec/inspect-json.ts'
import { readLine } from '../../src/codec/line.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'
import { catalogueOf, datasetOf } from '../contract/store-fixture.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/codec/inspect.test.ts')

function mutationOf(columns: Readonly<Record<string, Value>>, rest: Partial<Mutation> = {}): Mutation {
  const stamp = createStamp(1_700_000_000_000_000_000n, 'ab'.repeat(8) as Origin)
  const whole = { stamp, seq: 3n, operation: 'upsert', dataset: 'all', key: ['k', '-7'] } as const
  return { ...whole, columns: new Map(Object.entries(columns)), ...rest }
}

const ALL = datasetOf('all', {
  key: { id: 'string', n: 'long' },
  columns: { b: 'boolean', l: 'long', d: 'double', s: 'string', x: 'bytes', j: 'json', p: 'decimal' },
})
const CATALOGUE = catalogueOf(1n, ALL)
const VALUES: Readonly<Record<string, Value>> = {
  b: false,
  l: -9_223_372_036_854_775_808n,
  d: 1e-7,
  s: 'é"\\\n\u{1f600}',
  x: new Uint8Array([0, 255]),
  j: '{"a":[1,null]}',
  p: '12.5',
}

describe('inspectValue', () => {
  it('agrees with the decoder on every golden message that decodes, and stops nowhere', () => {
    let sound = 0
    for (const { name, value } of avroCases()) {
      if (value === null) continue
      const start = findAvro(value)
      const decoded = typeof start === 'number' ? decodeMutation(value, start) : null
      const { framing: _f, schemaId: _s, stop, columns, ...parts } = inspectValue(value)
      if (decoded?.type !== 'mutation') continue
      sound++
      expect([
        name,
        { ...parts, columns: new Map(columns.map((each) => [each.name, each.value])) },
        stop,
      ]).toEqual([name, decoded.mutation, null])
    }
    expect(sound).toBeGreaterThan(10)
  })

  it('reads what the rules refuse for other reasons than its form', () => {
    const refused = mutationOf({ s: 'a\0b', d: Number.NaN }, { dataset: 'no name', key: ['\0'], seq: -1n })
    const inspected = inspectValue(frameConfluent(4_000_000_000, encodeMutation(refused)))
    expect(inspected).toMatchObject({
      framing: 'confluent',
      schemaId: 4_000_000_000,
      seq: -1n,
      dataset: 'no name',
    })
    expect(inspected.stop).toBeNull()
    expect(columnsToJson(inspected.columns)).toBe(
      '[{"column":"d","type":"double","value":"NaN"},{"column":"s","type":"string","value":"a\\u0000b"}]',
    )
  })

  it('of a message that is cut short it tells what comes before the cut, and where it is', () => {
    const value = frameSingleObject(encodeMutation(mutationOf(VALUES)))
    for (let length = 0; length < value.length; length++) {
      const { stop, framing, columns } = inspectValue(value.subarray(0, length))
      if (length < 10) {
        expect([length, stop]).toEqual([length, null])
        expect(['unknown', 'single-object']).toContain(framing)
        continue
      }
      expect(stop!.at).toBeLessThanOrEqual(length)
      for (const { name, value } of columns) expect([name, value]).toEqual([name, VALUES[name]])
    }
  })

  it('never throws and always ends, whatever the bytes', () => {
    const sound = encodeMutation(mutationOf(VALUES))
    const flips = fc.array(fc.tuple(fc.nat(sound.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    const mangled = flips.map((changes) => {
      const bytes = Buffer.from(sound)
      for (const [at, byte] of changes) bytes[at] = byte
      return frameSingleObject(bytes)
    })
    const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.oneof(mangled, any, any.map(frameSingleObject)), (value) => {
        const inspected = inspectValue(value)
        JSON.parse(columnsToJson(inspected.columns))
        const line = inspectedToLine(inspected, ALL, null)
        if (line !== null) JSON.parse(line)
      }),
      seeded(seed, 5_000),
    )
  })

  it('a count that lies is found out at once', () => {
    const head = encodeMutation(mutationOf({}, { key: ['k'] })).subarray(0, -5)
    const lie = Buffer.concat([head, Buffer.from('feffffffffffffffff01', 'hex'), Buffer.alloc(1_000)])
    expect(inspectValue(frameSingleObject(lie)).stop).not.toBeNull()
  })
})

describe('inspectedToLine', () => {
  it('is read by publish as the message that it came from', () => {
    const mutation = mutationOf(VALUES)
    const line = inspectedToLine(
      inspectValue(frameSingleObject(encodeMutation(mutation))),
      ALL,
      1_700_000_000_000_000_000n,
    )
    const read = readLine(line!, CATALOGUE)
    const { stamp: _stamp, seq: _seq, ...unstamped } = mutation
    expect(read).toEqual({ type: 'change', change: { ...unstamped, timeNs: 1_700_000_000_000_000_000n } })
  })

  it.each<[string, Mutation]>([
    ['a dataset that is not defined', mutationOf({}, { dataset: 'other' })],
    ['a key of another width', mutationOf({}, { key: ['k'] })],
    ['NaN', mutationOf({ d: Number.NaN })],
    ['the JSON text null, which reads as no value', mutationOf({ j: 'null' })],
    ['a key column among the columns', mutationOf({ id: 'x' })],
  ])('there is none for %s', (_name, mutation) => {
    const inspected = inspectValue(frameSingleObject(encodeMutation(mutation)))
    expect(inspectedToLine(inspected, CATALOGUE.datasets.get(mutation.dataset), null)).toBeNull()
  })

  it('prints what the definition does not allow by its branch', () => {
    const wrong = mutationOf({ l: 'many', j: '{ }', x: 'text', more: 1n }, { key: ['k', '007'] })
    const line = inspectedToLine(inspectValue(frameSingleObject(encodeMutation(wrong))), ALL, null)
    expect(JSON.parse(line!).data).toEqual({ id: 'k', n: '007', j: '{ }', l: 'many', more: 1, x: 'text' })
  })
})
