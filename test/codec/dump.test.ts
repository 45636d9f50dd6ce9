// The state as text: every line is JSON, lines are in order of bytes, and a fold's state is its messages' whatever their order.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cellLines, isVisible, rowLine, stateLines, visibleRowJson } from '../../src/codec/dump.ts'
import { parseJson } from '../../src/codec/json.ts'
import { createFold, foldMutation } from '../../src/crdt/fold.ts'
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
