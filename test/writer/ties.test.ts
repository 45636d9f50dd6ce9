// Lines of one timestamp that disagree: found as a plain comparison of all pairs finds them, and only those.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TypedChange } from '../../src/codec/line.ts'
import { compareValues } from '../../src/crdt/value.ts'
import { createTieCheck, createTieIndex } from '../../src/writer/ties.ts'
import { announceSeed, seeded } from '../support/seed.ts'
import { NOW_MS } from './support.ts'

const seed = announceSeed('test/writer/ties.test.ts')

const change: fc.Arbitrary<TypedChange> = fc
  .record({
    timeNs: fc.constantFrom(null, NOW_MS, NOW_MS + 1n),
    operation: fc.constantFrom('upsert', 'update', 'delete'),
    key: fc.constantFrom(['a'], ['b']),
    columns: fc.dictionary(fc.constantFrom('plays', 'likes'), fc.constantFrom(null, 1n, 2n), { minKeys: 1 }),
  })
  .map(({ operation, columns, ...rest }) => ({
    ...rest,
    dataset: 'tracks',
    operation,
    columns: new Map(operation === 'delete' ? [] : Object.entries(columns)),
  }))

/** True when an order between the two, with equal times, would decide something. */
function disagree(a: TypedChange, b: TypedChange): boolean {
  if (a.timeNs === null || a.timeNs !== b.timeNs || a.key[0] !== b.key[0]) return false
  if (a.operation === 'delete' || b.operation === 'delete') return a.operation !== b.operation
  return [...a.columns].some(([name, value]) => {
    const other = b.columns.get(name)
    return other !== undefined && compareValues(value, other) !== 0
  })
}

describe('ties', () => {
  it('are those lines that disagree with an earlier line that was taken', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const check = createTieCheck()
        const taken: { change: TypedChange; line: number }[] = []
        for (const [i, each] of changes.entries()) {
          const tie = check.see(each, i + 1)
          const against = taken.filter((earlier) => disagree(earlier.change, each))
          expect(tie === null).toBe(against.length === 0)
          if (tie === null) taken.push({ change: each, line: i + 1 })
          else expect(against.map(({ line }) => line)).toContain(tie.earlierLine)
        }
      }),
      seeded(seed, 500),
    )
  })

  it('are all among the suspects of the index', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const index = createTieIndex()
        for (const each of changes) index.add(each)
        const suspects = index.findSuspects()
        for (const [i, a] of changes.entries()) {
          const partners = changes.filter((b, j) => i !== j && disagree(a, b))
          if (partners.length > 0) expect(suspects?.(a)).toBe(true)
          if (a.timeNs === null) expect(suspects?.(a) ?? false).toBe(false)
        }
      }),
      seeded(seed, 300),
    )
  })

  it('are remembered for at least as many rows as asked for', () => {
    const check = createTieCheck(3)
    const at = (id: string, plays: bigint): TypedChange => ({
      timeNs: NOW_MS,
      operation: 'upsert',
      dataset: 'tracks',
      key: [id],
      columns: new Map([['plays', plays]]),
    })
    for (const [i, id] of ['a', 'b', 'c'].entries()) check.see(at(id, 1n), i + 1)
    expect(check.see(at('a', 2n), 4)).toEqual({ line: 4, earlierLine: 1, about: 'column plays' })
  })
})
