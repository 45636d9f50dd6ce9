// What holds in each partition: one object where the same holds, and never the one of a policy that says something else.

import { describe, expect, it } from 'vitest'
import { initialStanding, type Standing } from '../../src/codec/policy/standing.ts'
import { createStandings } from '../../src/node/standings.ts'
import { signerOf, standingOf } from '../contract/store-fixture.ts'

const INITIAL = initialStanding([signerOf(1)])

describe('standings', () => {
  it('partitions that read the same policy, each by itself, share it', () => {
    const standings = createStandings(INITIAL)
    expect(standings.at(0)).toBe(INITIAL)
    for (let partition = 0; partition < 3; partition++) {
      standings.set(partition, standingOf(1))
      expect(standings.at(partition)).toEqual(standingOf(1))
      expect(standings.at(partition)).toBe(standings.at(0))
    }
    standings.set(1, standingOf(2))
    standings.set(2, standingOf(2))
    expect(standings.at(2)).toBe(standings.at(1))
    expect([0, 1, 2].map(standings.at)).toEqual([standingOf(1), standingOf(2), standingOf(2)])
  })

  it('what differs in anything is kept apart: two admins may have applied one version at once', () => {
    const standings = createStandings(INITIAL)
    const rule = { columns: '*', datasets: '*', operations: [], signers: '*' } as const
    const different: readonly Standing[] = [
      standingOf(1),
      standingOf(2),
      standingOf(1, { admins: [signerOf(2)] }),
      standingOf(1, { rules: [rule] }),
      standingOf(1, { unsigned: true }),
      standingOf(1, { isClosed: true }),
    ]
    for (const [partition, standing] of different.entries()) standings.set(partition, standing)
    expect(different.map((_, partition) => standings.at(partition))).toEqual(different)
  })

  it('an assignment brings what the store has, and forgets the rest', () => {
    const standings = createStandings(INITIAL)
    standings.set(0, standingOf(3))
    standings.set(1, standingOf(3))
    const loaded = standingOf(2)
    standings.assign(new Map([[1, loaded]]))
    expect([standings.at(0), standings.at(1)]).toEqual([INITIAL, standingOf(2)])
    standings.set(0, standingOf(2))
    expect(standings.at(0)).toBe(loaded)
  })
})
