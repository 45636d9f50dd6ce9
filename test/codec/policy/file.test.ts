// A policy as people write it: what is taken, what is refused and where, and what they are warned of.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeControl, type PolicyRule, parseControl } from '../../../src/codec/control.ts'
import { isSameContent, type PolicyFile, readPolicyFile } from '../../../src/codec/policy/file.ts'
import { policyWarnings, refuseAdmins } from '../../../src/codec/policy/warnings.ts'
import { announceSeed, seeded } from '../../support/seed.ts'
import { testKey } from '../../support/signers.ts'
import { CATALOGUE } from '../../writer/support.ts'

const seed = announceSeed('test/codec/policy/file.test.ts')
const ADA = testKey('ada').signer
const BEN = testKey('ben', 'eip191').signer
/** y = 0 is a point of order 4. */
const NOBODY = `ed25519:${'0'.repeat(64)}`

function read(value: unknown): PolicyFile {
  const found = readPolicyFile(typeof value === 'string' ? value : JSON.stringify(value))
  if (found.type === 'refused') throw new Error(found.faults.join('\n'))
  return found.policy
}

function faultsOf(value: unknown): readonly string[] {
  const found = readPolicyFile(typeof value === 'string' ? value : JSON.stringify(value))
  return found.type === 'refused' ? found.faults : []
}

const RULE = { signers: '*', operations: ['upsert'], datasets: ['tracks'], columns: ['title'] }

describe('taken', () => {
  it('is a whole one, and one that leaves out what is nothing', () => {
    const whole = { version: 3, admins: [ADA, BEN], rules: [RULE], unsigned: true }
    expect(read(whole)).toEqual(whole)
    expect(read({ admins: [ADA] })).toEqual({ version: null, admins: [ADA], rules: [], unsigned: false })
    expect(read(`\ufeff${JSON.stringify({ admins: [ADA] })}\n`).admins).toEqual([ADA])
  })

  const keysArb = fc.uniqueArray(fc.constantFrom(ADA, BEN, NOBODY), { minLength: 1 })
  const namesArb = fc.oneof(
    fc.constant('*' as const),
    fc.array(fc.constantFrom('tracks', 'a', 'B_9'), { maxLength: 3 }),
  )
  const ruleArb: fc.Arbitrary<PolicyRule> = fc.record({
    signers: fc.oneof(fc.constant('*' as const), keysArb),
    operations: fc.subarray(['upsert', 'update', 'delete'] as const),
    datasets: namesArb,
    columns: namesArb,
  })

  it('is every policy that the log takes, with the same content', () => {
    const policyArb = fc.record({ admins: keysArb, rules: fc.array(ruleArb), unsigned: fc.boolean() })
    fc.assert(
      fc.property(policyArb, fc.integer({ min: 1, max: 2 ** 40 }), (policy, version) => {
        const found = read({ ...policy, version })
        expect(found).toEqual({ ...policy, version })
        const parsed = parseControl(encodeControl({ kind: 'policy', ...found, version }))
        expect(parsed).toEqual({ type: 'control', control: { kind: 'policy', ...policy, version } })
        expect(isSameContent(policy, { ...found, admins: [...found.admins].reverse() })).toBe(true)
        expect(isSameContent(policy, { ...found, unsigned: !found.unsigned })).toBe(false)
        expect(isSameContent(policy, { ...found, admins: [...found.admins, 'x'] })).toBe(false)
      }),
      seeded(seed, 200),
    )
  })
})

describe('refused, with the place, is', () => {
  const rule = (change: object) => ({ admins: [ADA], rules: [RULE, { ...RULE, ...change }] })
  const cases: readonly [unknown, RegExp][] = [
    ['{\n  "admins": [,]\n}', /not valid JSON: .*\(line 2, character 14\)/],
    ['', /not valid JSON: the text ends .*\(line 1, character 1\)/],
    ['[]', /should be an object, not an array/],
    [{ rules: [] }, /^admins: it is missing/],
    [{ admins: [] }, /^admins: there has to be one, or nobody could ever/],
    [{ admins: '*' }, /^admins: it should be an array of keys, not "\*"/],
    [{ admins: [ADA, ADA] }, /^admins: ed25519:\w+ stands there twice/],
    [{ admins: [ADA, 'me'] }, /^admins, number 2: "me" is not the name of a signer; write ed25519: and 64/],
    [{ admins: [`0x${BEN.slice(7).toUpperCase()}`] }, new RegExp(`number 1: .*; write ${BEN}`)],
    [{ admins: [1] }, /^admins, number 1: it should be a string, not a number/],
    [{ admins: [ADA], rule: [] }, /^rule is unknown \(did you mean rules\?\)/],
    [{ admins: [ADA], 'a "b': 1 }, /^"a \\"b" is unknown \(it has admins, rules, unsigned, version\)/],
    [{ admins: [ADA], unsigned: 'no' }, /^unsigned: it should be true or false, not a string/],
    [{ admins: [ADA], unsigned: null }, /^unsigned: it should be true or false, not null/],
    [{ admins: [ADA], rules: null }, /^rules: it should be an array of rules, not null/],
    [{ admins: [ADA], version: null }, /^version: /],
    [{ admins: [ADA], version: 0 }, /^version: it should be a whole number from 1/],
    [{ admins: [ADA], version: 1.5 }, /^version:/],
    [{ admins: [ADA], version: '1' }, /^version:/],
    ['{"admins":["x"],"version":9007199254740993}', /^version:|^admins/],
    [{ admins: [ADA], rules: {} }, /^rules: it should be an array of rules, not an object/],
    [{ admins: [ADA], rules: ['*'] }, /^rule 1: it should be an object, not a string/],
    [rule({ operation: [] }), /^rule 2: operation is unknown \(did you mean operations\?\)/],
    [rule({ columns: undefined }), /^rule 2: columns is missing; name them, or write "\*"/],
    [rule({ operations: undefined }), /^rule 2: operations is missing; name some of upsert/],
    [rule({ operations: '*' }), /^rule 2, operations: it should be an array of upsert, update, delete, not/],
    [rule({ operations: ['insert'] }), /^rule 2, operations, number 1: "insert" is none of upsert/],
    [rule({ datasets: 'tracks' }), /^rule 2, datasets: it should be an array of names or "\*", not "tracks"/],
    [rule({ datasets: ['*'] }), /^rule 2, datasets, number 1: "\*" stands alone/],
    [rule({ columns: ['a b'] }), /^rule 2, columns, number 1: "a b" can be no name/],
    [rule({ signers: [`${ADA}0`] }), /^rule 2, signers, number 1: .* is not the name of a signer/],
  ]

  it.each(cases)('%j', (value, message) => {
    expect(faultsOf(value)).toEqual(expect.arrayContaining([expect.stringMatching(message)]))
  })

  it('all that is wrong at once', () => {
    expect(faultsOf({ admins: [], rules: [{}], unsigned: 1, more: 2 })).toHaveLength(7)
  })
})

describe('warned of is', () => {
  const warningsOf = (more: object, signer: string | null = ADA) =>
    policyWarnings(read({ admins: [ADA, BEN], ...more }), CATALOGUE, signer)
  const ofRule = (change: object) => warningsOf({ rules: [{ ...RULE, ...change }] })

  it('nothing in a sound one', () => {
    expect(ofRule({})).toEqual([])
    expect(warningsOf({}, null)).toEqual([])
  })

  it('who can never sign, and who signs no more', () => {
    expect(warningsOf({ admins: [ADA, NOBODY] })).toEqual([
      expect.stringMatching(/0 is no Ed25519 key.*; nobody/),
    ])
    expect(warningsOf({ admins: [BEN] })).toEqual([
      expect.stringMatching(/who signs this, is not among them/),
    ])
    expect(ofRule({ signers: [NOBODY] })).toEqual([expect.stringMatching(/^rule 1: ed25519:0.*nobody can/)])
    expect(refuseAdmins(read({ admins: [NOBODY] }))).toMatch(/nobody can sign as an admin/)
    expect(refuseAdmins(read({ admins: [NOBODY, ADA] }))).toBeNull()
  })

  it('unsigned messages, and a rule for an admin', () => {
    expect(warningsOf({ unsigned: true })).toEqual([expect.stringMatching(/may write anything/)])
    expect(ofRule({ signers: [BEN] })).toEqual([
      expect.stringMatching(/is an admin, who may write everything/),
    ])
  })

  it.each([
    [{ signers: [] }, /^rule 1: it can do nothing: it names no signers/],
    [{ operations: [] }, /it names no operations/],
    [{ datasets: [] }, /it names no datasets/],
    [{ operations: ['update'], columns: [] }, /it can do nothing: an update sets columns, and it names none/],
    [{ operations: ['update'], columns: ['id'] }, /it can do nothing: .* only columns of keys/],
  ])('a rule that can do nothing: %j', (change, message) => {
    expect(ofRule(change)[0]).toMatch(message)
  })

  it('names that are not defined, with those that are near', () => {
    expect(ofRule({ datasets: ['trakcs', 'tracks'] })).toEqual([
      'rule 1: no dataset trakcs is defined (did you mean tracks?)',
    ])
    expect(ofRule({ columns: ['titel'] })).toEqual([
      'rule 1: no column titel of tracks is defined (did you mean title?)',
    ])
    expect(ofRule({ datasets: '*', columns: ['title', 'nowhere'] })).toEqual([
      'rule 1: no column nowhere of any dataset is defined',
    ])
    expect(ofRule({ columns: ['id', 'title'] })).toEqual([
      expect.stringMatching(/id is a column of tracks's key/),
    ])
    // Of a dataset that is to come nobody knows the columns.
    expect(ofRule({ datasets: ['later'], columns: ['whatever'] })).toEqual([
      'rule 1: no dataset later is defined',
    ])
  })

  it('nothing of a rule for deletes or bare rows', () => {
    expect(ofRule({ operations: ['delete'], columns: [] })).toEqual([])
    expect(ofRule({ operations: ['upsert', 'update'], columns: [] })).toEqual([])
  })
})
