// Folding again: the definitions that were taken change nothing a second time; one that was refused may, so a copy marks it.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Catalogue, type ColumnType, EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { foldDefinition } from '../../src/codec/definitions.ts'
import { SYMBOL_BYTES_MAX } from '../../src/codec/limits.ts'
import type { Schema } from '../../src/codec/schema.ts'
import { catalogueArb, schemaArb } from '../support/arbitrary.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/codec/definitions-again.test.ts')

/** Enums of a few symbols, some as long as a dataset may hold in all, so that limits are met and left again. */
const symbolsArb = fc.oneof(
  { weight: 2, arbitrary: fc.constant(null) },
  {
    weight: 3,
    arbitrary: fc
      .uniqueArray(fc.constantFrom('a', 'b', 'c', ...['d', 'e'].map((letter) => letter.repeat(40_000))), {
        minLength: 1,
      })
      .map((symbols) => new Set(symbols)),
  },
)
const columnArb = fc
  .tuple(
    fc.constantFrom('n1', 'n2', 'n3'),
    fc.constantFrom<ColumnType>('string', 'string', 'string', 'long'),
    symbolsArb,
    fc.boolean(),
  )
  .map(([name, type, symbols, required]) => ({
    name,
    type,
    symbols: type === 'string' ? symbols : null,
    required,
  }))
/** Schemas of two datasets that contradict one another, are too wide together, and say or no longer say `required`. */
const tightArb: fc.Arbitrary<Schema> = fc
  .record({
    name: fc.constantFrom('d', 'e'),
    keyType: fc.constantFrom<ColumnType>('string', 'string', 'string', 'long'),
    keySymbols: symbolsArb,
    columns: fc.uniqueArray(columnArb, { selector: ({ name }) => name, maxLength: 3 }),
    crowd: fc.constantFrom(null, null, 'left', 'right'),
  })
  .map(({ name, keyType, keySymbols, columns, crowd }) => {
    const key = [{ name: 'id', type: keyType, symbols: keyType === 'string' ? keySymbols : null }]
    const crowded = Array.from({ length: crowd === null ? 0 : 110 }, (_, i) => ({
      name: `${crowd}${i}`,
      type: 'long' as const,
      symbols: null,
      required: false,
    }))
    const all = [...columns, ...crowded]
    return { name, key, columns: all, fieldNames: ['id', ...all.map((column) => column.name)] }
  })

interface Folded {
  readonly catalogue: Catalogue
  readonly taken: readonly Schema[]
  readonly refused: number
}

function fold(from: Catalogue, schemas: readonly Schema[]): Folded {
  let catalogue = from
  const taken: Schema[] = []
  for (const [i, schema] of schemas.entries()) {
    const folded = foldDefinition(catalogue, schema, BigInt(i))
    if (folded.type === 'refused') continue
    catalogue = folded.catalogue
    taken.push(schema)
  }
  return { catalogue, taken, refused: schemas.length - taken.length }
}

/** Without the places in the log. */
function plain({ datasets }: Catalogue): unknown {
  return [...datasets].map(([name, dataset]) => [name, { ...dataset, changedAt: null }])
}

const schemasArb = fc.oneof(
  fc.array(tightArb, { maxLength: 12 }),
  fc.array(fc.oneof(schemaArb, tightArb), { maxLength: 12 }),
)

test('what was taken is taken again, from any place on and over any number of rounds, and changes nothing', () => {
  let refused = 0
  fc.assert(
    fc.property(schemasArb, fc.nat(12), (schemas, start) => {
      const first = fold(EMPTY_CATALOGUE, schemas)
      refused += first.refused
      const alone = fold(EMPTY_CATALOGUE, first.taken)
      expect(plain(alone.catalogue)).toEqual(plain(first.catalogue))
      expect(alone.refused).toBe(0)
      for (const again of [first.taken, first.taken.slice(start), [...first.taken, ...first.taken]]) {
        const second = fold(first.catalogue, again)
        expect(second.refused).toBe(0)
        expect(second.catalogue).toBe(first.catalogue)
      }
    }),
    seeded(seed, 400),
  )
  // Otherwise the random ones never met a limit or contradicted one another.
  expect(refused).toBeGreaterThan(100)
})

test('the same over a catalogue of everything that there is', () => {
  fc.assert(
    fc.property(catalogueArb, fc.array(tightArb, { maxLength: 8 }), (catalogue, schemas) => {
      const { catalogue: united, taken } = fold(catalogue, schemas)
      expect(fold(united, taken)).toEqual({ catalogue: united, taken, refused: 0 })
    }),
    seeded(seed, 100),
  )
})

test('one that was refused for its symbols is taken when a later one has let the great ones go', () => {
  const text = (name: string, symbols: readonly string[] | null) => ({
    name,
    type: 'string' as const,
    symbols: symbols === null ? null : new Set(symbols),
    required: false,
  })
  const schema = (...columns: readonly ReturnType<typeof text>[]): Schema => ({
    name: 'd',
    key: [{ name: 'id', type: 'string', symbols: null }],
    columns,
    fieldNames: ['id', ...columns.map(({ name }) => name)],
  })
  const great = 'x'.repeat(SYMBOL_BYTES_MAX - 1)
  const schemas = [
    schema(text('a', [great]), text('b', ['s'])),
    schema(text('b', ['tt'])),
    schema(text('a', null)),
  ]
  const first = fold(EMPTY_CATALOGUE, schemas)
  expect(first.refused).toBe(1)
  const again = fold(first.catalogue, schemas)
  expect(again.refused).toBe(0)
  expect(plain(again.catalogue)).not.toEqual(plain(first.catalogue))
})
