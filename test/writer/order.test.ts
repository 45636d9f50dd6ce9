// The order of lines as what decides between lines of one timestamp.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { orderTies } from '../../src/writer/order.ts'
import type { Entry, Source } from '../../src/writer/source.ts'
import { announceSeed, seeded } from '../support/seed.ts'
import { NOW_MS, upsert } from './support.ts'

const seed = announceSeed('test/writer/order.test.ts')

const entry = (timeNs: bigint | null, line: number): Entry => ({
  type: 'change',
  line,
  change: upsert('t1', BigInt(line), timeNs),
})

async function timesOf(source: Source): Promise<readonly (bigint | null)[]> {
  const times: (bigint | null)[] = []
  for await (const entries of source()) {
    for (const each of entries) times.push(each.type === 'change' ? each.change.timeNs : -1n)
  }
  return times
}

it('the n-th further line of a timestamp comes n nanoseconds later, at every reading', async () => {
  const time = fc.constantFrom(null, NOW_MS, NOW_MS + 1_000n, NOW_MS + 2_000n)
  await fc.assert(
    fc.asyncProperty(
      fc.array(time, { maxLength: 20 }),
      fc.integer({ min: 1, max: 4 }),
      async (times, size) => {
        async function* source(): AsyncIterable<readonly Entry[]> {
          const entries = times.map((each, i) => entry(each, i + 1))
          for (let at = 0; at < entries.length; at += size) yield entries.slice(at, at + size)
        }
        const ordered = await orderTies(source, new AbortController().signal)
        const expected = times.map((each, i) =>
          each === null
            ? null
            : each + BigInt(times.slice(0, i).filter((earlier) => earlier === each).length),
        )
        expect(await timesOf(ordered)).toEqual(expected)
        expect(await timesOf(ordered)).toEqual(expected)
      },
    ),
    seeded(seed, 200),
  )
})

it('lines that are no change stay and count for nothing', async () => {
  async function* source(): AsyncIterable<readonly Entry[]> {
    yield [entry(NOW_MS, 1), { type: 'bad', line: 2, fault: 'wrong' }, entry(NOW_MS, 3)]
  }
  expect(await timesOf(await orderTies(source, new AbortController().signal))).toEqual([
    NOW_MS,
    -1n,
    NOW_MS + 1n,
  ])
})
