// What is kept beside a log's records: bookmarks of named readers, and the log's end where it can have one.

import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { checkLog } from '../../src/log/check.ts'
import { createLog } from '../../src/log/genesis.ts'
import type { KeptLog } from '../../src/log/log.ts'
import { startMember } from '../log/member.ts'
import { until } from '../log/reading.ts'
import { plan, text, textOf } from '../log/samples.ts'
import { waitFor } from '../support/wait.ts'

/** `start` makes an empty log of that many partitions; `another` is a second handle on it. */
export function logKeepingContract(
  name: string,
  start: (partitions: number) => Promise<{ readonly log: KeptLog; another(): KeptLog }>,
): void {
  describe(`${name}: bookmarks`, () => {
    test('a bookmark is what was saved last, partition by partition, for everyone who asks for its name', async () => {
      const { log, another } = await start(3)
      const bookmark = `spindexer-copy-${randomUUID()}`
      expect(await log.loadBookmark(bookmark)).toEqual(new Map())
      const positions = new Map([
        [0, 1n],
        [2, 9_007_199_254_740_993n],
        [DEFINITIONS, 4n],
      ])
      await log.saveBookmark(bookmark, positions)
      const other = another()
      expect(await other.loadBookmark(bookmark)).toEqual(positions)
      await other.saveBookmark(bookmark, new Map([[1, 0n]]))
      await other.saveBookmark(bookmark, new Map([[0, 5n]]))
      await other.saveBookmark(bookmark, new Map())
      expect(await log.loadBookmark(bookmark)).toEqual(new Map([...positions, [0, 5n], [1, 0n]]))
      expect(await log.loadBookmark(`spindexer-copy-${randomUUID()}`)).toEqual(new Map())
    })

    test('a bookmark appends nothing', async () => {
      const { log } = await start(1)
      await log.saveBookmark(`spindexer-copy-${randomUUID()}`, new Map([[0, 3n]]))
      const { partitions, definitions } = await log.describe()
      expect([partitions[0]!.end, definitions!.end]).toEqual([0n, 0n])
    })
  })

  describe(`${name}: members`, () => {
    test('the members of a group are known by the names that they read with, as long as they read', async () => {
      const { log, another } = await start(2)
      const group = `spindexer-known-${randomUUID()}`
      const names = async () => [...(await log.groupMembers(group))].sort().join()
      expect(await names()).toBe('')
      const first = startMember(log, { type: 'group', group, member: 'one' })
      const second = startMember(another(), { type: 'group', group, member: 'two' })
      await waitFor('both to be known', async () => (await names()) === 'one,two')
      await first.stop()
      await waitFor('the other one to be known alone', async () => (await names()) === 'two')
      await second.stop()
    })
  })

  describe(`${name}: sealing`, () => {
    test('a sealed log takes nothing more and reads as before; one that cannot be sealed is left alone', async () => {
      const { log, another } = await start(2)
      await createLog(log, plan(1))
      await log.append(text(0, 'a'))
      const last = [...text(0, 'end 0'), ...text(1, 'end 1'), ...text(DEFINITIONS, 'end')]
      const isSealed = await log.seal(last)
      const ends = async () => {
        const { partitions, definitions } = await log.describe()
        return [...partitions, definitions!].map(({ end }) => end)
      }
      if (!isSealed) {
        expect(await ends()).toEqual([2n, 1n, 1n])
        await log.append(text(0, 'b'))
        return
      }
      expect(await ends()).toEqual([3n, 2n, 2n])
      await expect(log.append(text(0, 'b'))).rejects.toThrow(/; /)
      const other = another()
      await expect(other.append(text(DEFINITIONS, 'b'))).rejects.toThrow(/; /)
      expect(await other.seal(last)).toBe(true)
      expect(await ends()).toEqual([3n, 2n, 2n])
      expect(checkLog(await other.describe()).type).toBe('ok')
      const { records } = await until(other, { scope: { type: 'all' } }, (state) => state.isCaughtUp([0, 1]))
      const behindGenesis = records.filter(({ offset }) => offset > 0n).map(({ value }) => textOf(value))
      expect(behindGenesis.sort()).toEqual(['a', 'end 0', 'end 1'])
      await other.saveBookmark('spindexer-copy-of-a-sealed-log', new Map([[0, 3n]]))
    })

    test('of appends and a seal at the same time each append is before the end, or refused', async () => {
      const { log, another } = await start(2)
      await createLog(log, plan(1))
      const other = another()
      const appends = Array.from({ length: 40 }, (_, i) => other.append(text(i % 2, `record ${i}`)))
      const sealing = log.seal([...text(0, 'end'), ...text(1, 'end'), ...text(DEFINITIONS, 'end')])
      const answers = await Promise.allSettled(appends)
      if (!(await sealing)) return
      const { records } = await until(log, { scope: { type: 'all' } }, (state) => state.isCaughtUp([0, 1]))
      const found = new Set(records.map(({ value }) => textOf(value)))
      for (const [i, { status }] of answers.entries()) {
        expect(found.has(`record ${i}`), `record ${i}: ${status}`).toBe(status === 'fulfilled')
      }
      for (const partition of [0, 1]) {
        const own = records.filter((record) => record.partition === partition)
        expect(textOf(own.at(-1)!.value)).toBe('end')
      }
    })
  })
}
