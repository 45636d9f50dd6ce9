// Folding definitions, as properties: whole or not at all, alike when repeated, only ever growing; and the limits.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { record } from '../../scripts/golden/definition-texts.ts'
import { type Catalogue, EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { datasetFromJson, datasetToJson } from '../../src/codec/catalogue-json.ts'
import { definitionWarnings, foldDefinition, judgeOpenDefinitions } from '../../src/codec/definitions.ts'
import { parseJson, plainToJson } from '../../src/codec/json.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { readSchema, type Schema } from '../../src/codec/schema.ts'
import { catalogueArb, schemaArb } from '../support/arbitrary.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/codec/definitions.test.ts')
const schemasArb = fc.array(schemaArb, { maxLength: 8 })
const LOG_ID = '00112233-4455-6677-8899-aabbccddeeff'

function foldAll(schemas: readonly Schema[]): Catalogue {
  return schemas.reduce((catalogue, schema, i) => {
    const folded = foldDefinition(catalogue, schema, BigInt(i))
    return folded.type === 'taken' ? folded.catalogue : catalogue
  }, EMPTY_CATALOGUE)
}

/** A schema as its author writes it. */
function toText(schema: Schema): string {
  const typeOf = ({ type, symbols }: Schema['key'][number]) => {
    if (symbols !== null) return { type: 'enum', name: 'E', symbols: [...symbols] }
    const logical = {
      uuid: 'uuid',
      decimal: 'decimal',
      date: 'date',
      timestamp: 'timestamp-micros',
      json: 'json',
    }
    return type in logical ? { type: 'string', logicalType: logical[type as 'uuid'] } : type
  }
  const fields = schema.fieldNames.map((name) => {
    const key = schema.key.find((column) => column.name === name)
    if (key !== undefined) return { name, type: typeOf(key) }
    const column = schema.columns.find((other) => other.name === name)!
    return { name, type: ['null', typeOf(column)], required: column.required }
  })
  return record({ type: 'record', name: schema.name, key: schema.key.map(({ name }) => name), fields })
}

function toRecords(texts: readonly string[]): readonly LogRecord[] {
  return texts.map((text, i) => ({
    partition: DEFINITIONS,
    offset: BigInt(i),
    appendMs: 5n,
    stampedByLog: true,
    key: null,
    value: Buffer.from(text),
    headers: [],
  }))
}

describe('the fold of definitions', () => {
  it('is the same for a record repeated, and says that nothing changed', () => {
    fc.assert(
      fc.property(schemasArb, (schemas) => {
        const catalogue = foldAll(schemas)
        for (const schema of schemas) {
          const once = foldDefinition(catalogue, schema, 100n)
          if (once.type === 'refused') continue
          expect(once.changed).toBe(once.catalogue !== catalogue)
          expect(once.dataset.changedAt === 101n).toBe(once.changed)
          const twice = foldDefinition(once.catalogue, schema, 200n)
          expect(twice).toEqual({
            type: 'taken',
            catalogue: once.catalogue,
            dataset: once.dataset,
            changed: false,
          })
        }
      }),
      seeded(seed, 1_000),
    )
  })

  it('only grows: columns, symbols and names stay, required only goes', () => {
    fc.assert(
      fc.property(schemasArb, schemaArb, (schemas, schema) => {
        const before = foldAll(schemas)
        const folded = foldDefinition(before, schema, 9n)
        if (folded.type === 'refused') return
        const held = before.datasets.get(schema.name)
        if (held === undefined) return
        expect(folded.dataset.fieldNames.slice(0, held.fieldNames.length)).toEqual(held.fieldNames)
        for (const [name, column] of held.columns) {
          const now = folded.dataset.columns.get(name)!
          expect(now.type).toBe(column.type)
          if (!column.required) expect(now.required).toBe(false)
          for (const symbol of column.symbols ?? []) expect(now.symbols?.has(symbol) ?? true).toBe(true)
          if (column.symbols === null) expect(now.symbols).toBe(null)
        }
        for (const column of schema.columns) expect(folded.dataset.columns.has(column.name)).toBe(true)
      }),
      seeded(seed, 2_000),
    )
  })

  it('does not depend on how records come in chunks', () => {
    fc.assert(
      fc.property(schemasArb, fc.nat({ max: 8 }), (schemas, cut) => {
        const records = toRecords(schemas.map(toText))
        const whole = judgeOpenDefinitions(EMPTY_CATALOGUE, records, BigInt(records.length), LOG_ID)
        const first = judgeOpenDefinitions(EMPTY_CATALOGUE, records.slice(0, cut), BigInt(cut), LOG_ID)
        const rest = judgeOpenDefinitions(first.catalogue, records.slice(cut), BigInt(records.length), LOG_ID)
        expect(rest.catalogue).toEqual(whole.catalogue)
        expect(first.taken + rest.taken).toBe(whole.taken)
        expect([...first.refused, ...rest.refused]).toEqual(whole.refused)
        expect(whole.taken + whole.refused.length).toBe(records.length)
        expect(new Map(whole.catalogue.datasets)).toEqual(foldAll(schemas).datasets)
      }),
      seeded(seed, 500),
    )
  })

  it('is kept as JSON and read back', () => {
    fc.assert(
      fc.property(catalogueArb, (catalogue) => {
        for (const dataset of catalogue.datasets.values()) {
          const parsed = parseJson(JSON.stringify(datasetToJson(dataset)))
          if (parsed.type === 'refused') throw new Error(parsed.detail)
          expect(datasetFromJson(parsed.value, dataset.changedAt)).toEqual(dataset)
        }
      }),
      seeded(seed, 500),
    )
  })

  it('takes 1,000 datasets and no more, but goes on with those', () => {
    const schema = (name: string, ...columns: readonly string[]): Schema => ({
      name,
      key: [{ name: 'id', type: 'string', symbols: null }],
      columns: columns.map((column) => ({ name: column, type: 'long', symbols: null, required: false })),
      fieldNames: ['id', ...columns],
    })
    const full = foldAll(Array.from({ length: 1_000 }, (_, i) => schema(`d${i}`)))
    expect(full.datasets.size).toBe(1_000)
    expect(foldDefinition(full, schema('more'), 1n)).toMatchObject({
      type: 'refused',
      reason: 'catalogue-full',
    })
    expect(foldDefinition(full, schema('d999', 'a'), 1n)).toMatchObject({ type: 'taken', changed: true })
  })

  it('counts records, and keeps where those stand that it refuses', () => {
    const judged = judgeOpenDefinitions(
      EMPTY_CATALOGUE,
      toRecords(['{"generation":1,"kind":"close"}', '{"kind":"dataset","schema":{}}', 'x']),
      7n,
      LOG_ID,
    )
    expect(judged.catalogue.offset).toBe(7n)
    expect([judged.taken, judged.controls]).toEqual([0, 1])
    expect(judged.refused).toMatchObject([
      { partition: DEFINITIONS, offset: 1n, dataset: null, reason: 'bad-definition', size: 30, appendMs: 5n },
      { partition: DEFINITIONS, offset: 2n, reason: 'unknown-framing', size: 1 },
    ])
  })

  it('refuses what contradicts with the dataset and column named', () => {
    const schema = (type: string) =>
      readSchema(
        plainToJson({
          type: 'record',
          name: 'd',
          key: ['id'],
          fields: [
            { name: 'id', type: 'string' },
            { name: 'a', type },
          ],
        }),
      )
    const [first, second] = [schema('long'), schema('string')]
    if (first.type === 'refused' || second.type === 'refused') throw new Error('a sound schema was refused')
    const catalogue = foldAll([first.schema])
    expect(foldDefinition(catalogue, second.schema, 1n)).toEqual({
      type: 'refused',
      reason: 'type-changed',
      detail: 'd.a is a long, not a string',
    })
  })
})

describe('warnings', () => {
  const column = (name: string, symbols: readonly string[] | null, required = false) =>
    ({ name, type: 'string', symbols: symbols === null ? null : new Set(symbols), required }) as const
  const schema = (...columns: readonly ReturnType<typeof column>[]): Schema => ({
    name: 'd',
    key: [{ name: 'id', type: 'string', symbols: null }],
    columns,
    fieldNames: ['id', ...columns.map(({ name }) => name)],
  })

  it('say what a definition does not do', () => {
    const catalogue = foldAll([schema(column('a', ['X', 'Y'], true), column('b', null))])
    expect(definitionWarnings(EMPTY_CATALOGUE, schema(column('a', null, true)))).toEqual([])
    expect(definitionWarnings(catalogue, schema(column('a', ['X', 'Y'], true), column('b', null)))).toEqual(
      [],
    )
    expect(definitionWarnings(catalogue, schema(column('a', ['X']), column('c', null, true)))).toEqual([
      'd.a is no longer required, and cannot become so again: say "required": true to keep it',
      'd.a keeps the symbols Y',
      'd.c: "required" is without effect, because only a dataset\'s first definition can make a column required',
      'd keeps the columns b: columns never go',
    ])
    expect(definitionWarnings(catalogue, schema(column('a', null, true), column('b', ['X'])))).toEqual([
      'd.a becomes a plain string for ever: it admits every text from now on',
      'd.b stays a plain string: the symbols are without effect',
    ])
  })
})
