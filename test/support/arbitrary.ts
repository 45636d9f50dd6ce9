// Arbitraries for random tests: stamps, values of every column type, JSON, definitions and mutations.

import fc from 'fast-check'
import type { Catalogue, ColumnType, Dataset, KeyColumn } from '../../src/codec/catalogue.ts'
import { KEY_TYPES } from '../../src/codec/catalogue.ts'
import { canonicalDecimal } from '../../src/codec/decimal.ts'
import { foldDefinition } from '../../src/codec/definitions.ts'
import { canonicalJson, type Json } from '../../src/codec/json.ts'
import type { Schema } from '../../src/codec/schema.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { createStamp, type Origin, type Stamp } from '../../src/crdt/stamp.ts'
import type { Value } from '../../src/crdt/value.ts'

export const COLUMN_TYPES: readonly ColumnType[] = [
  'boolean',
  'long',
  'double',
  'string',
  'bytes',
  'uuid',
  'decimal',
  'date',
  'timestamp',
  'json',
]
const LONG_MIN = -(1n << 63n)
const LONG_MAX = (1n << 63n) - 1n

/** Well-formed text without NUL, with characters that sort differently in UTF-8 and UTF-16, escapes and blanks. */
export const textArb: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.replaceAll('\0', '')),
  fc.string({
    unit: fc.constantFrom('\ufffd', '\u{10000}', '\ue000', 'a', '"', '\\', '\u007f', '\n', 'é'),
    maxLength: 6,
  }),
  fc.constantFrom('', ' ', 'x'.repeat(60)),
)

export const originArb: fc.Arbitrary<Origin> = fc
  .bigInt({ min: 0n, max: (1n << 64n) - 1n })
  .map((bits) => bits.toString(16).padStart(16, '0') as Origin)

/** Stamps of every time that there is, never all zero. */
export const stampArb: fc.Arbitrary<Stamp> = fc
  .tuple(fc.bigInt({ min: 1n, max: LONG_MAX }), originArb)
  .map(([timeNs, origin]) => createStamp(timeNs, origin))

/** Few stamps near each other, so that equal ones meet. `timeNs` is the first. */
export function closeStampArb(timeNs: bigint): fc.Arbitrary<Stamp> {
  return fc
    .tuple(fc.bigInt({ min: 0n, max: 4n }), fc.constantFrom('a', 'b'))
    .map(([later, origin]) => createStamp(timeNs + later, origin.repeat(16) as Origin))
}

/** A number's text as JSON allows it, exponents and needless zeros included. */
export const numberTextArb: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.bigInt({ min: 1n, max: 10n ** 30n }).map(String)),
    fc.oneof(fc.constant(''), fc.stringMatching(/^\.\d{1,12}$/)),
    fc.oneof(fc.constant(''), fc.stringMatching(/^[eE][+-]?\d{1,2}$/)),
  )
  .map((parts) => parts.join(''))

export const decimalArb: fc.Arbitrary<string> = numberTextArb.map((text) => canonicalDecimal(text) ?? '0')

export const jsonArb: fc.Arbitrary<Json> = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<Json>(null, true, false),
    textArb,
    numberTextArb.map((digits) => ({ digits })),
    fc.array(tie('json'), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(textArb, tie('json')), { maxLength: 4, selector: ([name]) => name })
      .map((members) => new Map(members)),
  ),
})).json

const dateArb = fc
  .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
  .map((date) => date.toISOString())

/** A canonical value of a column, never null. */
export function valueArb({
  type,
  symbols,
}: Pick<KeyColumn, 'type' | 'symbols'>): fc.Arbitrary<NonNullable<Value>> {
  switch (type) {
    case 'boolean':
      return fc.boolean()
    case 'long':
      return fc.oneof(
        fc.bigInt({ min: -200n, max: 200n }),
        fc.bigInt({ min: LONG_MIN, max: LONG_MAX }),
        fc.constantFrom(LONG_MIN, LONG_MAX, 1n << 53n, (1n << 49n) - 1n, 1n << 48n),
      )
    case 'double':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value))
    case 'bytes':
      return fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes))
    case 'uuid':
      return fc.uuid()
    case 'decimal':
      return decimalArb
    case 'date':
      return dateArb.map((iso) => iso.slice(0, 10))
    case 'timestamp':
      return fc
        .tuple(dateArb, fc.nat({ max: 999_999 }))
        .map(([iso, micros]) => `${iso.slice(0, 19)}.${String(micros).padStart(6, '0')}Z`)
    case 'json':
      return jsonArb.map(canonicalText)
    case 'string':
      return symbols === null ? textArb : fc.constantFrom(...symbols)
  }
}

function canonicalText(json: Json): string {
  const canonical = canonicalJson(json)
  if (canonical.type === 'refused') throw new Error(canonical.detail)
  return canonical.text
}

/** A canonical key text of a key column. */
export function keyTextArb(column: KeyColumn): fc.Arbitrary<string> {
  return valueArb(column).map(String)
}

/** Any value of any branch that a message may carry, canonical for some type or not. */
export const anyValueArb: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  ...COLUMN_TYPES.map((type) => valueArb({ type, symbols: null })),
)

export const nameArb: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('a', 'b', 'name', 'Name', 'x_1', 'z'.repeat(55)),
  fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,10}$/),
)

/** Any mutation that no node quarantines for its bytes. */
export const mutationArb: fc.Arbitrary<Mutation> = fc
  .record({
    stamp: stampArb,
    seq: fc.oneof(fc.constant(null), fc.bigInt({ min: 0n, max: 9_007_199_254_740_991n })),
    operation: fc.constantFrom('upsert' as const, 'update' as const, 'delete' as const),
    dataset: nameArb,
    key: fc.array(textArb, { minLength: 1, maxLength: 3 }),
    columns: fc.dictionary(nameArb, anyValueArb, { maxKeys: 6, noNullPrototype: true }),
  })
  .map(({ columns, ...rest }) => fitOperation({ ...rest, columns: new Map(Object.entries(columns)) }))

function fitOperation(mutation: Mutation): Mutation {
  if (mutation.operation === 'delete') return { ...mutation, columns: new Map() }
  return mutation.operation === 'update' && mutation.columns.size === 0
    ? { ...mutation, operation: 'upsert' }
    : mutation
}

const symbolsArb = fc
  .uniqueArray(fc.constantFrom('LOW', 'MID', 'HIGH', 'x'), { minLength: 1, maxLength: 3 })
  .map((symbols) => new Set(symbols))

/** Schemas whose names and types are few, so that those of one dataset unite, and sometimes contradict. */
export const schemaArb: fc.Arbitrary<Schema> = fc
  .record({
    name: fc.constantFrom('tracks', 'albums', 'a'),
    keyTypes: fc.array(fc.constantFrom(...KEY_TYPES), { minLength: 1, maxLength: 2 }),
    columns: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('p', 'q', 'r', 's', 'T', 'u_v'),
        type: fc.constantFrom(...COLUMN_TYPES),
        symbols: fc.option(symbolsArb, { nil: null }),
        required: fc.boolean(),
      }),
      { maxLength: 5, selector: ({ name }) => name },
    ),
  })
  .map(({ name, keyTypes, columns }) => {
    const key = keyTypes.map((type, i) => ({ name: `id${i}`, type, symbols: null }))
    const fitted = columns.map((column) => (column.type === 'string' ? column : { ...column, symbols: null }))
    const fieldNames = [...key, ...fitted].map((column) => column.name)
    return { name, key, columns: fitted, fieldNames }
  })

/** Catalogues of what some schemas fold to; those that are refused are left out. Never empty. */
export const catalogueArb: fc.Arbitrary<Catalogue> = fc
  .array(schemaArb, { minLength: 1, maxLength: 5 })
  .map((schemas) => {
    let catalogue: Catalogue = { offset: BigInt(schemas.length), datasets: new Map() }
    for (const [i, schema] of schemas.entries()) {
      const folded = foldDefinition(catalogue, schema, BigInt(i))
      if (folded.type === 'taken') catalogue = folded.catalogue
    }
    return catalogue
  })

/** Mutations that a dataset's definition allows. */
export function mutationOfArb(
  dataset: Dataset,
  stamps: fc.Arbitrary<Stamp> = stampArb,
): fc.Arbitrary<Mutation> {
  const columns = Object.fromEntries(
    [...dataset.columns.values()].map((column) => [
      column.name,
      fc.option(valueArb(column), { nil: null }) as fc.Arbitrary<Value>,
    ]),
  )
  return fc
    .record({
      stamp: stamps,
      seq: fc.constant(null),
      operation: fc.constantFrom('upsert' as const, 'update' as const, 'delete' as const),
      dataset: fc.constant(dataset.name),
      key: fc.tuple(...dataset.key.map(keyTextArb)) as fc.Arbitrary<string[]>,
      columns: fc.record(columns, { requiredKeys: [] }),
    })
    .map(({ columns, ...rest }) => {
      const set = Object.entries(columns) as [string, Value][]
      return fitOperation({ ...rest, columns: new Map(set) })
    })
}

/** Mutations of any of a catalogue's datasets. */
export function mutationInArb(catalogue: Catalogue, stamps?: fc.Arbitrary<Stamp>): fc.Arbitrary<Mutation> {
  return fc.oneof(...[...catalogue.datasets.values()].map((dataset) => mutationOfArb(dataset, stamps)))
}
