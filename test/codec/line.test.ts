// Lines and rows as people bring them: what is taken, and refusals that say which member, why, and what to do.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Catalogue, Dataset } from '../../src/codec/catalogue.ts'
import { foldDefinition } from '../../src/codec/definitions.ts'
import { parseJson, plainToJson } from '../../src/codec/json.ts'
import { readLine, readRow } from '../../src/codec/line.ts'
import { readSchema } from '../../src/codec/schema.ts'
import { keyTextToJson, valueToJson } from '../../src/codec/values.ts'
import type { Mutation } from '../../src/crdt/mutation.ts'
import { catalogueArb, mutationInArb } from '../support/arbitrary.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/codec/line.test.ts')

const TRACKS = {
  type: 'record',
  name: 'tracks',
  key: ['id'],
  fields: [
    { name: 'id', type: 'long' },
    { name: 'title', type: ['null', 'string'] },
    { name: 'plays', type: ['null', 'long'] },
    { name: 'extra', type: ['null', { type: 'string', logicalType: 'json' }] },
  ],
}
const catalogue = catalogueOf(TRACKS)
const tracks = catalogue.datasets.get('tracks')!

function catalogueOf(schema: unknown): Catalogue {
  const read = readSchema(plainToJson(schema))
  if (read.type === 'refused') throw new Error(read.detail)
  const folded = foldDefinition({ offset: 1n, datasets: new Map() }, read.schema, 0n)
  if (folded.type === 'refused') throw new Error(folded.detail)
  return folded.catalogue
}

function detailOf(text: string): string {
  const read = readLine(text, catalogue)
  return read.type === 'refused' ? read.detail : 'it was taken'
}

/** A mutation as a line, as its values are printed. */
function toLine(dataset: Dataset, mutation: Mutation, extra: string): string {
  const key = dataset.key.map((column, i) => [column.name, keyTextToJson(column, mutation.key[i]!)])
  const columns = [...mutation.columns].map(([name, value]) => [
    name,
    valueToJson(dataset.columns.get(name)!, value),
  ])
  const data = [...columns, ...key].map(([name, json]) => `"${name}":${json}`).join(', ')
  return `{${extra}"operation":"${mutation.operation}","table":"${dataset.name}","data":{${data}}}`
}

describe('a line', () => {
  it('brings back the mutation that it was printed from', () => {
    const caseArb = catalogueArb.chain((defined) =>
      fc.record({ defined: fc.constant(defined), mutation: mutationInArb(defined) }),
    )
    fc.assert(
      fc.property(caseArb, ({ defined, mutation }) => {
        const dataset = defined.datasets.get(mutation.dataset)!
        // JSON null in a line is the null value also for a json column.
        const columns = [...mutation.columns].map(([name, value]) => [
          name,
          dataset.columns.get(name)!.type === 'json' && value === 'null' ? null : value,
        ])
        const { operation, key } = mutation
        expect(readLine(toLine(dataset, mutation, '"id": [1],'), defined)).toEqual({
          type: 'change',
          change: { timeNs: null, operation, dataset: dataset.name, key, columns: new Map(columns as []) },
        })
      }),
      seeded(seed, 500),
    )
  })

  it('may bring its timestamp', () => {
    const line = (timestamp: string) =>
      readLine(
        `{"timestamp":${timestamp},"dataset":"tracks","operation":"delete","data":{"id":1}}`,
        catalogue,
      )
    expect(line('"1666283719896000001"')).toMatchObject({
      change: { timeNs: 1_666_283_719_896_000_001n, key: ['1'] },
    })
    expect(line('"2022-10-20 16:35:19.896+00"')).toMatchObject({
      change: { timeNs: 1_666_283_719_896_000_000n },
    })
    expect(line('1666283719896000001')).toMatchObject({ type: 'refused' })
    expect(line('null')).toMatchObject({ type: 'refused' })
  })

  it('may hold a json value as deep as the rules allow', () => {
    const line = (depth: number) =>
      readLine(
        `{"dataset":"tracks","operation":"upsert","data":{"id":1,"extra":${'['.repeat(depth)}${']'.repeat(depth)}}}`,
        catalogue,
      )
    expect(line(64).type).toBe('change')
    expect(line(65)).toMatchObject({ type: 'refused' })
  })

  it('is refused with member, reason and remedy', () => {
    const start = '{"dataset":"tracks","operation":"upsert",'
    expect(detailOf('[]')).toBe('a change should be an object, not an array')
    expect(detailOf('{')).toMatch(/^not valid JSON: .* \(character 2\)$/)
    expect(detailOf(`${start}"title":"x"}`)).toMatch(
      /^"title" is no member of a change .*columns belong into "data"$/,
    )
    expect(detailOf(`${start}"table":"tracks","data":{"id":1}}`)).toMatch(/give one of them/)
    expect(detailOf('{"operation":"upsert","data":{"id":1}}')).toMatch(/^dataset: it should be the name/)
    expect(detailOf('{"dataset":"track","operation":"upsert","data":{}}')).toBe(
      'dataset: "track" is not defined (did you mean tracks?); define it with: spindexer datasets apply DIR',
    )
    expect(detailOf('{"dataset":"tracks","operation":"insert","data":{}}')).toMatch(/^operation: /)
    expect(detailOf('{"dataset":"tracks","data":{"id":1}}')).toMatch(/^operation: /)
    expect(detailOf(`${start}"data":[]}`)).toMatch(/^data: /)
    expect(detailOf(`${start}"data":{"title":"x"}}`)).toBe(
      'data.id: it is missing, and belongs to the key of tracks',
    )
    expect(detailOf(`${start}"data":{"id":null}}`)).toBe('data.id: a key column cannot be null')
    expect(detailOf(`${start}"data":{"id":1.5}}`)).toMatch(/^data\.id: it should be an integer/)
    expect(detailOf(`${start}"data":{"id":1,"plays":"x"}}`)).toMatch(/^data\.plays: /)
    expect(detailOf(`${start}"data":{"id":1,"titel":"x"}}`)).toBe(
      'data.titel: tracks has no such column (did you mean title? Else add it with: spindexer datasets apply DIR)',
    )
    expect(detailOf(`${start}"data":{"id":1,"wholly_other":"x"}}`)).toBe(
      'data.wholly_other: tracks has no such column (it has id, title, plays, extra; add a column with: spindexer datasets apply DIR)',
    )
    expect(detailOf('{"dataset":"tracks","operation":"update","data":{"id":1}}')).toMatch(/changes nothing/)
    expect(detailOf('{"dataset":"tracks","operation":"delete","data":{"id":1,"title":null}}')).toMatch(
      /key columns alone/,
    )
    expect(
      detailOf(`{"dataset":"${'x'.repeat(10_000)}","operation":"upsert","data":{}}`).length,
    ).toBeLessThan(300)
  })

  it('has a key of at most 1,024 bytes', () => {
    const named = catalogueOf({ ...TRACKS, fields: [{ name: 'id', type: 'string' }] })
    const line = (id: string) =>
      readLine(`{"dataset":"tracks","operation":"upsert","data":{"id":"${id}"}}`, named)
    expect(line('é'.repeat(512)).type).toBe('change')
    expect(line(`${'é'.repeat(512)}x`)).toMatchObject({
      detail: 'the key has 1025 bytes; at most 1024 can be replicated: use a shorter key',
    })
  })
})

describe('a row', () => {
  it('is an upsert without a timestamp', () => {
    const parsed = parseJson('{"plays":"007","id":9223372036854775807,"title":null}')
    if (parsed.type === 'refused') throw new Error(parsed.detail)
    expect(readRow(tracks, parsed.value)).toEqual({
      type: 'change',
      change: {
        timeNs: null,
        operation: 'upsert',
        dataset: 'tracks',
        key: ['9223372036854775807'],
        columns: new Map<string, unknown>([
          ['plays', 7n],
          ['title', null],
        ]),
      },
    })
    expect(readRow(tracks, [])).toMatchObject({
      type: 'refused',
      detail: 'a row should be an object, not an array',
    })
    expect(readRow(tracks, new Map([['ID', 'x']]))).toMatchObject({
      detail: expect.stringMatching(/^id: it is missing/),
    })
  })
})
