// What a writer holds back by the policy is what nodes would quarantine; and a policy that comes later is held against all that was sent.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PolicyRule } from '../../src/codec/control.ts'
import { permit } from '../../src/codec/policy/rights.ts'
import { type GuardedStanding, OPEN } from '../../src/codec/policy/standing.ts'
import { createActs, createRefuseAct } from '../../src/writer/permission.ts'
import { announceSeed, seeded } from '../support/seed.ts'
import { testKey } from '../support/signers.ts'

const seed = announceSeed('test/writer/permission.test.ts')
const SIGNERS = [testKey('writer').signer, testKey('admin').signer]

const oneOf = (...names: string[]) =>
  fc.oneof(fc.constant('*' as const), fc.subarray(names, { minLength: 0 }))
const operation = fc.constantFrom('upsert' as const, 'update' as const, 'delete' as const)
const rule: fc.Arbitrary<PolicyRule> = fc.record({
  columns: oneOf('a', 'b', 'c'),
  datasets: oneOf('x', 'y'),
  operations: fc.uniqueArray(operation),
  signers: oneOf(...SIGNERS),
})
const standing: fc.Arbitrary<GuardedStanding> = fc.record({
  type: fc.constant('guarded' as const),
  version: fc.integer({ min: 0, max: 3 }),
  admins: fc.subarray(SIGNERS),
  rules: fc.array(rule, { maxLength: 5 }),
  unsigned: fc.boolean(),
  isClosed: fc.constant(false),
})
const change = fc.record({
  operation,
  dataset: fc.constantFrom('x', 'y', 'z'),
  columns: fc.subarray(['a', 'b', 'c', 'd']).map((names) => new Map(names.map((name) => [name, null]))),
})
const signer = fc.constantFrom(...SIGNERS, null)

describe('a change', () => {
  it('is refused exactly where the policy does not permit it', () => {
    fc.assert(
      fc.property(standing, signer, change, (under, by, each) => {
        const permission = permit(under, by, { ...each, columns: each.columns.keys() })
        const reason = createRefuseAct(under, by)(each)
        expect(reason === null).toBe(permission.type === 'allowed')
        if (permission.type === 'refused') expect(reason).toContain(permission.detail)
      }),
      seeded(seed, 500),
    )
  })

  it('is never refused in an open log, and always in one that is closed', () => {
    const each = { operation: 'upsert', dataset: 'x', columns: new Map() } as const
    expect(createRefuseAct(OPEN, null)(each)).toBeNull()
    const closed = {
      type: 'guarded',
      version: 1,
      admins: [],
      rules: [],
      unsigned: true,
      isClosed: true,
    } as const
    expect(createRefuseAct(closed, null)(each)).toMatch(/is closed/)
  })
})

describe('what was let through', () => {
  it('is refused by a later policy exactly where one of the changes is', () => {
    fc.assert(
      fc.property(standing, signer, fc.array(change, { maxLength: 8 }), (under, by, changes) => {
        const acts = createActs()
        for (const each of changes) acts.see(each)
        const refuse = createRefuseAct(under, by)
        const isRefused = changes.some((each) => refuse(each) !== null)
        expect(acts.refusedBy(refuse) !== null).toBe(isRefused)
      }),
      seeded(seed, 1_000),
    )
  })
})
