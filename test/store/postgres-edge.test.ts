// The limits themselves are stored by every Postgres; one step beyond, it is the verdict that refuses, and never Postgres.

import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import type { ColumnType } from '../../src/codec/catalogue.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import type { Verdict } from '../../src/codec/verdict.ts'
import type { Value } from '../../src/crdt/value.ts'
import type { PostgresVersion } from '../support/services.ts'
import {
  createNarrowWorld,
  defineAll,
  frameUpsert,
  judgeDefinition,
  judgeIn,
  judgeValue,
  type NarrowWorld,
  type TypedValue,
} from './narrower.ts'
import { avroType, definitionOf } from './narrower-catalogue.ts'

/** Always the same, and nothing that Postgres could compress. */
function noise(size: number): Buffer {
  return createHash('shake256', { outputLength: size }).update('edge').digest()
}
const text = (size: number): string => noise(size).toString('base64').slice(0, size)
const digits = (count: number): string => `9${[...noise(count - 2)].map((byte) => byte % 10).join('')}7`

/** At the edge, and the step beyond it. */
const VALUES: readonly (readonly [string, ColumnType, Value, Value])[] = [
  ['a thousand digits', 'decimal', digits(1_000), digits(1_001)],
  ['a thousand digits behind a minus', 'decimal', `-${digits(1_000)}`, `-${digits(1_001)}`],
  ['999 digits behind a point', 'decimal', `0.${'0'.repeat(998)}1`, `0.${'0'.repeat(999)}1`],
  ['one digit before, 999 behind', 'decimal', `1.${digits(999)}`, `1.${digits(1_000)}`],
  ['a number without its exponent', 'decimal', `1${'0'.repeat(999)}`, '1e999'],
  ['a number', 'decimal', '0', 'NaN'],
  ['a finite number', 'decimal', '1', 'Infinity'],
  ['a thousand digits in json', 'json', `[${digits(1_000)}]`, `[${digits(1_001)}]`],
  ['a number without its exponent in json', 'json', `[1${'0'.repeat(999)}]`, '[1e131073]'],
  ['a small number in json', 'json', `0.${'0'.repeat(998)}1`, '1e-16384'],
  ['64 arrays in json', 'json', '['.repeat(64) + ']'.repeat(64), '['.repeat(65) + ']'.repeat(65)],
  [
    '64 objects in json',
    'json',
    `${'{"":'.repeat(64)}0${'}'.repeat(64)}`,
    `${'{"":'.repeat(65)}0${'}'.repeat(65)}`,
  ],
  ['U+0001 in json', 'json', '"\\u0001"', '"\\u0000"'],
  ['the last character in json', 'json', '"\u{10ffff}"', '"\\udbff"'],
  ['the first day', 'date', '0001-01-01', '0000-12-31'],
  ['the last day', 'date', '9999-12-31', '10000-01-01'],
  ['a leap day', 'date', '2000-02-29', '1900-02-29'],
  ['the first moment', 'timestamp', '0001-01-01T00:00:00.000000Z', '0000-12-31T23:59:59.999999Z'],
  ['the last moment', 'timestamp', '9999-12-31T23:59:59.999999Z', '10000-01-01T00:00:00.000000Z'],
  ['the last second', 'timestamp', '2016-12-31T23:59:59.999999Z', '2016-12-31T23:59:60.000000Z'],
  ['a day that is no leap day', 'timestamp', '2100-02-28T12:00:00.000000Z', '2100-02-29T12:00:00.000000Z'],
  ['a finite moment', 'timestamp', '1970-01-01T00:00:00.000000Z', 'infinity'],
  [
    'the greatest uuid',
    'uuid',
    'f'.repeat(32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
    'f'.repeat(32),
  ],
  ['the greatest double', 'double', 1.7976931348623157e308, Number.POSITIVE_INFINITY],
  ['the least double', 'double', 5e-324, -0],
  ['the first character', 'string', '\u0001', '\0'],
]

const isRefused = (verdict: Verdict): boolean => verdict.type === 'parked' || verdict.type === 'quarantined'

/** Key texts of the key columns' types, the bytes they have together, and texts of one byte more, or of one more. */
const KEYS: readonly (readonly [string, readonly ColumnType[], readonly string[], readonly string[]])[] = [
  ['one text', ['string'], [text(1_024)], [text(1_025)]],
  [
    'one text of four bytes a character',
    ['string'],
    ['\u{1f600}'.repeat(256)],
    [`${'\u{1f600}'.repeat(256)}a`],
  ],
  ['16 texts', Array(16).fill('string'), Array(16).fill(text(64)), [...Array(15).fill(text(64)), text(65)]],
  [
    'one long text and 15 empty ones',
    Array(16).fill('string'),
    [text(1_024), ...Array(15).fill('')],
    [text(1_024), ...Array(14).fill(''), 'a'],
  ],
  [
    'texts among other types',
    ['long', 'string', 'boolean', 'uuid', 'date', 'timestamp'],
    [
      '-9223372036854775808',
      text(1_024 - 20 - 5 - 36 - 10 - 27),
      'false',
      'ffffffff-0000-0000-0000-000000000000',
      '0001-01-01',
      '9999-12-31T23:59:59.999999Z',
    ],
    [
      '-9223372036854775808',
      text(1_024 - 20 - 5 - 36 - 10 - 26),
      'false',
      'ffffffff-0000-0000-0000-000000000000',
      '0001-01-01',
      '9999-12-31T23:59:59.999999Z',
    ],
  ],
  ['the least long', ['long'], ['-9223372036854775808'], ['-9223372036854775809']],
  ['the greatest long', ['long'], ['9223372036854775807'], ['9223372036854775808']],
]

const WHOLE = 900_000
/** Makes a value of a column that is as long as `size` says, in its canonical text or bytes. */
const LONG: readonly (readonly [ColumnType, (size: number) => Value])[] = [
  ['string', text],
  ['bytes', (size) => new Uint8Array(noise(size))],
  ['json', (size) => `"${text(size - 2)}"`],
  ['json', (size) => `[${'0,'.repeat(Math.floor(size / 2) - 2)}0]`],
  [
    'json',
    (size) =>
      `{${Array.from({ length: Math.floor((size - 1) / 13) }, (_, i) => `"${String(i).padStart(8, '0')}":0`).join(',')}}`,
  ],
  ['string', (size) => 'x'.repeat(size)],
]

describe.each([15, 18] as const)('on Postgres %i', (version: PostgresVersion) => {
  let world: NarrowWorld
  beforeAll(async () => {
    world = await createNarrowWorld(version)
  })
  afterAll(() => world?.close())

  it('values at their limits are stored, and those beyond refused', async () => {
    const inside = VALUES.map(([, type, value]): TypedValue => ({ type, value }))
    await world.storeValues('edge', inside)
    expect(world.verdicts()).toEqual({ merge: VALUES.length, parked: 0, quarantined: 0 })
    for (const [name, type, , beyond] of VALUES) expect(judgeValue(type, beyond), name).toSatisfy(isRefused)
  })

  it.each(KEYS.map((key, i) => [...key, i] as const))('keys: %s', async (_, types, inside, beyond, i) => {
    const key = types.map((type, at) => ({ name: `k${at}`, type: avroType(type) }))
    const name = `keys_${i}`
    await defineAll(world, [definitionOf(name, key, [])])
    await world.store([frameUpsert(name, inside, new Map()), frameUpsert(name, inside, new Map(), 2n)])
    expect(world.verdicts()).toEqual({ merge: 2, parked: 0, quarantined: 0 })
    expect(judgeIn(world.catalogue(), frameUpsert(name, beyond, new Map()))).toSatisfy(isRefused)
    await world.expectSame()
  })

  it('stamps at both ends of time', async () => {
    await defineAll(world, [definitionOf('ends', [{ name: 'id', type: 'long' }], [])])
    const frame = (stamp: string) =>
      frameSingleObject(
        encodeMutation({
          stamp: stamp as never,
          seq: null,
          operation: 'upsert',
          dataset: 'ends',
          key: ['1'],
          columns: new Map(),
        }),
      )
    await world.store([frame(`${'0'.repeat(31)}1`), frame(`7${'f'.repeat(31)}`)])
    expect(world.verdicts().merge).toBe(2)
    for (const beyond of ['0'.repeat(32), `8${'0'.repeat(31)}`]) {
      expect(judgeIn(world.catalogue(), frame(beyond))).toMatchObject({ reason: 'bad-stamp' })
    }
    await world.expectSame()
  })

  it('200 columns, and not one more', async () => {
    const field = (_: unknown, i: number) => ({ name: `c${i}`, type: ['null', 'string'] })
    const key = [{ name: 'id', type: 'string' }]
    await defineAll(world, [definitionOf('wide', key, Array.from({ length: 199 }, field))])
    expect(judgeDefinition(definitionOf('wider', key, Array.from({ length: 200 }, field)))).toMatchObject([
      { reason: 'bad-definition' },
    ])
    const cells = (count: number) => new Map(Array.from({ length: count }, (_, i) => [`c${i}`, text(4_000)]))
    // Ten times: every time all of it goes out of the row and into it again.
    for (let time = 1n; time <= 10n; time++)
      await world.store([frameUpsert('wide', [text(1_024)], cells(199), time)])
    expect(world.verdicts().merge).toBe(10)
    expect(judgeIn(world.catalogue(), frameUpsert('wide', ['1'], cells(200)))).toMatchObject({
      type: 'parked',
    })
    expect(judgeIn(world.catalogue(), frameUpsert('wide', ['1'], cells(201)))).toMatchObject({
      reason: 'too-many-columns',
    })
    await world.expectSame()
  })

  it('a message as long as it may be, of one value, written again and again', async () => {
    const columns = LONG.map(([type], i) => ({ name: `c${i}`, type: ['null', avroType(type)] }))
    await defineAll(world, [definitionOf('long', [{ name: 'id', type: 'string' }], columns)])
    const frame = (i: number, size: number, timeNs: bigint) =>
      frameUpsert('long', ['1'], new Map([[`c${i}`, LONG[i]![1](size)]]), timeNs)
    for (const i of LONG.keys()) {
      const size = WHOLE - (frame(i, 800_000, 1n).length - lengthOf(LONG[i]![1](800_000)))
      const full = frame(i, size, 1n)
      expect(full.length).toBeGreaterThan(WHOLE - 20)
      expect(full.length).toBeLessThanOrEqual(WHOLE)
      await world.store([full, frame(i, size - 1_000, 2n), frame(i, size, 3n)])
      expect(judgeIn(world.catalogue(), frame(i, size + 20, 1n))).toMatchObject({ reason: 'too-large' })
    }
    expect(world.verdicts()).toEqual({ merge: 3 * LONG.length, parked: 0, quarantined: 0 })
    await world.expectSame()
  })
})

function lengthOf(value: Value): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : (value as Uint8Array).length
}
