// The parts of a copy: what may be its target, what its marks say, when the target's clock has a say, what is too large.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { UNSIGNED } from '../../src/codec/signing/proof.ts'
import { createOpenJudge } from '../../src/codec/verdict.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import { createTargetClock } from '../../src/log/copy/clock.ts'
import { closeLog, partitionsBehindClose } from '../../src/log/copy/close.ts'
import { type CopyOptions, type CopyOutcome, copyLog } from '../../src/log/copy/copy.ts'
import { MARK } from '../../src/log/copy/mark.ts'
import { createStandings } from '../../src/log/copy/standings.ts'
import { createTranslator } from '../../src/log/copy/translate.ts'
import { createLog, genesisRecord } from '../../src/log/genesis.ts'
import type { KeptLog, Log, LogEvent, NewRecord } from '../../src/log/log.ts'
import { createMemoryLog, type MemoryLog } from '../../src/log/memory/log.ts'
import { keyToPartition } from '../../src/log/placement.ts'
import { expectCopy, readLog } from '../support/copies.ts'
import { announceSeed, seeded } from '../support/seed.ts'
import { plan, text } from './samples.ts'

const seed = announceSeed('test/log/copy.test.ts')
const LOG_ID = plan(1).logId

function memoryLog(partitions = 2): MemoryLog {
  return createMemoryLog({ partitions, now: () => BigInt(Date.now()) })
}

async function createSource(partitions = 2): Promise<MemoryLog> {
  const log = memoryLog(partitions)
  await createLog(log, plan(1))
  return log
}

const COPY_ID = '99999999-0000-4000-8000-000000000009'

function copy(source: KeptLog, target: Log, more: Partial<CopyOptions> = {}): Promise<CopyOutcome> {
  return copyLog({
    source,
    target,
    isClosing: false,
    signal: new AbortController().signal,
    copyId: COPY_ID,
    nowMs: () => performance.now(),
    onEvent: () => {},
    ...more,
  })
}

describe('the target', () => {
  const refusal = async (source: KeptLog, target: Log): Promise<string> => {
    const before = await target.describe()
    const outcome = await copy(source, target)
    expect(await target.describe()).toEqual(before)
    if (outcome.type !== 'refused') throw new Error(`it was ${outcome.type}`)
    const [problem] = outcome.problems
    expect(problem!.remedy).toMatch(/\S/)
    return problem!.what
  }

  test('another log, the same log, an ancestor, one beside it and a later copy are refused and left alone', async () => {
    const source = await createSource()
    expect(await refusal(source, source)).toMatch(/source and target are the same log/)
    const other = memoryLog()
    await createLog(other, plan(3))
    expect(await refusal(source, other)).toMatch(/holds another log/)

    const [second, beside, third] = [memoryLog(), memoryLog(), memoryLog()]
    expect((await copy(source, second, { copyId: plan(2).copyId })).type).toBe('copied')
    expect((await copy(source, beside, { copyId: plan(4).copyId })).type).toBe('copied')
    expect((await copy(second, third, { copyId: plan(5).copyId })).type).toBe('copied')
    expect(await refusal(second, source)).toMatch(/generation 1 of this log, an ancestor of the source/)
    expect(await refusal(second, beside)).toMatch(
      /generation 2 of this log, an ancestor of the source, or one beside it/,
    )
    expect(await refusal(source, third)).toMatch(/generation 3 of this log, a later copy/)
    expect(await refusal(third, second)).toMatch(/an ancestor/)
  })

  test('one in which another log was begun is refused, one in which the copy was begun is finished', async () => {
    const source = await createSource()
    await source.append(text(0, 'rubbish'))
    const begun = memoryLog()
    await begun.append([genesisRecord(plan(3), 0, 2)])
    expect(await refusal(source, begun)).toMatch(/holds another log/)

    const half = memoryLog()
    const own = { ...plan(1), copyId: plan(7).copyId, generation: 2 }
    await half.append([genesisRecord(own, 0, 2)])
    expect(await copy(source, half)).toMatchObject({
      type: 'copied',
      genesis: { copyId: own.copyId, generation: 2 },
    })
    expectCopy(await readLog(source), await readLog(half))
  })

  test('foreign records, a log that is not there, and a source that is none are refused', async () => {
    const source = await createSource()
    const foreign = memoryLog()
    await foreign.append(text(0, 'somebody else wrote this'))
    expect(await refusal(source, foreign)).toMatch(/is no genesis record/)
    expect(await refusal(source, memoryLog(0))).toMatch(/does not exist/)
    expect(await refusal(memoryLog(), await createSource())).toMatch(/is empty/)
  })

  test('two that begin at once agree on one copy', async () => {
    for (let round = 0; round < 10; round++) {
      const source = await createSource(3)
      await source.append([...text(0, 'a'), ...text(1, 'b'), ...text(2, 'c')])
      const target = memoryLog(3)
      const outcomes = await Promise.all(
        [2, 3, 4].map((digit) => copy(source, target, { copyId: plan(digit).copyId })),
      )
      const ids = outcomes.map((outcome) =>
        outcome.type === 'copied' ? outcome.genesis.copyId : outcome.type,
      )
      expect(new Set(ids).size).toBe(1)
      expectCopy(await readLog(source), await readLog(target))
    }
  })

  test('keeps id, rules and maxClockAhead, and is one generation later', async () => {
    const source = memoryLog(1)
    await createLog(source, { ...plan(1), maxClockAheadMs: 1_234n })
    const target = memoryLog(4)
    const outcome = await copy(source, target)
    const genesis = { logId: LOG_ID, copyId: COPY_ID, generation: 2, partitions: 4, maxClockAheadMs: 1_234n }
    expect(outcome).toMatchObject({ type: 'copied', genesis, counts: { copied: 0 } })
  })
})

describe('what is copied', () => {
  const rules = { logId: LOG_ID, generation: 1, maxClockAheadMs: 60_000n }
  const translatorOf = (partitions: { source: number; target: number }) => {
    const translate = createTranslator(rules, partitions, createStandings([]))
    return (record: LogRecord) => translate(record, UNSIGNED)
  }
  const recordOf = (more: Partial<LogRecord>): LogRecord => ({
    partition: 0,
    offset: 7n,
    appendMs: 1_700_000_000_000n,
    stampedByLog: true,
    key: null,
    value: Buffer.from('rubbish'),
    headers: [],
    ...more,
  })
  const header = (name: string, value = 'x') => ({ name, value: Buffer.from(value) })
  const translate = translatorOf({ source: 2, target: 2 })
  const marksOf = ({ headers = [] }: NewRecord) => headers.filter(({ name }) => name === MARK)
  const wordsOf = (record: NewRecord) => JSON.parse(Buffer.from(marksOf(record)[0]!.value).toString())

  test('a mark says why, and where the record stands in the source', () => {
    const { record, isMarked } = translate(
      recordOf({ partition: 1, key: Buffer.from('k'), headers: [header('trace')] }),
    )
    expect(isMarked).toBe(true)
    expect(wordsOf(record)).toEqual({ reason: 'unknown-framing', partition: 1, offset: 7 })
    expect(record).toMatchObject({ partition: 1, key: Buffer.from('k'), value: Buffer.from('rubbish') })
    expect(record.headers![0]).toEqual(header('trace'))
  })

  test('one that carries a mark is copied as it is, however often', () => {
    for (const headers of [
      [header(MARK)],
      [header(MARK), header(MARK)],
      [header(MARK), header('spindexer-x')],
    ]) {
      expect(translate(recordOf({ headers })).record.headers).toEqual(headers)
    }
  })

  test('of what is too large size and hash are left, instead of a forged mark too; without a value it has none', () => {
    const value = Buffer.alloc(900_001, 5)
    const sha256 = createHash('sha256').update(value).digest('hex')
    for (const headers of [[], [header(MARK)], [header(MARK), header(MARK)]]) {
      const { record } = translate(recordOf({ value, headers, key: Buffer.from('k') }))
      expect(marksOf(record)).toHaveLength(1)
      expect(wordsOf(record)).toMatchObject({ size: 900_001, sha256 })
      expect(record).toMatchObject({ value: Buffer.alloc(0), key: Buffer.from('k') })
    }
    const fat = translate(
      recordOf({ key: Buffer.alloc(700_000), headers: [header('a', 'x'.repeat(400_000))] }),
    )
    expect(fat.record).toMatchObject({ key: null, value: Buffer.alloc(0) })
    expect(wordsOf(fat.record)).toMatchObject({ reason: 'unknown-framing', size: 7 })
    const none = translate(recordOf({ value: null })).record
    expect([none.value.length, wordsOf(none).reason]).toEqual([0, 'no-value'])
    const forged = translate(recordOf({ value: null, headers: [header(MARK)] })).record
    expect([forged.value.length, marksOf(forged).length]).toEqual([0, 1])
  })

  test('a record is placed as in the source, or by its key where the counts differ; without a key anywhere', () => {
    const grow = translatorOf({ source: 2, target: 5 })
    const key = Buffer.from('["tracks","t1"]')
    expect(grow(recordOf({ key })).record.partition).toBe(keyToPartition(key, 5))
    expect(grow(recordOf({ partition: 1 })).record.partition).toBe(1)
    expect(translatorOf({ source: 9, target: 2 })(recordOf({ partition: 7 })).record.partition).toBe(1)
    expect(translate(recordOf({ key, partition: 1 })).record.partition).toBe(1)
  })

  test('before its time the target would quarantine it, from then on not: to the nanosecond', () => {
    const judge = createOpenJudge(rules)
    const appendMs = 1_700_000_000_000n
    fc.assert(
      fc.property(fc.bigInt({ min: -5_000_000n, max: 60_000_000_000n }), (aheadNs) => {
        const stamp = createStamp(appendMs * 1_000_000n + aheadNs, '00000000000000aa' as Origin)
        const mutation = {
          stamp,
          seq: null,
          operation: 'delete' as const,
          dataset: 'd',
          key: ['k'],
          columns: new Map(),
        }
        const record = recordOf({ appendMs, value: frameSingleObject(encodeMutation(mutation)) })
        const { dueMs, isMarked } = translate(record)
        expect(isMarked).toBe(false)
        const verdictAt = (ms: bigint) => judge({ ...record, appendMs: ms }, EMPTY_CATALOGUE).type
        expect([verdictAt(dueMs! - 1n), verdictAt(dueMs!)]).toEqual(['quarantined', 'parked'])
      }),
      seeded(seed, 500),
    )
  })

  test('a record that the target does not take is named, with its place', async () => {
    const source = await createSource(1)
    await source.append(text(0, 'small'))
    const stamp = createStamp(1n << 60n, '00000000000000aa' as Origin)
    const mutation = {
      stamp,
      seq: null,
      operation: 'delete' as const,
      dataset: 'd',
      key: ['k'],
      columns: new Map(),
    }
    const value = frameSingleObject(encodeMutation(mutation))
    await source.append([{ partition: 0, key: Buffer.alloc(950_000), value }])
    const target = memoryLog(1)
    const strict: Log = {
      ...target,
      async append(records, how) {
        if (records.some(({ key }) => (key?.length ?? 0) > 900_000))
          throw new Error('it is too large; raise the limit')
        return target.append(records, how)
      },
    }
    await expect(copy(source, strict)).rejects.toThrow(
      /a record for partition 0, offset 2 of its partition in the source, has 950\d+ bytes.*: it is too large; raise the limit/,
    )
    expect((await source.loadBookmark(`spindexer-copy-${COPY_ID}`)).get(0)).toBe(2n)
    expect((await copy(source, target)).type).toBe('copied')
    expectCopy(await readLog(source), await readLog(target))
  })
})

test("the target's clock is known from its answers, and only then waited for", () => {
  let nowMs = 0
  const clock = createTargetClock(() => nowMs)
  expect(clock.waitMs(0, 5n)).toBe(null)
  clock.hasPassed(0, 1_000n)
  expect([clock.waitMs(0, 1_000n), clock.waitMs(0, 1_001n)]).toEqual([0, null])
  clock.observe(0, 5_000n)
  clock.hasPassed(0, 9_000n)
  nowMs = 1_000
  expect([clock.waitMs(0, 6_000n), clock.waitMs(0, 6_500n), clock.waitMs(1, 0n)]).toEqual([0, 500, null])
  // A clock that was set back.
  clock.observe(0, 100n)
  expect(clock.waitMs(0, 6_000n)).toBe(5_900)
})

test('a copy that waits for the clock of its target can be stopped, and has not filled it with tries', async () => {
  const source = await createSource(1)
  const stamp = createStamp(BigInt(Date.now()) * 1_000_000n, '00000000000000aa' as Origin)
  const mutation = {
    stamp,
    seq: null,
    operation: 'delete' as const,
    dataset: 'd',
    key: ['k'],
    columns: new Map(),
  }
  const value = frameSingleObject(encodeMutation(mutation))
  await source.append(Array.from({ length: 300 }, () => ({ partition: 0, key: null, value })))
  const target = createMemoryLog({ partitions: 1, now: () => BigInt(Date.now()) - 3_600_000n })
  const stop = new AbortController()
  const outcome = await copy(source, target, {
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'waiting' && event.waitMs > 3_000_000) setTimeout(() => stop.abort(), 20)
    },
  })
  expect(outcome).toMatchObject({ type: 'stopped', counts: { copied: 0, appendedAgain: 1 } })
  expect((await target.describe()).partitions[0]!.end).toBe(2n)
  expect((await source.loadBookmark(`spindexer-copy-${COPY_ID}`)).get(0) ?? 0n).toBe(0n)
})

test('closing again adds nothing until somebody has appended behind', async () => {
  const log = await createSource()
  const unsealable: KeptLog = { ...log, seal: async () => false }
  const ends = async () => {
    const { partitions, definitions } = await log.describe()
    return [...partitions, definitions!].map(({ end }) => end)
  }
  expect(await closeLog(unsealable, 1)).toBe('recorded')
  expect(await closeLog(unsealable, 1)).toBe('recorded')
  expect(await ends()).toEqual([2n, 2n, 2n])
  await log.append(text(DEFINITIONS, 'late'))
  expect(await partitionsBehindClose(log, 1)).toEqual([DEFINITIONS])
  await closeLog(unsealable, 1)
  expect(await ends()).toEqual([2n, 2n, 4n])
  // Of another generation it is a record like any other.
  expect(await partitionsBehindClose(log, 2)).toEqual([0, 1, DEFINITIONS])
  expect(await closeLog(log, 1)).toBe('sealed')
})

test('a source that loses what was not copied, or is replaced, ends the copy with words', async () => {
  const source = await createSource(1)
  await source.append(text(0, 'a', 'b'))
  const reading = (last: LogEvent): KeptLog => ({
    ...source,
    async *read(options) {
      if (options.scope.type !== 'all') return yield* source.read(options)
      yield { type: 'assigned', partitions: [0] }
      yield last
    },
  })
  const lost = await copy(reading({ type: 'lost', partition: 0, position: 1n }), memoryLog(1))
  expect(lost).toMatchObject({
    type: 'refused',
    problems: [{ what: expect.stringMatching(/no longer has offset 1 of partition 0/) }],
  })

  const other = memoryLog(1)
  await createLog(other, { ...plan(1), copyId: plan(6).copyId })
  let looks = 0
  const replaced: KeptLog = {
    ...reading({ type: 'reconnected' }),
    // Twice before reading begins.
    describe: () => (looks++ < 2 ? source.describe() : other.describe()),
  }
  expect(await copy(replaced, memoryLog(1))).toMatchObject({
    type: 'refused',
    problems: [{ what: expect.stringMatching(/was replaced while it was copied/) }],
  })
})
