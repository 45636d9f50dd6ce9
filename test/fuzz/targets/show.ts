// A message taken apart for people, whatever it is.

import assert from 'node:assert/strict'
import { describeMessage, messageToJson } from '../../../src/cli/message.ts'
import { readLine } from '../../../src/codec/line.ts'
import { createOpenJudge } from '../../../src/codec/verdict.ts'
import { one } from '../../sim/world.ts'
import { CATALOGUE, LOG_ID, MAX_CLOCK_AHEAD_MS, recordOf, VALUES } from '../corpus.ts'
import { mutateBytes } from '../mutate.ts'
import { checkWords } from '../rules.ts'
import type { Target } from '../target.ts'

const genesis = { logId: LOG_ID, maxClockAheadMs: MAX_CLOCK_AHEAD_MS }
const judge = createOpenJudge(genesis)

export const show: Target = {
  name: 'show',
  make: (random) => mutateBytes(random, one(random, VALUES), VALUES),
  check(input) {
    const value = input as Buffer
    const headers = [{ name: value.subarray(0, 9).toString('utf8'), value: value.subarray(0, 5) }]
    const record = recordOf(value, { key: value.subarray(0, 20), headers })
    const message = describeMessage(record, genesis as Parameters<typeof describeMessage>[1], {
      catalogue: CATALOGUE,
      refused: [],
    })
    const json = messageToJson(message, { partition: 0 })
    checkWords(json, 20 * value.length + 10_000)
    assert.equal(typeof JSON.parse(json), 'object')
    const verdict = judge(record, CATALOGUE)
    if (message.line === null || verdict.type !== 'merge') return
    assert.equal(
      readLine(message.line, CATALOGUE).type,
      'change',
      'the line of a message that is merged is one to publish',
    )
  },
}
