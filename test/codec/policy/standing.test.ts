// Standings and the judge: random histories against a model that keeps lists, and what must hold whatever the history is.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeMutation } from '../../../src/codec/avro-encode.ts'
import { EMPTY_CATALOGUE } from '../../../src/codec/catalogue.ts'
import { type Control, encodeControl, type PolicyRule } from '../../../src/codec/control.ts'
import { frameSingleObject } from '../../../src/codec/framing.ts'
import { initialStanding, OPEN, type Standing } from '../../../src/codec/policy/standing.ts'
import { DEFINITIONS, type LogRecord } from '../../../src/codec/record.ts'
import type { Proof } from '../../../src/codec/signing/proof.ts'
import type { SignerKey } from '../../../src/codec/signing/signer-key.ts'
import { createJudge, createOpenJudge, type Verdict } from '../../../src/codec/verdict.ts'
import { createStamp, type Origin } from '../../../src/crdt/stamp.ts'
import { announceSeed, seeded } from '../../support/seed.ts'

const seed = announceSeed('test/codec/policy/standing.test.ts')
const LOG_ID = '00112233-4455-6677-8899-aabbccddeeff'
const GENERATION = 2
const KEYS: readonly SignerKey[] = ['a', 'b', 'c', 'd'].map((digit) => `ed25519:${digit.repeat(64)}`)
const judge = createJudge({ logId: LOG_ID, generation: GENERATION, maxClockAheadMs: 60_000n })
const judgeOpen = createOpenJudge({ logId: LOG_ID, maxClockAheadMs: 60_000n })

/** One record of a history. A policy names its version by what the last valid one was: mostly one above. */
type Step =
  | { readonly type: 'write'; readonly dataset: string; readonly proof: Proof }
  | {
      readonly type: 'policy'
      readonly above: number
      readonly admins: readonly SignerKey[]
      readonly rules: readonly PolicyRule[]
      readonly unsigned: boolean
      readonly proof: Proof
    }
  | { readonly type: 'close'; readonly generation: number; readonly proof: Proof }
  | { readonly type: 'dataset'; readonly proof: Proof }

const keyArb = fc.constantFrom(...KEYS)
const keysArb = fc.uniqueArray(keyArb, { minLength: 1, maxLength: 3 })
const proofArb: fc.Arbitrary<Proof> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Proof>({ type: 'unsigned' }) },
  { weight: 6, arbitrary: keyArb.map((signer): Proof => ({ type: 'signed', signer })) },
  { weight: 1, arbitrary: fc.constant<Proof>({ type: 'bad', detail: 'it is not of this message' }) },
)
const ruleArb: fc.Arbitrary<PolicyRule> = fc.record({
  columns: fc.constant('*' as const),
  datasets: fc.oneof(fc.constant('*' as const), fc.constant(['first'])),
  operations: fc.constant(['upsert' as const]),
  signers: fc.oneof(fc.constant('*' as const), keysArb),
})
const stepArb: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('write' as const),
      dataset: fc.constantFrom('first', 'second'),
      proof: proofArb,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('policy' as const),
      above: fc.constantFrom(1, 1, 1, 1, 0, 2, -1),
      admins: fc.oneof(keysArb, keysArb, keysArb, fc.constant([])),
      rules: fc.array(ruleArb, { maxLength: 2 }),
      unsigned: fc.constantFrom(false, false, true),
      proof: proofArb,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('close' as const),
      generation: fc.constantFrom(1, GENERATION, GENERATION, 3),
      proof: proofArb,
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('dataset' as const), proof: proofArb }) },
)
const historyArb = fc.record({ admins: keysArb, steps: fc.array(stepArb, { maxLength: 40 }) })

function encodeStep(step: Step, version: number): Buffer {
  if (step.type === 'write') {
    const mutation = {
      stamp: createStamp(1_700_000_000_000_000_000n, '0123456789abcdef' as Origin),
      seq: null,
      operation: 'upsert' as const,
      dataset: step.dataset,
      key: ['k'],
      columns: new Map([['name', 'v']]),
    }
    return frameSingleObject(encodeMutation(mutation))
  }
  return encodeControl(controlOf(step, version))
}

function controlOf(step: Exclude<Step, { type: 'write' }>, version: number): Control {
  switch (step.type) {
    case 'policy': {
      const { admins, rules, unsigned, above } = step
      return { kind: 'policy', admins, rules, unsigned, version: Math.max(1, version + above) }
    }
    case 'close':
      return { kind: 'close', generation: step.generation }
    case 'dataset':
      return { kind: 'dataset', schema: new Map() }
  }
}

function recordOf(step: Step, version: number, offset: number): LogRecord {
  return {
    // Data and definitions are judged alike, but each kind of record has its place.
    partition: step.type === 'dataset' ? DEFINITIONS : 0,
    offset: BigInt(offset),
    appendMs: 1_800_000_000_000n,
    stampedByLog: true,
    key: null,
    value: encodeStep(step, version),
    headers: [],
  }
}

interface Judged {
  readonly step: Step
  readonly record: LogRecord
  readonly before: Standing
  readonly verdict: Verdict
}

function judgeAll(admins: readonly SignerKey[], steps: readonly Step[]): readonly Judged[] {
  let standing = initialStanding(admins)
  return steps.map((step, i) => {
    const before = standing
    const record = recordOf(step, before.type === 'guarded' ? before.version : 0, i + 1)
    const verdict = judge(record, EMPTY_CATALOGUE, before, step.proof)
    if (verdict.type === 'control') standing = verdict.standing
    return { step, record, before, verdict }
  })
}

/** The policies that were valid so far, oldest first, and whether a close was: all that the model knows. */
interface Valid {
  readonly policies: (Step & { readonly type: 'policy' })[]
  isClosed: boolean
}

/** What the rules of the design say, from the list of what was valid before. */
function expected(admins: readonly SignerKey[], valid: Valid, step: Step): string {
  if (valid.isClosed) return 'closed'
  if (step.proof.type === 'bad') return 'bad-signature'
  const signer = step.proof.type === 'signed' ? step.proof.signer : null
  const last = valid.policies.at(-1)
  const isAdmin = signer !== null && (last?.admins ?? admins).includes(signer)
  if (step.type === 'write') {
    if (last?.unsigned === true) return 'parked'
    if (signer === null) return 'unsigned'
    const isNamed = last?.rules.some(
      ({ signers, datasets }) =>
        (signers === '*' || signers.includes(signer)) &&
        (datasets === '*' || datasets.includes(step.dataset)),
    )
    return isAdmin || isNamed === true ? 'parked' : 'not-allowed'
  }
  if (!isAdmin) return 'not-admin'
  if (step.type === 'policy') {
    const next = valid.policies.length + 1
    return Math.max(1, next - 1 + step.above) === next ? 'control' : 'wrong-version'
  }
  return step.type === 'close' && step.generation !== GENERATION ? 'wrong-generation' : 'control'
}

const resultOf = (verdict: Verdict) => (verdict.type === 'quarantined' ? verdict.reason : verdict.type)

describe('a guarded history', () => {
  it('is judged as the model judges it, and knows who wrote what', () => {
    const seen = new Map<string, number>()
    fc.assert(
      fc.property(historyArb, ({ admins, steps }) => {
        const valid: Valid = { policies: [], isClosed: false }
        for (const { step, verdict } of judgeAll(admins, steps)) {
          const result = expected(admins, valid, step)
          expect(resultOf(verdict)).toBe(result)
          seen.set(result, (seen.get(result) ?? 0) + 1)
          if (result === 'control' && step.type === 'policy') valid.policies.push(step)
          if (result === 'control' && step.type === 'close') valid.isClosed = true
          if (verdict.type === 'parked') {
            expect(verdict.signer).toBe(step.proof.type === 'signed' ? step.proof.signer : null)
          }
          if (verdict.type === 'control') {
            const last = valid.policies.at(-1)
            expect(verdict.standing).toEqual({
              type: 'guarded',
              version: valid.policies.length,
              admins: last?.admins ?? admins,
              rules: last?.rules ?? [],
              unsigned: last?.unsigned ?? false,
              isClosed: valid.isClosed,
            })
          }
        }
      }),
      seeded(seed, 500),
    )
    // Each way out of the judge was gone.
    for (const result of [
      'closed',
      'bad-signature',
      'unsigned',
      'not-allowed',
      'not-admin',
      'wrong-version',
      'wrong-generation',
      'parked',
      'control',
    ]) {
      expect([result, seen.get(result) ?? 0]).toEqual([result, expect.toSatisfy((count) => count > 0)])
    }
  })

  it('is judged alike record by record, in any order, once what stands before each is known', () => {
    fc.assert(
      fc.property(historyArb, fc.infiniteStream(fc.nat()), ({ admins, steps }, numbers) => {
        const judged = judgeAll(admins, steps)
        const shuffled = [...judged].map((item) => ({ item, at: numbers.next().value }))
        for (const { item } of shuffled.sort((a, b) => a.at - b.at)) {
          const { record, before, step, verdict } = item
          // As a store gives it back: equal, but no longer the same object.
          const read = JSON.parse(JSON.stringify(before)) as Standing
          expect(judge(record, EMPTY_CATALOGUE, read, step.proof)).toEqual(verdict)
        }
      }),
      seeded(seed, 200),
    )
  })

  it('decides nothing in an open log', () => {
    fc.assert(
      fc.property(historyArb, ({ steps }) => {
        for (const [i, step] of steps.entries()) {
          const record = recordOf(step, i % 3, i + 1)
          const verdict = judge(record, EMPTY_CATALOGUE, OPEN, step.proof)
          expect(verdict).toEqual(judgeOpen(record, EMPTY_CATALOGUE))
          expect(resultOf(verdict)).toBe(step.type === 'write' ? 'parked' : 'control')
          if (verdict.type === 'control') expect(verdict.standing).toBe(OPEN)
          if (verdict.type === 'parked') expect(verdict.signer).toBeNull()
        }
      }),
      seeded(seed, 200),
    )
    expect(initialStanding([])).toBe(OPEN)
  })
})

describe('a policy', () => {
  const [a, b] = KEYS as [SignerKey, SignerKey]
  const by = (signer: SignerKey): Proof => ({ type: 'signed', signer })
  const policy = (above: number, admins: readonly SignerKey[], signer: SignerKey): Step => ({
    type: 'policy',
    above,
    admins,
    rules: [],
    unsigned: false,
    proof: by(signer),
  })
  const results = (admins: readonly SignerKey[], steps: readonly Step[]) =>
    judgeAll(admins, steps).map(({ verdict }) => resultOf(verdict))

  it('that comes again is of a wrong version, and moves nothing', () => {
    expect(results([a], [policy(1, [a], a), policy(0, [b], a), policy(1, [a], a)])).toEqual([
      'control',
      'wrong-version',
      'control',
    ])
  })

  it('of two admins at once: the first one counts', () => {
    const steps = [policy(1, [a, b], a), policy(0, [b], b), policy(1, [a], a), policy(1, [a, b], b)]
    expect(results([a, b], steps)).toEqual(['control', 'wrong-version', 'control', 'not-admin'])
  })

  it('of somebody who was an admin before is refused', () => {
    expect(
      results([a], [policy(1, [b], a), policy(1, [a], a), policy(1, [a], b), policy(1, [a], a)]),
    ).toEqual(['control', 'not-admin', 'control', 'control'])
  })

  it('without admins is the last one, and what it allows stays allowed', () => {
    const rule: PolicyRule = { columns: '*', datasets: '*', operations: ['upsert'], signers: [b] }
    const last: Step = { ...(policy(1, [], a) as Step & { type: 'policy' }), rules: [rule] }
    const write = (signer: SignerKey): Step => ({ type: 'write', dataset: 'first', proof: by(signer) })
    expect(results([a], [last, policy(1, [a], a), write(b), write(a)])).toEqual([
      'control',
      'not-admin',
      'parked',
      'not-allowed',
    ])
  })
})
