// What a writer knows of its log: the definitions that an admin has signed, the policy that stands, and whether it is closed.

import { describe, expect, it, onTestFinished } from 'vitest'
import { OPEN } from '../../src/codec/policy/standing.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { createLog } from '../../src/log/genesis.ts'
import { createMemoryLog } from '../../src/log/memory/log.ts'
import { createTarget, type Target } from '../../src/writer/target.ts'
import { inspectTestLog } from '../http/writing.ts'
import { ADMINS, guardedDefinitions, KEYS } from '../support/guarded-world.ts'
import { controlRecord, signRecords } from '../support/signers.ts'
import { createTestLog, LOG_ID, MAX_CLOCK_AHEAD_MS, TRACKS } from './support.ts'

/** A machine may be busy. */
const SLOW = { timeout: 30_000 }

function open(log: Parameters<typeof inspectTestLog>[0]): Target {
  const target = createTarget({ log, inspect: () => inspectTestLog(log), nowNs: () => 0n, waitMs: 5_000 })
  onTestFinished(() => target.close())
  return target
}

describe('the target of a writer', () => {
  it('follows what the admins of a guarded log say, and nobody else', async () => {
    const log = createMemoryLog({ partitions: 2, now: () => BigInt(Date.now()) })
    await createLog(log, {
      ...{ logId: LOG_ID, copyId: LOG_ID, generation: 1 },
      ...{ maxClockAheadMs: MAX_CLOCK_AHEAD_MS, admins: ADMINS },
    })
    const target = open(log)
    await target.ready()
    expect(target.rules().standing).toMatchObject({ type: 'guarded', version: 0, admins: ADMINS })
    const versions: number[] = []
    for (const { record } of guardedDefinitions(LOG_ID)) {
      await log.append([record])
      await expect
        .poll(() => target.rules().catalogue.offset, SLOW)
        .toBe((await log.describe()).definitions!.end)
      const { standing } = target.rules()
      versions.push(standing.type === 'guarded' ? standing.version : -1)
    }
    expect(versions).toEqual([0, 0, 0, 0, 1, 2, 2, 3, 3])
    const { catalogue } = target.rules()
    expect([...catalogue.datasets.keys()]).toEqual(['tracks', 'albums'])
    const close = controlRecord(DEFINITIONS, { kind: 'close', generation: 1 })
    await log.append(signRecords(KEYS.successor, LOG_ID, [close]))
    await expect.poll(() => target.rules().standing, SLOW).toMatchObject({ version: 3, isClosed: true })
  })

  it('knows no policy in an open log', async () => {
    const log = await createTestLog()
    const schema = controlRecord(DEFINITIONS, { kind: 'dataset', schema: TRACKS as never })
    const policy = { kind: 'policy', version: 1, admins: ADMINS, rules: [], unsigned: false } as const
    await log.append([schema, controlRecord(DEFINITIONS, policy)])
    const target = open(log)
    await target.ready()
    expect(target.rules().standing).toEqual(OPEN)
    expect(target.rules().catalogue.datasets.has('tracks')).toBe(true)
    expect(target.rules().genesis.partitions).toBe(2)
  })
})
