// Vectors of verdicts: whole records with what has to become of each, every rule on both sides of its limit.

import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { judgeOpenDefinitions } from '../../src/codec/definitions.ts'
import { DEFINITIONS, type Header, type LogRecord } from '../../src/codec/record.ts'
import { createOpenJudge } from '../../src/codec/verdict.ts'
import { demand } from './forms.ts'
import { avroCases } from './verdicts-avro.ts'
import { definitionCases } from './verdicts-definition.ts'
import { recordCases } from './verdicts-record.ts'
import { APPEND_MS, type Case, DEFINITION_TEXTS, LOG_ID, MAX_CLOCK_AHEAD_MS } from './verdicts-world.ts'

export function verdictVectors() {
  const records = DEFINITION_TEXTS.map((text, i) =>
    recordOf({ value: Buffer.from(text), partition: DEFINITIONS, offset: i + 1 }),
  )
  const { catalogue, refused } = judgeOpenDefinitions(EMPTY_CATALOGUE, records, 100n, LOG_ID)
  demand('the definitions are taken', refused, [])
  const judge = createOpenJudge({ logId: LOG_ID, maxClockAheadMs: BigInt(MAX_CLOCK_AHEAD_MS) })
  const cases = [...recordCases(), ...avroCases(), ...definitionCases()]
  const names = cases.map(({ name }) => name)
  demand(
    'names that stand there twice',
    names.filter((name, i) => names.indexOf(name) < i),
    [],
  )
  return {
    genesis: { logId: LOG_ID, maxClockAhead: MAX_CLOCK_AHEAD_MS },
    definitions: DEFINITION_TEXTS,
    cases: cases.map((item) => {
      const record = recordOf(item)
      const verdict = judge(record, catalogue)
      const reason = 'reason' in verdict ? verdict.reason : null
      demand(
        item.name,
        { verdict: verdict.type, reason },
        { verdict: item.verdict, reason: item.reason ?? null },
      )
      return {
        name: item.name,
        partition: record.partition,
        offset: String(record.offset),
        appendMs: String(record.appendMs),
        stampedByLog: record.stampedByLog,
        headers: record.headers.map(({ name, value }) => [name, Buffer.from(value).toString('hex')]),
        value: record.value === null ? null : record.value.toString('hex'),
        verdict: verdict.type,
        reason,
      }
    }),
  }
}

function recordOf(item: Pick<Case, 'value'> & Partial<Case>): LogRecord {
  const headers: readonly Header[] = (item.headers ?? []).map((name) => ({ name, value: Buffer.from('x') }))
  return {
    partition: item.partition ?? 0,
    offset: BigInt(item.offset ?? 7),
    appendMs: item.appendMs ?? APPEND_MS,
    stampedByLog: item.stampedByLog ?? true,
    key: null,
    value: item.value,
    headers,
  }
}
