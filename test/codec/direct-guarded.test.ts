// The short way of a guarded log against the judge: who may write what is answered alike by places of columns and by names.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { verdictVectors } from '../../scripts/golden/verdicts.ts'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import type { Catalogue } from '../../src/codec/catalogue.ts'
import type { PolicyRule } from '../../src/codec/control.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { permit } from '../../src/codec/policy/rights.ts'
import { type GuardedStanding, initialStanding, type Standing } from '../../src/codec/policy/standing.ts'
import type { Header, LogRecord } from '../../src/codec/record.ts'
import { SIGNATURE_HEADER } from '../../src/codec/signing/header.ts'
import { createRecordProver, type Proof, UNSIGNED } from '../../src/codec/signing/proof.ts'
import type { Signer, SignerKey } from '../../src/codec/signing/signer-key.ts'
import { createJudge } from '../../src/codec/verdict.ts'
import { CATALOGUE } from '../fuzz/corpus.ts'
import { mutateBytes } from '../fuzz/mutate.ts'
import { createRandom } from '../sim/world.ts'
import { catalogueArb, mutationArb, mutationInArb } from '../support/arbitrary.ts'
import { createDirectCheck, type Place } from '../support/direct.ts'
import { ADMINS, guardedCatalogue, guardedPartition } from '../support/guarded-world.ts'
import { announceSeed, seeded } from '../support/seed.ts'

const seed = announceSeed('test/codec/direct-guarded.test.ts')
const genesis = { logId: '00112233-4455-6677-8899-aabbccddeeff', maxClockAheadMs: 60_000n }
const LATE_MS = (1n << 63n) / 1_000_000n
const SIGNATURE: Header = { name: SIGNATURE_HEADER, value: Buffer.alloc(3) }
const SIGNERS: readonly SignerKey[] = ['a', 'b', 'c'].map((digit) => `ed25519:${digit.repeat(64)}`)

function recordOf(value: Buffer, headers: readonly Header[]): LogRecord {
  return { partition: 0, offset: 1n, appendMs: LATE_MS, stampedByLog: true, key: null, value, headers }
}

/** Rules about names of the catalogue and others, so that most decide something. */
function standingArb({ datasets }: Catalogue): fc.Arbitrary<GuardedStanding> {
  const columns = [...new Set([...datasets.values()].flatMap((one) => [...one.columns.keys()])), 'other']
  const some = <T>(items: readonly T[]) =>
    fc.oneof(fc.constant('*' as const), fc.subarray([...items], { minLength: 0 }))
  const rule: fc.Arbitrary<PolicyRule> = fc.record({
    columns: some(columns),
    datasets: some([...datasets.keys(), 'other']),
    operations: fc.subarray(['upsert', 'update', 'delete'] as const),
    signers: some(SIGNERS.slice(0, 2)),
  })
  return fc.record({
    type: fc.constant('guarded' as const),
    version: fc.nat(3),
    admins: fc.constantFrom([SIGNERS[2]!], ['eip191:'.padEnd(47, '0')]),
    rules: fc.array(rule, { maxLength: 4 }),
    unsigned: fc.nat(3).map((dice) => dice === 0),
    isClosed: fc.nat(9).map((dice) => dice === 0),
  })
}

const signerArb: fc.Arbitrary<Signer> = fc.constantFrom(null, ...SIGNERS)
const proofOf = (signer: Signer): Proof => (signer === null ? UNSIGNED : { type: 'signed', signer })
const headersOf = (signer: Signer): readonly Header[] => (signer === null ? [] : [SIGNATURE])

const worldArb = catalogueArb.chain((catalogue) =>
  fc.record({
    catalogue: fc.constant(catalogue),
    mutation: mutationInArb(catalogue),
    standings: fc.array(standingArb(catalogue), { minLength: 1, maxLength: 4 }),
    signers: fc.array(signerArb, { minLength: 1, maxLength: 4 }),
  }),
)

describe('the short way of a guarded log', () => {
  it('takes what canonical writers with the right have written, and nothing of others', () => {
    const seen = { taken: 0, left: 0 }
    fc.assert(
      fc.property(worldArb, ({ catalogue, mutation, standings, signers }) => {
        const check = createDirectCheck({ catalogue, ...genesis })
        const value = frameSingleObject(encodeMutation(mutation))
        const { operation, dataset, columns } = mutation
        for (const standing of standings) {
          for (const signer of signers) {
            const permission = permit(standing, signer, { operation, dataset, columns: columns.keys() })
            const isTaken = check(recordOf(value, headersOf(signer)), { standing, proof: proofOf(signer) })
            expect(isTaken).toBe(permission.type === 'allowed' && !standing.isClosed)
            seen[isTaken ? 'taken' : 'left']++
          }
        }
      }),
      seeded(seed, 300),
    )
    expect(Math.min(seen.taken, seen.left)).toBeGreaterThan(50)
  })

  it('leaves what has a bad signature, or other headers, to the judge', () => {
    fc.assert(
      fc.property(worldArb, ({ catalogue, mutation, standings: [standing] }) => {
        const check = createDirectCheck({ catalogue, ...genesis })
        const value = frameSingleObject(encodeMutation(mutation))
        const open: GuardedStanding = { ...standing!, unsigned: true, isClosed: false }
        const bad: Place = { standing: open, proof: { type: 'bad', detail: 'forged' } }
        expect(check(recordOf(value, [SIGNATURE]), bad)).toBe(false)
        const both = [SIGNATURE, { name: 'trace', value: Buffer.alloc(1) }]
        expect(check(recordOf(value, both), { standing: open, proof: proofOf(SIGNERS[0]!) })).toBe(false)
        expect(check(recordOf(value, [SIGNATURE]), { standing: open, proof: proofOf(SIGNERS[0]!) })).toBe(
          true,
        )
        // In an open log a signature decides nothing, and does not slow down.
        expect(check(recordOf(value, [SIGNATURE]))).toBe(true)
      }),
      seeded(seed, 100),
    )
  })

  it('takes nothing that the judge does not merge, whatever is done to the bytes', () => {
    const random = createRandom(seed)
    const corpus: Buffer[] = []
    let taken = 0
    fc.assert(
      fc.property(worldArb, mutationArb, fc.nat(), (world, any, choice) => {
        const check = createDirectCheck({ catalogue: world.catalogue, ...genesis })
        const value = frameSingleObject(encodeMutation(choice % 4 === 0 ? any : world.mutation))
        corpus.push(value)
        for (const standing of world.standings) {
          for (const signer of world.signers) {
            for (let i = 0; i < 6; i++) {
              const record = recordOf(mutateBytes(random, value, corpus), headersOf(signer))
              if (check(record, { standing, proof: proofOf(signer) })) taken++
            }
          }
        }
      }),
      seeded(seed, 400),
    )
    expect(taken).toBeGreaterThan(30)
  })

  it('judges the golden vectors alike under any standing, and takes most of what merges', () => {
    const { genesis: ofVectors, cases } = verdictVectors()
    const { logId, maxClockAhead } = ofVectors
    const check = createDirectCheck({ catalogue: CATALOGUE, logId, maxClockAheadMs: BigInt(maxClockAhead) })
    const records = cases.map((item): LogRecord => {
      const headers = item.headers.map(([name, value]) => ({
        name: name!,
        value: Buffer.from(value!, 'hex'),
      }))
      const value = item.value === null ? null : Buffer.from(item.value, 'hex')
      const { partition, stampedByLog } = item
      const place = { partition, offset: BigInt(item.offset), appendMs: BigInt(item.appendMs), stampedByLog }
      return { ...place, key: null, value, headers }
    })
    fc.assert(
      fc.property(standingArb(CATALOGUE), signerArb, (standing, signer) => {
        const proofs = ({ headers }: LogRecord): Proof =>
          headers.some(({ name }) => name === SIGNATURE_HEADER) ? proofOf(signer) : UNSIGNED
        for (const record of records) check(record, { standing, proof: proofs(record) })
      }),
      seeded(seed, 50),
    )
    const everybody: Standing = { ...(initialStanding(ADMINS) as GuardedStanding), unsigned: true }
    const taken = records.filter((record) => check(record, { standing: everybody, proof: UNSIGNED }))
    const merged = cases.filter(({ verdict }) => verdict === 'merge')
    expect(taken.length).toBeGreaterThan(merged.length / 2)
  })

  it('takes every mutation that merges of a log in which everything goes wrong', () => {
    const { logId } = genesis
    const catalogue = guardedCatalogue(logId)
    const check = createDirectCheck({ catalogue, ...genesis })
    const judge = createJudge({ generation: 1, ...genesis })
    const prove = createRecordProver(logId)
    let standing: Standing = initialStanding(ADMINS)
    for (const { name, record, expected } of guardedPartition(logId, 0)) {
      const asRecord = { ...recordOf(record.value, record.headers ?? []) }
      const proof = prove(asRecord)
      expect([name, check(asRecord, { standing, proof })]).toEqual([name, expected === 'merge'])
      const verdict = judge(asRecord, catalogue, standing, proof)
      if (verdict.type === 'control') standing = verdict.standing
    }
    expect(standing).toMatchObject({ version: 3, isClosed: true })
  })
})
