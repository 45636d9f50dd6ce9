// The short way held against the judge, record by record: what it takes is what the judge merges, with the same result.

import assert from 'node:assert/strict'
import type { Catalogue } from '../../src/codec/catalogue.ts'
import { DirectReader } from '../../src/codec/direct.ts'
import { OPEN, type Standing } from '../../src/codec/policy/standing.ts'
import { DEFINITIONS, type LogRecord, type RecordCursor } from '../../src/codec/record.ts'
import { type Proof, UNSIGNED } from '../../src/codec/signing/proof.ts'
import { createJudge } from '../../src/codec/verdict.ts'
import { createFold, foldMutation } from '../../src/crdt/fold.ts'
import { createPackedFold, unpackFold } from '../../src/crdt/packed/fold.ts'
import { stampToOrigin, wordsToStamp } from '../../src/crdt/stamp.ts'
import { listRecords } from '../../src/log/records.ts'
import { createGate } from '../../src/node/gate.ts'
import { createProofs, type Proofs } from '../../src/proofs/proofs.ts'

export interface DirectOptions {
  readonly catalogue: Catalogue
  readonly logId: string
  readonly maxClockAheadMs: bigint
}

/** What stands before a record, and what its signature proves; of an open log unless said. */
export interface Place {
  readonly standing: Standing
  readonly proof: Proof
}

const NOWHERE: Place = { standing: OPEN, proof: UNSIGNED }

/** Looks at records one after the other, as a node does; throws where the two ways differ. True: taken the short way. */
export function createDirectCheck({
  catalogue,
  ...genesis
}: DirectOptions): (record: LogRecord, place?: Place) => boolean {
  const direct = new DirectReader(catalogue, genesis.maxClockAheadMs)
  const judge = createJudge({ generation: 1, ...genesis })
  const packed = createPackedFold({ first: 1, second: 2 })
  return (record, { standing, proof } = NOWHERE) => {
    if (record.partition === DEFINITIONS) return false
    const gate = createGate(standing, proofsOf(proof))
    const cursor = surround(record)
    const right = gate.rightOf(cursor, 0)
    const plan = right === null ? null : direct.read(cursor)
    if (right === null || plan === null || (right !== 'free' && !direct.isCovered(right, plan))) return false
    const verdict = judge(record, catalogue, standing, proof)
    assert.equal(verdict.type, 'merge', 'the short way takes what the judge does not merge')
    if (verdict.type !== 'merge') return false
    const { mutation } = verdict
    packed.reset(Number.POSITIVE_INFINITY)
    packed.tableOf(plan.shape).merge(direct.message)
    const fold = createFold()
    foldMutation(fold, mutation)
    assert.deepEqual(rowsOf(unpackFold(packed)), rowsOf(fold))
    assert.equal(wordsToStamp(direct.message.stamp), mutation.stamp)
    const seq = direct.seqHigh < 0 ? null : (BigInt(direct.seqHigh) << 32n) | BigInt(direct.seqLow >>> 0)
    assert.equal(seq, mutation.seq)
    assert.equal(stampToOrigin(wordsToStamp(direct.message.stamp)), stampToOrigin(mutation.stamp))
    if (standing.type === 'guarded') assert.equal(gate.signerOf(0), verdict.signer)
    return true
  }
}

function proofsOf(proof: Proof): Proofs {
  const proofs = createProofs(1)
  if (proof.type === 'signed') proofs.signed(0, proof.signer)
  if (proof.type === 'bad') proofs.bad(0, proof.detail)
  return proofs
}

/** A cursor at the record within bytes of others, where reading on by mistake finds something. */
function surround(record: LogRecord): RecordCursor {
  const cursor = listRecords([record]).cursor()
  cursor.next()
  const value = record.value ?? Buffer.alloc(0)
  return {
    ...cursor,
    bytes: Buffer.concat([value, value, value]),
    start: value.length,
    end: 2 * value.length,
  }
}

function rowsOf(fold: ReturnType<typeof unpackFold>): unknown {
  return [...fold].map(([dataset, rowsByKey]) => [
    dataset,
    [...rowsByKey.values()].map((row) => ({
      ...row,
      cells: [...row.cells].sort(([a], [b]) => (a < b ? -1 : 1)),
    })),
  ])
}
