// How a log begins: over the port alone, so every adapter is asked.

import { describe, expect, test } from 'vitest'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { checkLog } from '../../src/log/check.ts'
import { createLog } from '../../src/log/genesis.ts'
import type { Log } from '../../src/log/log.ts'
import { plan, text } from '../log/samples.ts'

/** `start` makes an empty log of that many partitions; `another` is a second handle on it. */
export function logCreateContract(
  name: string,
  start: (partitions: number) => Promise<{ readonly log: Log; another(): Log }>,
): void {
  describe(`${name}: creating`, () => {
    test('a new log is whole, and creating it again changes nothing', async () => {
      const { log, another } = await start(3)
      const created = await createLog(log, plan(1))
      expect(created).toMatchObject({ type: 'created', genesis: { logId: plan(1).logId, partitions: 3 } })
      expect(await createLog(another(), plan(2))).toEqual({ ...created, type: 'existed' })
      expect((await log.describe()).partitions.map(({ end }) => end)).toEqual([1n, 1n, 1n])
      expect(checkLog(await log.describe())).toMatchObject({
        type: 'ok',
        genesis: { maxClockAheadMs: 60_000n },
      })
    })

    test('interrupted at any step it resumes with the id that it finds', async () => {
      for (const failAt of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
        const { log } = await start(2)
        await createLog(failing(log, failAt), plan(1)).catch(() => {})
        const before = await log.describe()
        const result = await createLog(log, plan(2))
        const logId = before.partitions[0]!.genesis === null ? plan(2).logId : plan(1).logId
        expect(result).toMatchObject({ genesis: { logId } })
        expect(checkLog(await log.describe()).type).toBe('ok')
      }
    })

    test('of those who create at once one writes each genesis, and all agree', async () => {
      for (let round = 0; round < 6; round++) {
        const { log, another } = await start(2)
        const handles = [log, ...Array.from({ length: 4 }, another)]
        const results = await Promise.all(handles.map((handle, i) => createLog(handle, plan(i + 1))))
        const ids = results.map((result) =>
          result.type === 'refused' ? result.problems : result.genesis.logId,
        )
        expect(new Set(ids).size).toBe(1)
        const description = await log.describe()
        expect(checkLog(description).type).toBe('ok')
        // Nothing is left over that a node would have to quarantine.
        const states = [...description.partitions, description.definitions!]
        expect(states.map(({ end }) => end)).toEqual([1n, 1n, 1n])
      }
    })

    test('a record that is to be the first is not appended behind another', async () => {
      const { log } = await start(2)
      await log.append(text(1, 'a', 'b'))
      const answers = await log.append([...text(0, 'c'), ...text(1, 'd')], { onlyFirst: true })
      expect(answers.map(({ partition, offset }) => [partition, offset])).toEqual([
        [0, 0n],
        [1, 0n],
      ])
      expect((await log.describe()).partitions.map(({ end }) => end)).toEqual([1n, 2n])
    })

    test('a foreign record at offset 0 is refused', async () => {
      for (const partition of [0, 1, DEFINITIONS]) {
        const { log } = await start(2)
        await log.append(text(partition, 'hello'))
        const result = await createLog(log, plan(1))
        expect(result).toMatchObject({
          type: 'refused',
          problems: [{ what: expect.stringMatching(/no genesis record/) }],
        })
        expect(
          (await log.describe()).partitions.every(({ end }, i) => end === (i === partition ? 1n : 0n)),
        ).toBe(true)
      }
    })
  })
}

/** A log whose calls begin to fail after so many; a failing append has appended. */
function failing(log: Log, failAt: number): Log {
  let calls = 0
  const count = async <T>(call: () => Promise<T>): Promise<T> => {
    const isLast = calls++ === failAt
    if (calls > failAt + 1) throw new Error('gone')
    const answer = await call()
    if (isLast) throw new Error('gone')
    return answer
  }
  return {
    ...log,
    describe: () => count(() => log.describe()),
    append: (records, options) => count(() => log.append(records, options)),
    pick: (pointers) => count(() => log.pick(pointers)),
  }
}
