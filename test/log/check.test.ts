// Which logs are refused, and what people are told to do about it.

import { expect, test } from 'vitest'
import { encodeControl, type Genesis } from '../../src/codec/control.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { checkLog } from '../../src/log/check.ts'
import type { LogDescription, PartitionState } from '../../src/log/log.ts'
import { plan } from './samples.ts'

const { logId, copyId } = plan(1)
const base: Genesis = {
  kind: 'genesis',
  admins: [],
  copyId,
  generation: 1,
  logId,
  maxClockAhead: 5_000,
  partition: 0,
  partitions: 2,
  rules: 1,
}

function record(partition: number, value: Buffer | null, changes: Partial<LogRecord> = {}): LogRecord {
  return {
    partition,
    offset: 0n,
    appendMs: 1n,
    stampedByLog: true,
    key: null,
    value,
    headers: [],
    ...changes,
  }
}

function state(partition: number, changes: Partial<Genesis> = {}): PartitionState {
  return {
    partition,
    first: 0n,
    end: 1n,
    genesis: record(partition, encodeControl({ ...base, partition, ...changes })),
  }
}

function describeLog(changes: Partial<LogDescription> = {}): LogDescription {
  return {
    name: 'the log',
    partitions: [state(0), state(1)],
    definitions: state(DEFINITIONS),
    problems: [],
    warnings: ['a word'],
    ...changes,
  }
}

/** What is refused in a log, a line each: the problem and its remedy. */
function refusals(changes: Partial<LogDescription>): string[] {
  const check = checkLog(describeLog(changes))
  return check.type === 'ok' ? [] : check.problems.map(({ what, remedy }) => `${what}: ${remedy}`)
}

test('a sound log says which it is', () => {
  expect(checkLog(describeLog())).toEqual({
    type: 'ok',
    genesis: { logId, copyId, generation: 1, partitions: 2, maxClockAheadMs: 5_000n, admins: [] },
    warnings: ['a word'],
  })
})

test.each<[string, Partial<LogDescription>, RegExp]>([
  ['that does not exist', { partitions: [], definitions: null }, /^the log does not exist: .*log create/],
  ['without definitions', { definitions: null }, /has no definitions/],
  ['without partitions', { partitions: [] }, /definitions but no partitions/],
  ['with broken settings', { problems: [{ what: 'retention', remedy: 'mend' }] }, /^retention: mend$/],
  [
    'that begins later',
    { partitions: [state(0), { ...state(1), first: 5n, end: 9n, genesis: null }] },
    /^partition 1 of the log begins at offset 5: .*expired.*backup/,
  ],
  [
    'whose definitions begin later',
    { definitions: { ...state(DEFINITIONS), first: 1n } },
    /^the definitions of the log begins at offset 1/,
  ],
  [
    'that is empty',
    {
      partitions: [0, 1].map((partition) => ({ ...state(partition), end: 0n, genesis: null })),
      definitions: { ...state(DEFINITIONS), end: 0n, genesis: null },
    },
    /^the log is empty: .*log create/,
  ],
  [
    'that is half created',
    { definitions: { ...state(DEFINITIONS), end: 0n, genesis: null } },
    /the definitions of the log has no genesis record yet: .*again: it resumes/,
  ],
  [
    'with a gap at 0',
    { partitions: [state(0), { ...state(1), genesis: null }] },
    /there is no record at offset 0/,
  ],
  [
    'with a foreign record',
    { partitions: [state(0), { ...state(1), genesis: record(1, Buffer.from('hello')) }] },
    /partition 1 of the log is no genesis record/,
  ],
  [
    'with a record without a value',
    { partitions: [state(0), { ...state(1), genesis: record(1, null) }] },
    /is no genesis record/,
  ],
  [
    'with a marked genesis',
    {
      partitions: [
        state(0),
        {
          ...state(1),
          genesis: record(1, encodeControl({ ...base, partition: 1 }), {
            headers: [{ name: 'spindexer-quarantined', value: Buffer.alloc(0) }],
          }),
        },
      ],
    },
    /is no genesis record/,
  ],
  [
    'with a genesis that the log did not stamp',
    {
      partitions: [
        state(0),
        { ...state(1), genesis: record(1, encodeControl(base), { stampedByLog: false }) },
      ],
    },
    /carries its writer's time/,
  ],
  [
    'whose partitions are swapped',
    { partitions: [state(0), { ...state(0), partition: 1 }] },
    /offset 0 of partition 1 of the log is the genesis of partition 0/,
  ],
  ['made of two', { partitions: [state(0), state(1, { logId: plan(2).logId })] }, /belong to different logs/],
  [
    'made of two copies',
    { definitions: state(DEFINITIONS, { copyId: plan(2).copyId }) },
    /belong to different logs/,
  ],
  ['of two generations', { partitions: [state(0), state(1, { generation: 2 })] }, /belong to different logs/],
  ['of two clocks', { partitions: [state(0), state(1, { maxClockAhead: 1 })] }, /belong to different logs/],
  [
    'that has grown',
    { partitions: [state(0), state(1), state(2)] },
    /has 3 partitions, but was created with 2/,
  ],
])('a log %s is refused', (_, changes, expected) => {
  const found = refusals(changes)
  expect(found).toHaveLength(1)
  expect(found[0]).toMatch(expected)
})

test('unknown rules are refused, with the version as the remedy', () => {
  const changed = { rules: 2 }
  const found = refusals({
    partitions: [state(0, changed), state(1, changed)],
    definitions: state(DEFINITIONS, changed),
  })
  expect(found).toEqual([expect.stringMatching(/under rules 2; this program knows rules 1: install/)])
})
