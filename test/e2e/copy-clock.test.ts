// The target's clock is five minutes off: what only it refuses is waited for, what the source refused stays refused.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { record } from '../../scripts/golden/definition-texts.ts'
import { encodeMutation } from '../../src/codec/avro-encode.ts'
import { frameSingleObject } from '../../src/codec/framing.ts'
import { DEFINITIONS } from '../../src/codec/record.ts'
import { createStamp, type Origin } from '../../src/crdt/stamp.ts'
import { copyLog } from '../../src/log/copy/copy.ts'
import type { CopyEvent } from '../../src/log/copy/events.ts'
import { createLog } from '../../src/log/genesis.ts'
import type { KeptLog, NewRecord } from '../../src/log/log.ts'
import { createMemoryDatabase } from '../../src/store/memory/database.ts'
import { createTopic } from '../log/kafka-admin.ts'
import { createLogDatabase } from '../log/postgres-admin.ts'
import { expectCopy, expectState, figuresOf, follow, readLog } from '../support/copies.ts'
import { kafka, postgres } from '../support/services.ts'

const OFF_MS = 300_000n
/** A message that is stamped now waits for eight seconds where the target is five minutes behind. */
const MAX_CLOCK_AHEAD_MS = 292_000n
const PARTITIONS = 2

const closing: (() => Promise<void>)[] = []
beforeAll(async () => {
  await Promise.all([kafka(), postgres(18)])
}, 120_000)
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

/** A log in Postgres whose clock is off. */
async function inPostgres(offMs: bigint): Promise<KeptLog> {
  const database = await createLogDatabase(18, PARTITIONS, 'clock')
  await database.execute(`
    create or replace function spindexer_log.now_ms() returns bigint
    language sql volatile set search_path = pg_catalog, pg_temp
    return floor(extract(epoch from clock_timestamp()) * 1000)::bigint + ${offMs}`)
  const log = database.open()
  closing.push(database.drop, () => log.close())
  return log
}

async function inKafka(): Promise<KeptLog> {
  const { brokers } = await kafka()
  const log = (await createTopic(brokers, PARTITIONS, 'clock')).open()
  closing.push(() => log.close())
  return log
}

const DIRECTIONS = [
  ['Kafka to a Postgres that is five minutes behind', inKafka, () => inPostgres(-OFF_MS), 0n, true],
  ['Kafka to a Postgres that is five minutes ahead', inKafka, () => inPostgres(OFF_MS), 0n, false],
  // Kafka's clock is right; against the source's it is five minutes off all the same.
  ['a Postgres that is five minutes ahead to Kafka', () => inPostgres(OFF_MS), inKafka, OFF_MS, true],
  ['a Postgres that is five minutes behind to Kafka', () => inPostgres(-OFF_MS), inKafka, -OFF_MS, false],
] as const

describe.each(DIRECTIONS)('%s', (_, openSource, openTarget, sourceOffMs, isBehind) => {
  it('is complete, marked, without refused tries but one a partition, and equal to its source', async () => {
    const [source, target] = await Promise.all([openSource(), openTarget()])
    const plan = {
      logId: randomUUID(),
      copyId: randomUUID(),
      generation: 1,
      maxClockAheadMs: MAX_CLOCK_AHEAD_MS,
    }
    expect((await createLog(source, { ...plan, admins: [] })).type).toBe('created')
    await source.append([{ partition: DEFINITIONS, key: null, value: Buffer.from(DEFINITION) }])
    const sourceNow = () => BigInt(Date.now()) + sourceOffMs
    await source.append(Array.from({ length: 600 }, (_, i) => message(i, sourceNow() - 3_600_000n)))
    // As far ahead as is allowed is too long to wait for; these are stamped now, by the source's clock.
    await source.append(Array.from({ length: 600 }, (_, i) => message(600 + i, sourceNow())))
    const aheadMs = MAX_CLOCK_AHEAD_MS + 20_000n
    await source.append(Array.from({ length: 200 }, (_, i) => message(i, sourceNow() + aheadMs)))
    const kept = createMemoryDatabase()
    await follow(source, kept)
    // Just before the copy, which would find nothing to wait for on a slow machine otherwise.
    await source.append(Array.from({ length: 600 }, (_, i) => message(1_200 + i, sourceNow())))
    const events: CopyEvent[] = []
    const outcome = await copyLog({
      source,
      target,
      isClosing: false,
      signal: new AbortController().signal,
      copyId: randomUUID(),
      nowMs: () => performance.now(),
      onEvent: (event) => events.push(event),
      parcelRecordsMax: 100,
    })
    expect(outcome).toMatchObject({ type: 'copied', counts: { marked: 200 } })
    if (outcome.type !== 'copied') return
    const waits = events.filter((event) => event.type === 'waiting').map(({ waitMs }) => waitMs)
    expect(waits.length > 0).toBe(isBehind)
    expect(Math.max(0, ...waits)).toBeLessThan(10_000)
    expect(outcome.counts.appendedAgain).toBeLessThanOrEqual(PARTITIONS)

    const [from, to] = [await readLog(source), await readLog(target)]
    expectCopy(from, to)
    expect(from.counts).toEqual({ merged: 1_800, parked: 0, quarantined: 200 })
    expect(to.counts).toEqual({ merged: 1_800, parked: 0, quarantined: 200 + outcome.counts.appendedAgain })
    const fresh = createMemoryDatabase()
    await Promise.all([follow(target, kept), follow(target, fresh)])
    for (const node of [kept, fresh]) expectState(node, to)
    expect(figuresOf(kept)).toEqual(figuresOf(fresh))
  }, 120_000)
})

const DEFINITION = record({
  type: 'record',
  name: 'd',
  key: ['id'],
  fields: [
    { name: 'id', type: 'string' },
    { name: 'n', type: ['null', 'long'] },
  ],
})
const ORIGIN = '00000000000000aa' as Origin

function message(n: number, timeMs: bigint): NewRecord {
  const mutation = {
    stamp: createStamp(timeMs * 1_000_000n + BigInt(n), ORIGIN),
    seq: null,
    operation: 'upsert' as const,
    dataset: 'd',
    key: [`k${n % 500}`],
    columns: new Map([['n', BigInt(n)]]),
  }
  return { partition: n % PARTITIONS, key: null, value: frameSingleObject(encodeMutation(mutation)) }
}
