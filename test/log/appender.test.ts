// Several batches on their way at once: whatever is lost, cut or refused, each record is in the log once, in order, where it was said.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { createRandom } from '../../scripts/demo/random.ts'
import { type Appender, createAppender } from '../../src/log/kafka/appender.ts'
import type { Appended, NewRecord } from '../../src/log/log.ts'
import { announceSeed } from '../support/seed.ts'
import { createFakeCluster, type FakeBatch, type FakeCluster, type Fate } from './fake-broker.ts'
import { text, textOf } from './samples.ts'

const seed = announceSeed('test/log/appender.test.ts')
const BATCH_BYTES = 4_000
const random = createRandom(seed)
/** Text that hardly shrinks. */
const noise = (length: number) =>
  Array.from({ length }, () => String.fromCharCode(33 + Math.floor(random() * 94))).join('')
const NOT_LEADER = 6
const MESSAGE_TOO_LARGE = 10
const UNAUTHORIZED = 29
const OUT_OF_ORDER = 45
const UNSUPPORTED_COMPRESSION = 76

let closing: AbortController
beforeEach(() => {
  closing = new AbortController()
})
afterEach(() => closing.abort())

function start(partitions: number): { cluster: FakeCluster; appender: Appender } {
  const cluster = createFakeCluster(partitions)
  const trouble = { failed: () => {}, passed: () => {} }
  const { client } = cluster
  const appender = createAppender({ client, topic: 't', signal: closing.signal, onLog: () => {}, trouble })
  return { cluster, appender }
}

/** Takes no batch above so many bytes: with it a few kilobytes are several batches. */
const refuseLarge = ({ bytes }: FakeBatch) => (bytes > BATCH_BYTES ? MESSAGE_TOO_LARGE : 0)

/** Every record at the place that was said, and what each partition holds, as texts. */
function check(cluster: FakeCluster, calls: readonly (readonly NewRecord[])[], answers: readonly Appended[]) {
  const said = answers.map(({ partition, offset }) =>
    textOf(cluster.records[partition]![Number(offset)]!.value),
  )
  expect(said).toEqual(calls.flat().map(({ value }) => textOf(value)))
}

/** In the order of the calls, each record once. */
function checkOrder(cluster: FakeCluster, calls: readonly (readonly NewRecord[])[]) {
  for (const [partition, records] of cluster.records.entries()) {
    const sent = calls.flat().filter((record) => record.partition === partition)
    expect(records.map(({ value }) => textOf(value))).toEqual(sent.map(({ value }) => textOf(value)))
  }
}

test('faults at random: every record once, in order, at its place, with up to five batches on their way', async () => {
  const { cluster, appender } = start(3)
  const faults = new Map<string, number>()
  const dice = (chances: readonly (readonly [name: string, chance: number])[]): string | null => {
    let rest = random()
    for (const [name, chance] of chances) {
      rest -= chance
      if (rest >= 0) continue
      faults.set(name, (faults.get(name) ?? 0) + 1)
      return name
    }
    return null
  }
  cluster.fate = () =>
    (dice([
      ['cut', 0.02],
      ['cut answer', 0.02],
      ['late', 0.03],
      ['timeout', 0.02],
    ]) ?? 'pass') as Fate
  cluster.refuse = (batch) => refuseLarge(batch) || (dice([['moved', 0.02]]) === null ? 0 : NOT_LEADER)
  const calls: NewRecord[][] = []
  const appended: Promise<readonly Appended[]>[] = []
  const isEnough = () => calls.length >= 150 && faults.size === 5
  while (calls.length < 3_000 && !isEnough()) {
    const texts = Array.from({ length: 60 }, (_, i) => `${calls.length} ${i} ${noise(random() * 150)}`)
    calls.push(texts.flatMap((one, i) => text(i % 3, one)))
    appended.push(appender.append(calls.at(-1)!))
    if (calls.length % 40 === 0) await appended.at(-1)
  }
  const answers = (await Promise.all(appended)).flat()
  expect(faults.size).toBe(5)
  check(cluster, calls, answers)
  checkOrder(cluster, calls)
  expect(cluster.producers()).toBe(1)
  expect(cluster.inFlightMax()).toBe(5)
}, 120_000)

test('a batch that fails in the middle is sent again before those behind it', async () => {
  const { cluster, appender } = start(1)
  cluster.refuse = refuseLarge
  const warm = text(0, ...Array.from({ length: 200 }, (_, i) => `warm ${i} ${noise(90)}`))
  await appender.append(warm)
  const from = cluster.seen.length
  let left = 1
  let nth = 0
  cluster.refuse = (batch) => refuseLarge(batch) || (++nth > 2 && left-- > 0 ? NOT_LEADER : 0)
  const more = text(0, ...Array.from({ length: 200 }, (_, i) => `more ${i} ${noise(90)}`))
  const answers = await appender.append(more)
  checkOrder(cluster, [warm, more])
  check(cluster, [more], answers)
  const sequences = cluster.seen.slice(from).map(({ sequence }) => sequence)
  const failed = sequences[2]!
  // Those behind it came, were refused for their numbers, and came again: behind it, which went alone first.
  expect(sequences.slice(3).filter((one) => one === failed)).toHaveLength(1)
  const again = sequences.indexOf(failed, 3)
  expect(again).toBeGreaterThan(3)
  expect(sequences.slice(3, again).every((one) => one > failed)).toBe(true)
  expect(sequences.slice(again)).toEqual(sequences.slice(again).toSorted((a, b) => a - b))
})

test('a batch that is too large is cut, with those behind it on their way', async () => {
  const { cluster, appender } = start(1)
  cluster.refuse = refuseLarge
  const warm = text(0, ...Array.from({ length: 200 }, (_, i) => `warm ${i} ${noise(90)}`))
  await appender.append(warm)
  let isNarrow = false
  let refused = 0
  cluster.refuse = (batch) => {
    isNarrow ||= cluster.inFlightMax() > 1 && batch.sequence > 250
    if (!isNarrow || batch.bytes <= 1_500) return 0
    refused++
    return MESSAGE_TOO_LARGE
  }
  const more = text(0, ...Array.from({ length: 300 }, (_, i) => `more ${i} ${noise(90)}`))
  const answers = await appender.append(more)
  expect(refused).toBeGreaterThan(1)
  checkOrder(cluster, [warm, more])
  check(cluster, [more], answers)
  expect(cluster.producers()).toBe(1)
})

test('a record that is too large alone fails its own call; the others go on behind another producer', async () => {
  const { cluster, appender } = start(1)
  cluster.refuse = refuseLarge
  const small = (name: string) =>
    text(0, ...Array.from({ length: 80 }, (_, i) => `${name} ${i} ${noise(90)}`))
  const [before, behind] = [small('first'), small('last')]
  const first = appender.append(before)
  const large = appender.append(text(0, 'before', noise(2 * BATCH_BYTES), 'behind'))
  const last = appender.append(behind)
  await expect(large).rejects.toThrow(/partition 0 of kafka topic "t": .*MESSAGE_TOO_LARGE/)
  check(cluster, [before, behind], [...(await first), ...(await last)])
  expect(cluster.producers()).toBe(2)
  const all = cluster.records[0]!.map(({ value }) => textOf(value))
  expect(all.indexOf(textOf(behind[0]!.value))).toBeGreaterThan(all.indexOf(textOf(before[79]!.value)))
})

test('what may not be written fails, and nothing that was sent with it is acknowledged by mistake', async () => {
  const { cluster, appender } = start(2)
  cluster.refuse = ({ partition }) => (partition === 1 ? UNAUTHORIZED : 0)
  const both = appender.append([...text(0, 'a'), ...text(1, 'b')])
  const sound = appender.append(text(0, 'c'))
  await expect(both).rejects.toThrow(/TOPIC_AUTHORIZATION_FAILED/)
  check(cluster, [text(0, 'c')], await sound)
})

test('a broker that has lost count: all that is not acknowledged is sent by another producer', async () => {
  const { cluster, appender } = start(1)
  cluster.refuse = refuseLarge
  const warm = text(0, ...Array.from({ length: 200 }, (_, i) => `warm ${i} ${noise(90)}`))
  await appender.append(warm)
  let left = 1
  cluster.refuse = (batch) => refuseLarge(batch) || (left-- > 0 ? OUT_OF_ORDER : 0)
  const more = text(0, ...Array.from({ length: 200 }, (_, i) => `more ${i} ${noise(90)}`))
  check(cluster, [more], await appender.append(more))
  expect(cluster.producers()).toBe(2)
  checkOrder(cluster, [warm, more])
})

test('a broker that does not know the compression gets batches without it', async () => {
  const { cluster, appender } = start(1)
  const large = Array.from({ length: 6 }, (_, i) => text(0, `${i} ${'x'.repeat(600_000)}`))
  const answers = await Promise.all(large.map((one) => appender.append(one)))
  expect(new Set(cluster.seen.map(({ codec }) => codec))).toEqual(new Set([4]))
  check(cluster, large, answers.flat())
  cluster.refuse = ({ codec }) => (codec === 4 ? UNSUPPORTED_COMPRESSION : 0)
  const more = await Promise.all(large.map((one) => appender.append(one)))
  check(cluster, large, more.flat())
  expect(cluster.seen.at(-1)!.codec).toBe(0)
  checkOrder(cluster, [...large, ...large])
  expect(cluster.producers()).toBe(1)
})

test('small batches and what does not shrink go as they are', async () => {
  const { cluster, appender } = start(1)
  await appender.append(text(0, 'x'.repeat(10_000)))
  const value = Buffer.from(Array.from({ length: 100_000 }, () => Math.floor(random() * 256)))
  await appender.append([{ partition: 0, key: null, value }])
  expect(cluster.seen.map(({ codec }) => codec)).toEqual([0, 0])
  expect(cluster.records[0]![1]!.value).toEqual(value)
})

test('what comes while a batch is on its way goes together', async () => {
  const { cluster, appender } = start(1)
  const calls = Array.from({ length: 100 }, (_, i) => text(0, `${i}`))
  const appended: Promise<readonly Appended[]>[] = []
  for (const call of calls) {
    appended.push(appender.append(call))
    await Promise.resolve()
  }
  check(cluster, calls, (await Promise.all(appended)).flat())
  expect(cluster.seen.length).toBeLessThanOrEqual(3)
  await appender.append(text(0, 'alone'))
  expect(cluster.seen.at(-1)!.count).toBe(1)
})

test('closing fails what waits at once', async () => {
  const { cluster, appender } = start(1)
  cluster.fate = () => 'timeout'
  const waiting = appender.append(text(0, 'a'))
  setTimeout(() => closing.abort(), 20)
  await expect(waiting).rejects.toThrow('the log is closed')
  await expect(appender.append(text(0, 'b'))).rejects.toThrow('the log is closed')
})
