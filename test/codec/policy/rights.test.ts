// Rights: the compiled policy answers as a naive reading of its rules, in words and in sets, whatever it was asked before.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PolicyRule } from '../../../src/codec/control.ts'
import { type Act, createRights, permit, rightsOf } from '../../../src/codec/policy/rights.ts'
import type { GuardedStanding } from '../../../src/codec/policy/standing.ts'
import type { Signer } from '../../../src/codec/signing/signer-key.ts'
import type { Operation } from '../../../src/crdt/mutation.ts'
import { announceSeed, seeded } from '../../support/seed.ts'

const seed = announceSeed('test/codec/policy/rights.test.ts')

const SIGNERS = ['a', 'b', 'c', 'd'].map((digit) => `ed25519:${digit.repeat(64)}`)
const DATASETS = ['orders', 'people', 'places']
const COLUMNS = ['city', 'name', 'note', 'total']
const OPERATIONS: readonly Operation[] = ['upsert', 'update', 'delete']

/** Lists with repeats and empty ones among them, as control records allow. */
function listOf<T>(items: readonly T[]): fc.Arbitrary<readonly T[]> {
  return fc.array(fc.constantFrom(...items), { maxLength: 3 })
}

const ruleArb: fc.Arbitrary<PolicyRule> = fc.record({
  columns: fc.oneof(fc.constant('*' as const), listOf(COLUMNS)),
  datasets: fc.oneof(fc.constant('*' as const), listOf(DATASETS.slice(0, 2))),
  operations: listOf(OPERATIONS),
  signers: fc.oneof(fc.constant('*' as const), listOf(SIGNERS.slice(0, 3))),
})

const standingArb: fc.Arbitrary<GuardedStanding> = fc.record({
  type: fc.constant('guarded' as const),
  version: fc.nat({ max: 2 }),
  admins: fc.uniqueArray(fc.constantFrom(...SIGNERS), { maxLength: 1 }),
  rules: fc.array(ruleArb, { maxLength: 6 }),
  unsigned: fc.oneof(
    { weight: 1, arbitrary: fc.constant(true) },
    { weight: 7, arbitrary: fc.constant(false) },
  ),
  isClosed: fc.boolean(),
})

const signerArb: fc.Arbitrary<Signer> = fc.constantFrom<Signer>(...SIGNERS, null)
const actArb: fc.Arbitrary<Act & { readonly columns: readonly string[] }> = fc.record({
  operation: fc.constantFrom(...OPERATIONS),
  dataset: fc.constantFrom(...DATASETS),
  columns: fc.uniqueArray(fc.constantFrom(...COLUMNS)),
})

/** The rules as the design words them. */
function isAllowed(standing: GuardedStanding, signer: Signer, act: Act): boolean {
  if (standing.unsigned) return true
  if (signer === null) return false
  if (standing.admins.includes(signer)) return true
  const names = (list: readonly string[] | '*', name: string) => list === '*' || list.includes(name)
  const applying = standing.rules.filter(
    ({ signers, datasets, operations }) =>
      names(signers, signer) && names(datasets, act.dataset) && operations.includes(act.operation),
  )
  return (
    applying.length > 0 &&
    [...act.columns].every((column) => applying.some(({ columns }) => names(columns, column)))
  )
}

function isWithin(columns: 'all' | ReadonlySet<string> | null, act: Act): boolean {
  if (columns === null) return false
  return columns === 'all' || [...act.columns].every((column) => columns.has(column))
}

describe('rights', () => {
  it('are what a naive reading of the rules gives', () => {
    const asked = fc.array(fc.tuple(signerArb, actArb), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(standingArb, asked, (standing, questions) => {
        const rights = createRights(standing)
        for (const [signer, act] of questions) {
          const expected = isAllowed(standing, signer, act)
          const permission = permit(standing, signer, act)
          expect(permission.type === 'allowed').toBe(expected)
          expect(rights.permit(signer, act)).toEqual(permission)
          // Asked afresh it says the same: nothing of the questions before is in an answer.
          expect(createRights(standing).permit(signer, act)).toEqual(permission)
          const columns = rights.rightOf(signer).permits(OPERATIONS.indexOf(act.operation), act.dataset)
          expect(isWithin(columns, act)).toBe(expected)
          if (permission.type === 'refused') {
            expect(permission.reason).toBe(signer === null ? 'unsigned' : 'not-allowed')
          }
        }
      }),
      seeded(seed, 2_000),
    )
  })

  it('are one object for all signers to whom the same rules apply', () => {
    const rule = (signers: readonly string[] | '*'): PolicyRule => ({
      columns: '*',
      datasets: '*',
      operations: ['upsert'],
      signers,
    })
    const [a, b, c, d] = SIGNERS as [string, string, string, string]
    const rights = createRights({
      type: 'guarded',
      version: 1,
      admins: [],
      rules: [rule([a, b]), rule([c]), rule('*'), rule([b, a, b])],
      unsigned: false,
      isClosed: false,
    })
    expect(rights.rightOf(a)).toBe(rights.rightOf(b))
    expect(rights.rightOf(a)).not.toBe(rights.rightOf(c))
    expect(rights.rightOf(d)).toBe(rights.rightOf(`eip191:${'0'.repeat(40)}`))
    expect(rights.rightOf(d)).not.toBe(rights.rightOf(null))
  })

  it('are compiled once for a standing', () => {
    const standing: GuardedStanding = {
      type: 'guarded',
      version: 1,
      admins: [],
      rules: [],
      unsigned: false,
      isClosed: false,
    }
    expect(rightsOf(standing)).toBe(rightsOf(standing))
    expect(rightsOf({ ...standing })).not.toBe(rightsOf(standing))
  })

  it('name few of many rules', () => {
    const [a] = SIGNERS as [string]
    const rule: PolicyRule = { columns: ['name'], datasets: '*', operations: ['upsert'], signers: [a] }
    const standing = (rules: number): GuardedStanding => ({
      type: 'guarded',
      version: 3,
      admins: [],
      rules: Array.from({ length: rules }, () => rule),
      unsigned: false,
      isClosed: false,
    })
    const act = { operation: 'upsert', dataset: 'people', columns: ['name'] } as const
    const words = (rules: number) => permit(standing(rules), a, act)
    expect(words(1)).toEqual({ type: 'allowed', by: 'policy version 3: rule 1' })
    expect(words(8)).toEqual({ type: 'allowed', by: 'policy version 3: rules 1, 2, 3, 4, 5, 6, 7, 8' })
    expect(words(2_000)).toEqual({
      type: 'allowed',
      by: 'policy version 3: rules 1, 2, 3, 4, 5, 6, 7, 8 and 1992 more',
    })
  })

  it('stay right while what is kept of a large policy is thrown away', () => {
    // Each grant of the first rules has a union of its own of 12,000 columns: 25 of them are above the bound.
    const columns = (from: number) => Array.from({ length: 6_000 }, (_, i) => `c${from + i}`)
    const [a, b] = SIGNERS as [string, string]
    const datasets = Array.from({ length: 40 }, (_, i) => `d${i}`)
    const rules: readonly PolicyRule[] = [
      { columns: columns(0), datasets, operations: ['upsert'], signers: [a] },
      { columns: columns(6_000), datasets, operations: ['upsert', 'delete'], signers: '*' },
    ]
    const rights = createRights({
      type: 'guarded',
      version: 1,
      admins: [],
      rules,
      unsigned: false,
      isClosed: false,
    })
    for (let round = 0; round < 2; round++) {
      for (const dataset of datasets) {
        const ofA = rights.rightOf(a).permits(0, dataset) as ReadonlySet<string>
        expect([ofA.size, ofA.has('c0'), ofA.has('c11999'), ofA.has('c12000')]).toEqual([
          12_000,
          true,
          true,
          false,
        ])
        const ofB = rights.rightOf(b).permits(0, dataset) as ReadonlySet<string>
        expect([ofB.size, ofB.has('c0'), ofB.has('c11999')]).toEqual([6_000, false, true])
        expect(rights.rightOf(a).permits(1, dataset)).toBeNull()
        expect(rights.rightOf(b).permits(2, 'elsewhere')).toBeNull()
      }
    }
  })
})
