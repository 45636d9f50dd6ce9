// Control records: round trips, strictness, and the schema beside the code (the vectors hold one against the other in Python).

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Control, encodeControl, type Genesis, parseControl } from '../../src/codec/control.ts'
import { canonicalJson } from '../../src/codec/json.ts'
import { isSignerKey } from '../../src/codec/signing/signer-key.ts'
import { jsonArb, nameArb } from '../support/arbitrary.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/codec/control.test.ts')

const integerArb = fc.oneof(
  fc.integer({ min: 1, max: 5 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
)
const keyArb = fc.oneof(
  fc.stringMatching(/^[0-9a-f]{64}$/).map((digits) => `ed25519:${digits}`),
  fc.stringMatching(/^[0-9a-f]{40}$/).map((digits) => `eip191:${digits}`),
)
const keysArb = fc.uniqueArray(keyArb, { maxLength: 3 })
const namesArb = fc.oneof(fc.constant('*' as const), fc.array(nameArb, { maxLength: 3 }))
const operationArb = fc.constantFrom('upsert' as const, 'update' as const, 'delete' as const)
const controlArb: fc.Arbitrary<Control> = fc.oneof(
  fc.record({
    kind: fc.constant('genesis' as const),
    admins: keysArb,
    copyId: fc.uuid(),
    generation: integerArb,
    logId: fc.uuid(),
    maxClockAhead: fc.integer({ min: 1, max: 86_400_000 }),
    partition: fc.integer({ min: -1, max: 10_000 }),
    partitions: fc.integer({ min: 1, max: 10_000 }),
    rules: integerArb,
  }),
  fc.record({
    kind: fc.constant('dataset' as const),
    schema: fc
      .dictionary(fc.string(), jsonArb, { maxKeys: 3 })
      .map((members) => new Map(Object.entries(members))),
  }),
  fc.record({
    kind: fc.constant('policy' as const),
    admins: keysArb,
    rules: fc.array(
      fc.record({
        columns: namesArb,
        datasets: namesArb,
        operations: fc.array(operationArb),
        signers: fc.oneof(fc.constant('*' as const), fc.array(keyArb)),
      }),
      { maxLength: 2 },
    ),
    unsigned: fc.boolean(),
    version: integerArb,
  }),
  fc.record({ kind: fc.constant('close' as const), generation: integerArb }),
)
const genesis: Genesis = {
  kind: 'genesis',
  admins: [],
  copyId: '00000000-0000-0000-0000-000000000001',
  generation: 1,
  logId: '00000000-0000-0000-0000-000000000002',
  maxClockAhead: 60_000,
  partition: 0,
  partitions: 1,
  rules: 1,
}

/** Has canonical numbers and names without NUL, so that its text reads back as it is. */
function isCanonical(control: Control): boolean {
  if (control.kind !== 'dataset') return true
  const canonical = canonicalJson(control.schema)
  return (
    canonical.type === 'canonical' && !/\d\.?\d*[eE]|\.\d*0\b|-0/.test(JSON.stringify([...control.schema]))
  )
}

describe('control records', () => {
  it('come back as they were, from canonical bytes', () => {
    fc.assert(
      fc.property(controlArb, (control) => {
        fc.pre(isCanonical(control))
        const bytes = encodeControl(control)
        const parsed = parseControl(bytes)
        expect(parsed.type).toBe('control')
        if (parsed.type === 'control') expect(encodeControl(parsed.control)).toEqual(bytes)
        if (parsed.type === 'control' && control.kind !== 'dataset') {
          // fast-check makes records without a prototype.
          expect(parsed.control).toEqual(structuredClone(control))
        }
      }),
      seeded(seed, 1_000),
    )
  })

  it('are quarantined, never thrown, whatever the bytes', () => {
    fc.assert(
      fc.property(controlArb, fc.nat(), fc.nat({ max: 255 }), (control, place, byte) => {
        fc.pre(isCanonical(control))
        const bytes = encodeControl(control)
        bytes[place % bytes.length] = byte
        const parsed = parseControl(bytes)
        if (parsed.type === 'control') expect(encodeControl(parsed.control)).toEqual(bytes)
        else expect(parsed.reason).toBe('bad-control')
      }),
      seeded(seed, 3_000),
    )
    expect(parseControl(Buffer.from(`{"kind":"dataset","schema":${'{"a":'.repeat(100_000)}`))).toMatchObject({
      type: 'quarantined',
    })
  })

  it('cannot be written wrong', () => {
    expect(() => encodeControl({ ...genesis, maxClockAhead: 0 })).toThrow(
      /maxClockAhead should be an integer from 1/,
    )
    expect(() => encodeControl({ ...genesis, admins: ['x'] })).toThrow(/admins should be/)
    expect(() => encodeControl({ ...genesis, generation: 2 ** 53 })).toThrow(/generation/)
  })

  it('say what is wrong with them', () => {
    const detail = (text: string) => {
      const parsed = parseControl(Buffer.from(text))
      return parsed.type === 'quarantined' ? parsed.detail : null
    }
    expect(detail('{"generation":1,"kind":"close","x":1}')).toBe('x is unknown')
    expect(detail('{"kind":"close"}')).toBe('generation is missing')
    expect(detail('{"kind":"close","generation":1}')).toBe('it is not canonical JSON')
    expect(detail('{"generation":1,"kind":"toString"}')).toBe('its kind is unknown')
  })

  it('have the members that control.json requires of them', () => {
    const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../schemas/control.json'), 'utf8'))
    const policy: Control = { kind: 'policy', admins: [], rules: [], unsigned: true, version: 1 }
    const all: readonly Control[] = [
      genesis,
      policy,
      { kind: 'dataset', schema: new Map() },
      { kind: 'close', generation: 1 },
    ]
    for (const control of all) {
      expect([...schema.$defs[control.kind].required].sort()).toEqual(Object.keys(control).sort())
      expect(Object.keys(schema.$defs[control.kind].properties).sort()).toEqual(Object.keys(control).sort())
    }
  })

  it('know a signer’s key', () => {
    expect(isSignerKey(`ed25519:${'a'.repeat(64)}`)).toBe(true)
    expect(isSignerKey(`eip191:${'0'.repeat(40)}`)).toBe(true)
    for (const key of [
      '',
      'ed25519:',
      `ed25519:${'A'.repeat(64)}`,
      `eip191:${'0'.repeat(41)}`,
      `eip191:${'0'.repeat(40)}\n`,
    ]) {
      expect(isSignerKey(key)).toBe(false)
    }
  })
})
