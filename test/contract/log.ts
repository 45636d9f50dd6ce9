// What every log adapter owes to the port, whatever is behind it.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { DEFINITIONS, type Pointer } from '../../src/codec/record.ts'
import { checkLog } from '../../src/log/check.ts'
import type { KeptLog, Log, LogEvent, NewRecord, ReadScope } from '../../src/log/log.ts'
import { startMember } from '../log/member.ts'
import { until } from '../log/reading.ts'
import { text, textOf } from '../log/samples.ts'
import { logCreateContract } from './log-create.ts'
import { logKeepingContract } from './log-keeping.ts'

/** A log under test, empty, with its partitions made. */
export interface LogUnderTest {
  readonly log: KeptLog
  /** Another handle on the same log, as another process would have. */
  another(): KeptLog
  /** Makes everything of a partition below an offset expire. */
  truncate(partition: number, first: bigint): Promise<void>
}

export interface LogFactory {
  readonly name: string
  /** How long a change of a group may take. */
  readonly groupMs: number
  create(partitions: number): Promise<LogUnderTest>
}

export function logContract({ name, create, groupMs }: LogFactory): void {
  const open: Log[] = []
  const start = async (partitions: number) => {
    const made = await create(partitions)
    open.push(made.log)
    const another = () => {
      const log = made.another()
      open.push(log)
      return log
    }
    return { ...made, another }
  }
  afterEach(async () => {
    await Promise.all(open.splice(0).map((log) => log.close()))
  })

  describe(`${name}: appending and reading`, () => {
    test('records come back in order, with their bytes, their places and the end', async () => {
      const { log } = await start(2)
      const records: NewRecord[] = [
        { partition: 1, key: Buffer.from('k'), value: Buffer.from('a') },
        { partition: 0, key: null, value: Buffer.from('b'), headers: [] },
        {
          partition: 1,
          key: Buffer.alloc(0),
          value: Buffer.alloc(0),
          headers: [
            { name: 'b', value: Buffer.from('2') },
            { name: 'a', value: Buffer.alloc(0) },
            { name: 'b', value: Buffer.from('1') },
            { name: '__proto__', value: Buffer.from('x') },
          ],
        },
      ]
      const appended = await log.append(records)
      expect(appended.map(({ partition, offset }) => [partition, offset])).toEqual([
        [1, 0n],
        [0, 0n],
        [1, 1n],
      ])
      const { chunks, records: read } = await until(log, { scope: all }, ({ isCaughtUp }) =>
        isCaughtUp([0, 1]),
      )
      for (const [index, { partition, offset, appendMs }] of appended.entries()) {
        const found = read.find((record) => record.partition === partition && record.offset === offset)!
        const { key, value, headers = [] } = records[index]!
        expect(found).toMatchObject({ key, value, appendMs, stampedByLog: true })
        expect(found.headers.map((header) => [header.name, textOf(header.value)])).toEqual(
          headers.map((header) => [header.name, textOf(header.value)]),
        )
      }
      for (const chunk of chunks) expect(chunk.next <= chunk.end).toBe(true)
      expect(chunks.filter(({ partition }) => partition === 1).at(-1)).toMatchObject({ next: 2n, end: 2n })
    })

    test('reading begins at the position and goes on with what is appended later', async () => {
      const { log } = await start(1)
      await log.append(text(0, 'a', 'b', 'c'))
      const positions = new Map([[0, 1n]])
      let isAppended = false
      const { records, chunks } = await until(log, { scope: all, positions }, async (state) => {
        if (!isAppended && state.isCaughtUp([0])) {
          isAppended = true
          await log.append(text(0, 'd'))
        }
        return state.records.length === 3
      })
      expect(records.map(({ value }) => textOf(value))).toEqual(['b', 'c', 'd'])
      expect(chunks[0]!.from).toBe(1n)
      for (const [index, chunk] of chunks.entries())
        if (index > 0) expect(chunk.from).toBe(chunks[index - 1]!.next)
    })

    test('an empty partition is caught up once, with an empty chunk', async () => {
      const { log } = await start(2)
      await log.append(text(0, 'a'))
      const { chunks } = await until(log, { scope: all, forMs: 1_200 }, () => false)
      const empty = chunks.filter(({ partition }) => partition === 1)
      expect(empty).toMatchObject([{ from: 0n, next: 0n, end: 0n, records: { length: 0 } }])
      expect(chunks.filter(({ partition }) => partition === 0)).toHaveLength(1)
    })

    test('a position at the end is caught up at once', async () => {
      const { log } = await start(1)
      await log.append(text(0, 'a', 'b'))
      const { chunks } = await until(log, { scope: all, positions: new Map([[0, 2n]]) }, (s) =>
        s.isCaughtUp([0]),
      )
      expect(chunks).toMatchObject([{ from: 2n, next: 2n, end: 2n, records: { length: 0 } }])
    })

    test('the definitions are a partition of their own', async () => {
      const { log } = await start(1)
      await log.append([...text(DEFINITIONS, 'x', 'y'), ...text(0, 'a')])
      const { records, assigned } = await until(log, { scope: { type: 'definitions' } }, (s) =>
        s.isCaughtUp([DEFINITIONS]),
      )
      expect(assigned).toEqual([[DEFINITIONS]])
      expect(records.map(({ value }) => textOf(value))).toEqual(['x', 'y'])
      expect(records.every(({ partition }) => partition === DEFINITIONS)).toBe(true)
    })

    test('records with one key stay together, and in order', async () => {
      const { log } = await start(4)
      const records = Array.from({ length: 40 }, (_, i) => ({
        partition: null,
        key: Buffer.from(`row ${i % 8}`),
        value: Buffer.from(String(i)),
      }))
      const appended = await log.append(records)
      for (let row = 0; row < 8; row++) {
        const own = appended.filter((_, i) => i % 8 === row)
        expect(new Set(own.map(({ partition }) => partition)).size).toBe(1)
        expect(own.every(({ offset }, i) => i === 0 || offset > own[i - 1]!.offset)).toBe(true)
      }
    })

    test('appends at the same time each get their own places', async () => {
      const { log } = await start(2)
      const calls = Array.from({ length: 20 }, (_, i) =>
        log.append([...text(0, `a${i}`), ...text(1, `b${i}`)]),
      )
      const answers = await Promise.all(calls)
      const picked = await log.pick(answers.flat())
      expect(picked.map((record) => textOf(record!.value))).toEqual(
        answers.flatMap((_, i) => [`a${i}`, `b${i}`]),
      )
    })

    test('large and many records arrive whole', async () => {
      const { log } = await start(1)
      const large = Buffer.alloc(900_000, 7)
      const many = Array.from({ length: 30_000 }, (_, i) => ({
        partition: 0,
        key: null,
        value: Buffer.from(`${i}`),
      }))
      await log.append([
        { partition: 0, key: null, value: large },
        ...many,
        { partition: 0, key: null, value: large },
      ])
      const { records } = await until(log, { scope: all }, (s) => s.isCaughtUp([0]))
      expect(records).toHaveLength(30_002)
      expect(records[0]!.value!.equals(large) && records.at(-1)!.value!.equals(large)).toBe(true)
      expect(records.slice(1, -1).every(({ value }, i) => textOf(value) === String(i))).toBe(true)
    })

    test('a reader that takes its time gets everything', async () => {
      const { log } = await start(1)
      const value = Buffer.alloc(100_000, 1)
      for (let i = 0; i < 10; i++)
        await log.append(Array.from({ length: 40 }, () => ({ partition: 0, key: null, value })))
      const { records } = await until(log, { scope: all }, async (state) => {
        await sleep(30)
        return state.isCaughtUp([0])
      })
      expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 400 }, (_, i) => BigInt(i)))
    })
  })

  describe(`${name}: picking and describing`, () => {
    test('picks records in the order asked for, and null where there is none', async () => {
      const { log } = await start(2)
      await log.append([...text(0, 'a', 'b', 'c'), ...text(1, 'd'), ...text(DEFINITIONS, 'e')])
      const pointers: Pointer[] = [
        { partition: 0, offset: 2n },
        { partition: 1, offset: 0n },
        { partition: 0, offset: 0n },
        { partition: 0, offset: 3n },
        { partition: 1, offset: 99n },
        { partition: DEFINITIONS, offset: 0n },
        { partition: 0, offset: 2n },
      ]
      const picked = await log.pick(pointers)
      expect(picked.map((record) => record && textOf(record.value))).toEqual([
        'c',
        'd',
        'a',
        null,
        null,
        'e',
        'c',
      ])
      expect(await log.pick([])).toEqual([])
    })

    test('describes an empty log and a filled one', async () => {
      const { log } = await start(2)
      const empty = await log.describe()
      expect(empty.partitions).toMatchObject([
        { partition: 0, first: 0n, end: 0n, genesis: null },
        { partition: 1, first: 0n, end: 0n, genesis: null },
      ])
      expect(empty.definitions).toMatchObject({ partition: DEFINITIONS, first: 0n, end: 0n, genesis: null })
      expect(empty.problems).toEqual([])
      await log.append([...text(1, 'a', 'b'), ...text(DEFINITIONS, 'c')])
      const { partitions, definitions } = await log.describe()
      expect(partitions[1]).toMatchObject({ first: 0n, end: 2n })
      expect([textOf(partitions[1]!.genesis!.value), textOf(definitions!.genesis!.value)]).toEqual(['a', 'c'])
    })

    test('one handle answers many at once', async () => {
      const { log } = await start(2)
      const appended = await log.append([...text(0, 'a'), ...text(DEFINITIONS, 'b')])
      const asked = Array.from({ length: 30 }, async (_, i) => {
        if (i % 3 > 0) return log.describe()
        await log.append(text(i % 2 === 0 ? 1 : DEFINITIONS, 'c'))
        const picked = await log.pick(appended)
        expect(picked.map((record) => record && textOf(record.value))).toEqual(['a', 'b'])
        return log.describe()
      })
      for (const { partitions, definitions, problems } of await Promise.all(asked)) {
        expect(partitions).toHaveLength(2)
        expect(definitions).not.toBeNull()
        expect(problems).toEqual([])
      }
    })

    test('what expired shows, and cannot be read', async () => {
      const { log, truncate } = await start(1)
      await log.append(text(0, 'a', 'b', 'c'))
      await truncate(0, 2n)
      expect((await log.describe()).partitions[0]).toMatchObject({ first: 2n, end: 3n, genesis: null })
      const { events } = await until(log, { scope: all, positions: new Map([[0, 1n]]) }, () => false)
      expect(events.at(-1)).toEqual({ type: 'lost', partition: 0, position: 1n })
      expect(checkLog(await log.describe()).type).toBe('refused')
    })

    test('a position behind the end is lost', async () => {
      const { log } = await start(1)
      await log.append(text(0, 'a'))
      const { events } = await until(log, { scope: all, positions: new Map([[0, 9n]]) }, () => false)
      expect(events.at(-1)).toEqual({ type: 'lost', partition: 0, position: 9n })
    })
  })

  describe(`${name}: ending`, () => {
    test('aborting ends the iteration without an error, also while it waits', async () => {
      const { log } = await start(1)
      const stop = new AbortController()
      const reading = collectEvents(log, all, stop.signal)
      await sleep(300)
      stop.abort()
      const events = await reading
      expect(events[0]).toEqual({ type: 'assigned', partitions: [0] })
      const over = await collectEvents(log, all, AbortSignal.abort())
      expect(over.every(({ type }) => type === 'assigned')).toBe(true)
    })

    test('closing ends readers and refuses what comes after', async () => {
      const { log } = await start(1)
      const reading = collectEvents(log, all, new AbortController().signal)
      await sleep(300)
      await log.close()
      await reading
      await expect(log.append(text(0, 'a'))).rejects.toThrow(/closed/)
    })
  })

  describe(`${name}: groups`, () => {
    const member = (id: string): ReadScope => ({ type: 'group', group: `spindexer-${name}`, member: id })

    test('two members divide the partitions, and one takes over when the other leaves', async () => {
      const { log, another } = await start(4)
      await log.append([0, 1, 2, 3].flatMap((partition) => text(partition, `${partition}`)))
      const first = startMember(log, member('one'))
      await first.waitFor((partitions) => partitions.length === 4, groupMs)
      const second = startMember(another(), member('two'))
      await first.waitFor((partitions) => partitions.length === 2, groupMs)
      await second.waitFor((partitions) => partitions.length === 2, groupMs)
      expect([...first.partitions(), ...second.partitions()].sort()).toEqual([0, 1, 2, 3])
      await second.caughtUp(groupMs)
      await first.stop()
      await second.waitFor((partitions) => partitions.length === 4, groupMs)
      await second.caughtUp(groupMs)
      await second.stop()
      for (const { isInOrder } of [first, second]) expect(isInOrder()).toBe(true)
    })
  })

  logCreateContract(name, start)
  logKeepingContract(name, start)
}

const all: ReadScope = { type: 'all' }

async function collectEvents(log: Log, scope: ReadScope, signal: AbortSignal): Promise<LogEvent[]> {
  const events: LogEvent[] = []
  for await (const event of log.read({ scope, positions: async () => new Map(), signal })) events.push(event)
  return events
}
