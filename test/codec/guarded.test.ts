// Everything that may go wrong with signatures and policies, judged by place: each its verdict, in a partition and in the definitions.

import { expect, it } from 'vitest'
import { judgeDefinitions, nothingDefined } from '../../src/codec/definitions.ts'
import { initialStanding, type Standing } from '../../src/codec/policy/standing.ts'
import type { LogRecord } from '../../src/codec/record.ts'
import { createRecordProver } from '../../src/codec/signing/proof.ts'
import { createJudge } from '../../src/codec/verdict.ts'
import type { NewRecord } from '../../src/log/log.ts'
import { ADMINS, guardedDefinitions, guardedPartition } from '../support/guarded-world.ts'

const LOG_ID = '00112233-4455-6677-8899-aabbccddeeff'
const APPEND_MS = 1_800_000_000_000n

function toRecord({ partition, key, value, headers = [] }: NewRecord, i: number): LogRecord {
  return {
    partition: partition!,
    offset: BigInt(i + 1),
    appendMs: APPEND_MS,
    stampedByLog: true,
    key,
    value,
    headers,
  }
}

const rules = { logId: LOG_ID, generation: 1 }
const definitions = guardedDefinitions(LOG_ID)
const judged = judgeDefinitions(
  nothingDefined(ADMINS),
  definitions.map(({ record }, i) => toRecord(record, i)),
  100n,
  rules,
)

it('definitions: those of admins are taken, others refused', () => {
  const reasonByOffset = new Map(judged.refused.map(({ offset, reason }) => [offset, reason]))
  const found = definitions.map(({ name, expected }, i) => {
    const reason = reasonByOffset.get(BigInt(i + 1))
    return [name, reason ?? (expected === 'taken' ? 'taken' : 'control')]
  })
  expect(found).toEqual(definitions.map(({ name, expected }) => [name, expected]))
  expect([...judged.catalogue.datasets.keys()]).toEqual(['tracks', 'albums'])
})

it('a partition: each message by what stands before it', () => {
  const prove = createRecordProver(LOG_ID)
  const judge = createJudge({ ...rules, maxClockAheadMs: 60_000n })
  let standing: Standing = initialStanding(ADMINS)
  const items = guardedPartition(LOG_ID, 3)
  const found = items.map(({ name, record }, i) => {
    const asRecord = toRecord(record, i)
    const verdict = judge(asRecord, judged.catalogue, standing, prove(asRecord))
    if (verdict.type === 'control') standing = verdict.standing
    return [name, verdict.type === 'quarantined' ? verdict.reason : verdict.type]
  })
  expect(found).toEqual(items.map(({ name, expected }) => [name, expected]))
})
