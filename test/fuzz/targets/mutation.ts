// The value of a record: framing, strict Avro, and the verdict on it.

import assert from 'node:assert/strict'
import { encodeMutation } from '../../../src/codec/avro-encode.ts'
import { stateLines } from '../../../src/codec/dump.ts'
import { findAvro, frameSingleObject } from '../../../src/codec/framing.ts'
import { parseJson } from '../../../src/codec/json.ts'
import { explainReason } from '../../../src/codec/reasons.ts'
import { DEFINITIONS } from '../../../src/codec/record.ts'
import { createOpenJudge } from '../../../src/codec/verdict.ts'
import { createFold, foldMutation } from '../../../src/crdt/fold.ts'
import { below, one } from '../../sim/world.ts'
import { createDirectCheck } from '../../support/direct.ts'
import { CATALOGUE, LOG_ID, MAX_CLOCK_AHEAD_MS, MUTATION_VALUES, recordOf, VALUES } from '../corpus.ts'
import { mutateBytes, randomBytes } from '../mutate.ts'
import { checkEqual, checkWords } from '../rules.ts'
import type { Input, Target } from '../target.ts'

const genesis = { logId: LOG_ID, maxClockAheadMs: MAX_CLOCK_AHEAD_MS }
/** Used again and again, as a node does: nothing of one record may show in the verdict on another. */
const judge = createOpenJudge(genesis)
const checkDirect = createDirectCheck({ catalogue: CATALOGUE, ...genesis })

export const mutation: Target = {
  name: 'mutation',
  make(random) {
    if (random() < 0.05) return randomBytes(random, below(random, 80))
    return mutateBytes(random, one(random, random() < 0.9 ? MUTATION_VALUES : VALUES), VALUES)
  },
  check(input) {
    const value = input as Buffer
    const before = Buffer.from(value)
    const verdict = judge(recordOf(value), CATALOGUE)
    checkDirect(recordOf(value))
    checkEqual(createOpenJudge(genesis)(recordOf(value), CATALOGUE), verdict, 'two verdicts on one record')
    assert.ok(before.equals(value), 'the bytes were changed')
    if (verdict.type === 'control') return
    if (verdict.type !== 'merge') {
      checkWords(verdict.detail)
      assert.ok(explainReason(verdict.reason) !== null)
    }
    if (verdict.type === 'quarantined') return
    // Whatever the writer's order and blocks were, the canonical bytes say the same, and get the same verdict.
    const avro = encodeMutation(verdict.mutation)
    const again = judge(recordOf(frameSingleObject(avro)), CATALOGUE)
    // Of several faults the first counts, and canonical bytes have their columns in another order.
    assert.ok(again.type === verdict.type, 'the verdict on the canonical bytes')
    checkEqual(again.mutation, verdict.mutation, 'the mutation in the canonical bytes')
    const isDirect = checkDirect(recordOf(frameSingleObject(avro)))
    assert.equal(isDirect, verdict.type === 'merge', 'canonical bytes that merge go the short way')
    assert.ok(encodeMutation(again.mutation).equals(avro), 'canonical bytes twice')
    if (verdict.type === 'merge') checkPrinted(verdict.mutation)
    else assert.equal(judge(recordOf(value, { partition: DEFINITIONS }), CATALOGUE).type, 'quarantined')
  },
}

function checkPrinted(merged: Parameters<typeof foldMutation>[1]): void {
  const fold = createFold()
  foldMutation(fold, merged)
  foldMutation(fold, merged)
  for (const line of stateLines(CATALOGUE, fold)) {
    assert.equal(parseJson(line.trimEnd(), 70).type, 'parsed', line)
    assert.ok(line.indexOf('\n') === line.length - 1, 'a line of the dump is one line')
  }
}

/** Where the Avro bytes begin is within the value, whatever it holds. */
export const framing: Target = {
  name: 'framing',
  make: (random) => mutateBytes(random, one(random, VALUES).subarray(0, 14), VALUES),
  check(input: Input) {
    const value = input as Buffer
    const start = findAvro(value)
    if (typeof start === 'number') assert.ok(start <= value.length)
    else assert.ok(explainReason(start) !== null)
  },
}
