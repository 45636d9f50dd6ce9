// The short way held against the judge, record by record: what it takes is what the judge merges, with the same result.

import assert from 'node:assert/strict'
import type { Catalogue } from '../../src/codec/catalogue.ts'
import { DirectReader } from '../../src/codec/direct.ts'
import { DEFINITIONS, type LogRecord, type RecordCursor } from '../../src/codec/record.ts'
import { createOpenJudge } from '../../src/codec/verdict.ts'
import { createFold, foldMutation } from '../../src/crdt/fold.ts'
import { createPackedFold, unpackFold } from '../../src/crdt/packed/fold.ts'
import { stampToOrigin, wordsToStamp } from '../../src/crdt/stamp.ts'

export interface DirectOptions {
  readonly catalogue: Catalogue
  readonly logId: string
  readonly maxClockAheadMs: bigint
}

/** Looks at records one after the other, as a node does; throws where the two ways differ. True: taken the short way. */
export function createDirectCheck({ catalogue, ...genesis }: DirectOptions): (record: LogRecord) => boolean {
  const direct = new DirectReader(catalogue, genesis.maxClockAheadMs)
  const judge = createOpenJudge(genesis)
  const packed = createPackedFold({ first: 1, second: 2 })
  return (record) => {
    const { value, stampedByLog, headers } = record
    const isPlain = value !== null && stampedByLog && headers.length === 0
    if (!isPlain || record.partition === DEFINITIONS) return false
    const plan = direct.read(surround(record, value))
    if (plan === null) return false
    const verdict = judge(record, catalogue)
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
    return true
  }
}

/** The record within bytes of others, where reading on by mistake finds something. */
function surround(record: LogRecord, value: Buffer): RecordCursor {
  return {
    next: () => false,
    isPlain: true,
    bytes: Buffer.concat([value, value, value]),
    start: value.length,
    end: 2 * value.length,
    appendMs: record.appendMs,
    record: () => record,
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
