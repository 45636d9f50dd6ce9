// Copies of guarded logs: where policies and closes go, what is refused, and every point at which a run can end.

import { describe, expect, test } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import type { Policy } from '../../src/codec/control.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import type { SigningKey } from '../../src/codec/signing/batch-signer.ts'
import { createRecordProver } from '../../src/codec/signing/proof.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import { type CopyOptions, type CopyOutcome, copyLog } from '../../src/log/copy/copy.ts'
import { createRecordsProver } from '../../src/log/copy/prove.ts'
import { createLog } from '../../src/log/genesis.ts'
import type { KeptLog, Log, NewRecord } from '../../src/log/log.ts'
import { createMemoryLog, type MemoryLog } from '../../src/log/memory/log.ts'
import { expectCopy, readLog } from '../support/copies.ts'
import {
  ADMINS,
  type GuardedItem,
  guardedDefinitions,
  guardedPartition,
  KEYS,
} from '../support/guarded-world.ts'
import { controlRecord, signRecords } from '../support/signers.ts'
import { plan, text } from './samples.ts'

const LOG_ID = plan(1).logId
const COPY_ID = '99999999-0000-4000-8000-000000000009'

function memoryLog(partitions: number, offMs = 0n): MemoryLog {
  return createMemoryLog({ partitions, now: () => BigInt(Date.now()) + offMs, chunkRecords: 7 })
}

async function createSource(partitions: number, maxClockAheadMs = 60_000n): Promise<MemoryLog> {
  const log = memoryLog(partitions)
  await createLog(log, { ...plan(1), maxClockAheadMs, admins: ADMINS })
  return log
}

function copy(source: KeptLog, target: Log, more: Partial<CopyOptions> = {}): Promise<CopyOutcome> {
  return copyLog({
    source,
    target,
    isClosing: false,
    signal: new AbortController().signal,
    copyId: COPY_ID,
    nowMs: () => performance.now(),
    onEvent: () => {},
    parcelRecordsMax: 8,
    ...more,
  })
}

const signed = (key: SigningKey, record: NewRecord) => signRecords(key, LOG_ID, [record])[0]!
const policy = (version: number, more: Partial<Policy> = {}): Policy => ({
  kind: 'policy',
  version,
  admins: [KEYS.admin.signer],
  rules: [],
  unsigned: true,
  ...more,
})
const applied = (partition: number, control: Policy, key = KEYS.admin) =>
  signed(key, controlRecord(partition, control))
const close = (partition: number, generation = 1) => controlRecord(partition, { kind: 'close', generation })
const endsOf = async (log: Log): Promise<bigint[]> => {
  const { partitions, definitions } = await log.describe()
  return [...partitions, definitions!].map(({ end }) => end)
}
/** This kind of log cannot refuse appends. */
const unsealable = (log: MemoryLog): KeptLog => ({ ...log, seal: async () => false })

/** All that may go wrong, the same policies in each partition, and a close at the end of each. */
function worldRecords(partitions: number, isChosen: (item: GuardedItem, i: number) => boolean): NewRecord[] {
  const columns = Array.from({ length: partitions }, (_, partition) =>
    guardedPartition(LOG_ID, partition).filter(isChosen),
  )
  const data = columns[0]!.flatMap((_, i) => columns.map((column) => column[i]!.record))
  return [...guardedDefinitions(LOG_ID).map(({ record }) => record), ...data]
}

function stampedNow(): NewRecord {
  const mutation = {
    stamp: createStamp(BigInt(Date.now()) * 1_000_000n, '00000000000000aa' as Origin),
    seq: null,
    operation: 'delete' as const,
    dataset: 'tracks',
    key: ['k'],
    columns: new Map(),
  }
  return { partition: 0, key: null, value: frameSingleObject(encodeMutation(mutation)) }
}

function problemOf(outcome: CopyOutcome): string {
  if (outcome.type !== 'refused') throw new Error(`it was ${outcome.type}`)
  const [{ what, remedy }, ...more] = outcome.problems as [{ what: string; remedy: string }]
  expect([more.length, remedy]).toEqual([0, expect.stringMatching(/\S/)])
  return what
}

describe('every verdict holds', () => {
  test.each([
    [2, 2],
    [2, 3],
    [3, 1],
    [1, 6],
  ])('of %d partitions in %d', async (partitions, targetPartitions) => {
    const source = await createSource(partitions)
    await source.append(worldRecords(partitions, () => true))
    const target = memoryLog(targetPartitions)
    const outcome = await copy(source, target)
    expect(outcome).toMatchObject({ type: 'copied', genesis: { admins: ADMINS, generation: 2 } })
    const [from, to] = [await readLog(source), await readLog(target)]
    expect(new Set(from.quarantined.values())).toContain('closed')
    expectCopy(from, to)
    // The close that was valid names the source's generation: it stays there. Others are marked like all that was refused.
    expect(to.closes.size).toBe(0)
    expect([...to.quarantined.values()]).not.toContain('wrong-generation')
    expect(to.policies.size).toBe(3 * (targetPartitions + 1))
    // Nothing is left to be done, and nothing comes twice.
    expect(await copy(source, target)).toMatchObject({ type: 'copied', counts: { copied: 0 } })
  })
})

describe('a run that ends anywhere', () => {
  class Ended extends Error {}
  const ENDS = ['before', 'after'] as const

  /** The n-th append fails, done or not; what the run had kept of its place is lost with it, or not. */
  async function endAt(n: number, how: (typeof ENDS)[number], source: MemoryLog, target: MemoryLog) {
    let appends = 0
    const failing: Log = {
      ...target,
      async append(records, options) {
        const isLast = options === undefined && ++appends === n
        if (isLast && how === 'before') throw new Ended()
        const answers = await target.append(records, options)
        if (isLast) throw new Ended()
        return answers
      },
    }
    const forgetful: KeptLog = n % 2 === 0 ? source : { ...source, saveBookmark: async () => {} }
    try {
      expect((await copy(forgetful, failing)).type).toBe('copied')
      return false
    } catch (error) {
      if (!(error instanceof Ended)) throw error
      return true
    }
  }

  test.each([
    [2, 2],
    [2, 3],
    [3, 2],
  ])(
    'is gone on with, from %d partitions to %d',
    async (partitions, targetPartitions) => {
      // Of what lies between policies a part will do.
      const isChosen = ({ expected }: GuardedItem, i: number) => expected === 'control' || i % 5 === 0
      const records = worldRecords(partitions, isChosen)
      for (const how of ENDS) {
        for (let n = 1; ; n++) {
          const source = await createSource(partitions)
          await source.append(records)
          const target = memoryLog(targetPartitions)
          if (!(await endAt(n, how, source, target))) {
            expect(n).toBeGreaterThan(10)
            break
          }
          expect((await copy(source, target)).type).toBe('copied')
          expectCopy(await readLog(source), await readLog(target))
        }
      }
    },
    240_000,
  )
})

describe('a policy', () => {
  test("waits for what the target's clock refuses, and what is behind it waits for the policy", async () => {
    const MAX_MS = 300n
    for (const targetPartitions of [1, 2]) {
      const source = await createSource(1, MAX_MS)
      const [item] = guardedPartition(LOG_ID, 0)
      // Before its time by the target's clock.
      await source.append([signed(KEYS.admin, stampedNow()), applied(0, policy(1)), ...text(0, 'behind')])
      await source.append([item!.record])
      await source.append([applied(DEFINITIONS, policy(1))])
      const target = memoryLog(targetPartitions, -500n)
      const outcome = await copy(source, target)
      expect(outcome).toMatchObject({ type: 'copied', counts: { appendedAgain: 1 } })
      expectCopy(await readLog(source), await readLog(target))
    }
  })

  test('that is not in all partitions ends a copy to another number, until it is', async () => {
    const source = await createSource(3)
    const [item] = guardedPartition(LOG_ID, 1)
    await source.append([item!.record, applied(0, policy(1)), applied(2, policy(1)), ...text(0, 'behind')])
    const target = memoryLog(2)
    expect(problemOf(await copy(source, target))).toMatch(
      /^version 1 of the policy stands in partition 0, partition 2 of the source, and not in partition 1: policy apply was interrupted/,
    )
    // What was judged before it is there, and nothing else.
    expect((await readLog(target)).records).toHaveLength(1)
    // With as many partitions it does not matter.
    const same = memoryLog(3)
    expect((await copy(source, same, { copyId: plan(7).copyId })).type).toBe('copied')
    expectCopy(await readLog(source), await readLog(same))

    await source.append([applied(1, policy(1)), ...text(1, 'behind')])
    expect((await copy(source, target)).type).toBe('copied')
    expectCopy(await readLog(source), await readLog(target))
  })

  test('that comes while a copy waits for it is waited for', async () => {
    const source = await createSource(3)
    await source.append([applied(0, policy(1)), applied(2, policy(1))])
    const target = memoryLog(2)
    let isApplied = false
    const watched: KeptLog = {
      ...source,
      async describe() {
        const described = await source.describe()
        // Where the copy looks once more.
        if (described.partitions[0]!.end === 2n && isApplied) await source.append([applied(1, policy(1))])
        isApplied = true
        return described
      },
    }
    expect((await copy(watched, target)).type).toBe('copied')
    expect((await copy(source, target)).type).toBe('copied')
    expectCopy(await readLog(source), await readLog(target))
  })

  test('that can never come any more, or is another one, is no hope: as many partitions are', async () => {
    const closed = await createSource(2)
    await closed.append([applied(0, policy(1)), signed(KEYS.admin, close(1)), applied(1, policy(1))])
    expect(problemOf(await copy(closed, memoryLog(1)))).toMatch(
      /^version 1 of the policy stands in partition 0 of the source, and partition 1 was closed before it came/,
    )
    const split = await createSource(3)
    const other = policy(1, { unsigned: false })
    await split.append([applied(0, policy(1)), applied(1, other, KEYS.secondAdmin), applied(2, policy(1))])
    await split.append([0, 1, 2].map((partition) => applied(partition, policy(2))))
    const problem = problemOf(await copy(split, memoryLog(4)))
    expect(problem).toMatch(
      /^version 1 of the policy is another one in partition 1 of the source than in partition 0/,
    )
    for (const source of [closed, split]) {
      const target = memoryLog((await source.describe()).partitions.length)
      expect((await copy(source, target, { copyId: plan(7).copyId })).type).toBe('copied')
      expectCopy(await readLog(source), await readLog(target))
    }
  })

  test('the same one signed by two admins is one', async () => {
    const source = await createSource(2)
    await source.append([applied(0, policy(1)), applied(1, policy(1), KEYS.secondAdmin)])
    const target = memoryLog(3)
    expect((await copy(source, target)).type).toBe('copied')
    expectCopy(await readLog(source), await readLog(target))
  })
})

test('many signatures are proved by other threads as few are by this one', async () => {
  const unsigned = Array.from({ length: 300 }, (_, i) => ({ ...close(0), key: Buffer.from(`${i}`) }))
  const records = signRecords(KEYS.writer, LOG_ID, unsigned, 64).map((record, i): LogRecord => {
    const headers = i % 7 === 0 ? [] : record.headers!
    const value = i % 5 === 0 ? Buffer.from('changed') : record.value
    return { ...record, partition: 0, offset: BigInt(i), appendMs: 0n, stampedByLog: true, headers, value }
  })
  const prover = createRecordsProver(LOG_ID)
  try {
    const proofs = await prover.prove(records)
    expect(proofs).toEqual(records.map(createRecordProver(LOG_ID)))
    expect(new Set(proofs.map(({ type }) => type))).toEqual(new Set(['unsigned', 'signed', 'bad']))
    expect(await prover.prove(records.slice(0, 3))).toEqual(proofs.slice(0, 3))
  } finally {
    await prover.close()
  }
})

describe('the close of a guarded log', () => {
  const closing = (key: SigningKey | null) => ({ isClosing: true, key })

  test('needs a key, of an admin of what stands there; refused, nothing is closed', async () => {
    const source = await createSource(2)
    await source.append([applied(0, policy(1)), applied(1, policy(1)), applied(DEFINITIONS, policy(1))])
    const before = await endsOf(source)
    const target = memoryLog(2)
    expect(problemOf(await copy(source, target, closing(null)))).toMatch(/has to be signed by one of them/)
    expect(await endsOf(target)).toEqual([0n, 0n, 0n])
    for (const key of [KEYS.stranger, KEYS.secondAdmin]) {
      expect(problemOf(await copy(source, target, closing(key)))).toMatch(
        /cannot close the definitions, partition 0, partition 1 of the source: the admins by version 1 of the policy are ed25519:/,
      )
    }
    expect(await endsOf(source)).toEqual(before)
    // All the same everything was copied.
    expectCopy(await readLog(source), await readLog(target))
    expect(await copy(source, target, closing(KEYS.admin))).toMatchObject({
      type: 'copied',
      closing: 'sealed',
    })
    await expect(source.append(text(0, 'late'))).rejects.toThrow(/closed for ever/)
    expect((await readLog(source)).closes.size).toBe(3)
    expectCopy(await readLog(source), await readLog(target))
  })

  test('counts where appends cannot be refused; once is enough, and strangers cannot', async () => {
    const source = await createSource(2)
    const target = memoryLog(3)
    await source.append([
      close(0),
      signed(KEYS.stranger, close(1)),
      signed(KEYS.admin, close(DEFINITIONS, 2)),
    ])
    const kept = unsealable(source)
    expect(await copy(kept, target, closing(KEYS.admin))).toMatchObject({
      closing: 'signed',
      behindClose: [],
    })
    const ends = await endsOf(source)
    expect(ends).toEqual([3n, 3n, 3n])
    // From now on the key of anybody does.
    expect(await copy(kept, target, closing(KEYS.stranger))).toMatchObject({
      closing: 'signed',
      behindClose: [],
    })
    expect(await endsOf(source)).toEqual(ends)
    await source.append([guardedPartition(LOG_ID, 1)[0]!.record, applied(1, policy(1))])
    expect(await copy(kept, target, closing(KEYS.admin))).toMatchObject({
      closing: 'signed',
      behindClose: [1],
    })
    const [from, to] = [await readLog(source), await readLog(target)]
    expect([...from.quarantined].filter(([, reason]) => reason === 'closed')).toHaveLength(2)
    expectCopy(from, to)
  })

  test('what was closed in part is closed whole, also in a copy that had everything', async () => {
    const source = await createSource(2)
    const target = memoryLog(2)
    await source.append([guardedPartition(LOG_ID, 0)[0]!.record, signed(KEYS.secondAdmin, close(1))])
    expect((await copy(source, target)).type).toBe('copied')
    const outcome = await copy(unsealable(source), target, closing(KEYS.admin))
    expect(outcome).toMatchObject({ closing: 'signed', behindClose: [] })
    expect(await endsOf(source)).toEqual([3n, 2n, 2n])
    expectCopy(await readLog(source), await readLog(target))
  })

  test('that a policy overtakes is said to be none', async () => {
    const source = await createSource(1)
    const target = memoryLog(1)
    const overtaken: KeptLog = {
      ...source,
      seal: async () => {
        await source.append([applied(0, policy(1, { admins: [KEYS.successor.signer] }))])
        return false
      },
    }
    expect(problemOf(await copy(overtaken, target, closing(KEYS.admin)))).toMatch(
      /^the close of partition 0 is not valid: the policy changed while the source was closed/,
    )
    expect(await copy(unsealable(source), target, closing(KEYS.successor))).toMatchObject({ type: 'copied' })
    expectCopy(await readLog(source), await readLog(target))
  })
})
