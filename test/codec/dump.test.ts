// The state as text: every line is JSON, lines are in order of bytes, and a fold's state is its messages' whatever their order.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cellLines, isVisible, rowLine, stateLines, visibleRowJson } from '../../src/codec/dump.ts'
import { parseJson } from '../../src/codec/json.ts'
import { createFold, foldMutation } from '../../src/crdt/fold.ts'
import { stampToOrigin } from '../../src/crdt/stamp.ts'
import { catalogueOf, datasetOf, mutationOf, stampOf } from '../contract/store-fixture.ts'
import { catalogueArb, closeStampArb, mutationInArb } from '../support/arbitrary.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/codec/dump.test.ts')

const stateArb = catalogueArb.chain((catalogue) =>
  fc.record({
    catalogue: fc.constant(catalogue),
    mutations: fc.array(mutationInArb(catalogue, closeStampArb(1_666_283_719_896_000_000n)), {
      maxLength: 20,
    }),
  }),
)

describe('the state as text', () => {
  it('is a line of JSON for each row and cell, the same whatever the order', () => {
    fc.assert(
      fc.property(stateArb, ({ catalogue, mutations }) => {
        const [fold, backwards] = [createFold(), createFold()]
        for (const mutation of mutations) foldMutation(fold, mutation)
        for (const mutation of mutations.toReversed()) foldMutation(backwards, mutation)
        const lines = [...stateLines(catalogue, fold)]
        expect([...stateLines(catalogue, backwards)]).toEqual(lines)
        const rows = [...fold.values()].flatMap((rowsByKey) => [...rowsByKey.values()])
        expect(lines.length).toBe(rows.reduce((sum, row) => sum + 1 + row.cells.size, 0))
        for (const line of lines) {
          expect(line.endsWith('}\n')).toBe(true)
          expect(parseJson(line, 66).type).toBe('parsed')
        }
      }),
      seeded(seed, 300),
    )
  })

  it('says of each cell whose signatures its origin carries', () => {
    const origin = stampToOrigin(stampOf(1))
    const catalogue = catalogueOf(1n, datasetOf('tracks', { columns: { plays: 'long' } }))
    const fold = createFold()
    foldMutation(fold, mutationOf('upsert', 'tracks', 't1', 1, { plays: 7n }))
    const one = `eip191:${'0a'.repeat(20)}`
    const other = `ed25519:${'0b'.repeat(32)}`
    const lineWith = (signer: string): readonly string[] => [
      `{"dataset":"tracks","key":{"id":"t1"},"alive":"${stampOf(1)}","dead":null,"visible":true}\n`,
      `{"dataset":"tracks","key":{"id":"t1"},"column":"plays","value":7,"stamp":"${stampOf(1)}","timestamp":"1970-01-01T00:00:00.000000001Z","origin":"${origin}","signer":${signer},"visible":true}\n`,
    ]
    expect([...stateLines(catalogue, fold)]).toEqual(lineWith('null'))
    const linesOf = (signers: readonly (string | null)[]) => [
      ...stateLines(catalogue, fold, new Map([[origin, signers]])),
    ]
    expect(linesOf([null])).toEqual(lineWith('null'))
    expect(linesOf([one])).toEqual(lineWith(`"${one}"`))
    expect(linesOf([null, other, one])).toEqual(lineWith(`[null,"${other}","${one}"]`))
  })

  it('shows a visible row with every column, null where there is nothing', () => {
    fc.assert(
      fc.property(stateArb, ({ catalogue, mutations }) => {
        const fold = createFold()
        for (const mutation of mutations) foldMutation(fold, mutation)
        for (const [name, rowsByKey] of fold) {
          const dataset = catalogue.datasets.get(name)!
          for (const row of rowsByKey.values()) {
            const parsed = parseJson(visibleRowJson(dataset, row), 66)
            expect(parsed.type === 'parsed' && [...(parsed.value as Map<string, unknown>).keys()]).toEqual(
              dataset.fieldNames,
            )
            const suffix = `"visible":${isVisible(dataset, row)}}`
            for (const line of [rowLine(dataset, row), ...cellLines(dataset, row)])
              expect(line.endsWith(suffix)).toBe(true)
          }
        }
      }),
      seeded(seed, 300),
    )
  })
})
