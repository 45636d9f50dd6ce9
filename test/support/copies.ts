// What a copy owes to its source, whatever came between: every record, every verdict, the same state.

import { expect } from 'vitest'
import { EMPTY_CATALOGUE } from '../../src/codec/catalogue.ts'
import { judgeOpenDefinitions } from '../../src/codec/definitions.ts'
import { stateLines } from '../../src/codec/dump.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { createOpenJudge } from '../../src/codec/verdict.ts'
import { createFold, foldMutation } from '../../src/crdt/fold.ts'
import { checkLog } from '../../src/log/check.ts'
import { recordHash } from '../../src/log/hash.ts'
import type { Log } from '../../src/log/log.ts'
import { runNode } from '../../src/node/run.ts'
import type { MemoryDatabase } from '../../src/store/memory/database.ts'
import { createMemoryStore } from '../../src/store/memory/store.ts'
import { until } from '../log/reading.ts'

/** A log that was read to its end, and what a node makes of it. */
export interface ReadLog {
  readonly generation: number
  readonly copyId: string
  readonly partitions: number
  /** Behind the genesis records; the definitions last. */
  readonly records: readonly LogRecord[]
  /** By `partition/offset`: why; of definitions too. */
  readonly quarantined: ReadonlyMap<string, string>
  readonly counts: { readonly merged: number; readonly parked: number; readonly quarantined: number }
  /** As `dump --cells` prints it. */
  readonly state: string
}

export const placeOf = ({ partition, offset }: LogRecord): string => `${partition}/${offset}`

/** Reads everything, and folds it by the plainest means. */
export async function readLog(log: Log): Promise<ReadLog> {
  const checked = checkLog(await log.describe())
  if (checked.type === 'refused') throw new Error(JSON.stringify(checked.problems))
  const { logId, maxClockAheadMs, generation, copyId, partitions } = checked.genesis
  const numbers = Array.from({ length: partitions }, (_, partition) => partition)
  const data = await until(log, { scope: { type: 'all' } }, (state) => state.isCaughtUp(numbers))
  const definitions = await until(log, { scope: { type: 'definitions' } }, (state) =>
    state.isCaughtUp([DEFINITIONS]),
  )
  const judged = judgeOpenDefinitions(EMPTY_CATALOGUE, definitions.records, 1n << 40n, logId)
  const quarantined = new Map(
    judged.refused.map((one) => [`${one.partition}/${one.offset}`, one.reason as string]),
  )
  const judge = createOpenJudge({ logId, maxClockAheadMs })
  const rows = createFold()
  const counts = { merged: 0, parked: 0, quarantined: 0 }
  for (const record of data.records) {
    const verdict = judge(record, judged.catalogue)
    if (verdict.type === 'control') continue
    if (verdict.type === 'merge') {
      counts.merged++
      foldMutation(rows, verdict.mutation)
    } else if (verdict.type === 'parked') counts.parked++
    else {
      counts.quarantined++
      quarantined.set(placeOf(record), verdict.reason)
    }
  }
  const records = [...data.records, ...definitions.records].filter(({ offset }) => offset > 0n)
  const state = [...stateLines(judged.catalogue, rows)].join('')
  return { generation, copyId, partitions, records, quarantined, counts, state }
}

/**
 * Everything of the source is in the copy: what it took, byte for byte and taken; what it quarantined, quarantined.
 * Nothing is taken there that the source did not take. Partitions are kept where there are as many.
 */
export function expectCopy(source: ReadLog, copy: ReadLog): void {
  expect(copy.generation).toBe(source.generation + 1)
  expect(copy.copyId).not.toBe(source.copyId)
  const isSameCount = source.partitions === copy.partitions
  const idOf = (record: LogRecord) => {
    const place = record.partition === DEFINITIONS ? 'definitions' : isSameCount ? record.partition : 'data'
    return `${place} ${recordHash({ ...record, value: record.value ?? Buffer.alloc(0) })}`
  }
  const isTaken = (log: ReadLog) => (record: LogRecord) => !log.quarantined.has(placeOf(record))
  const taken = new Set(source.records.filter(isTaken(source)).map(idOf))
  const there = new Set(copy.records.filter(isTaken(copy)).map(idOf))
  const named = (ids: ReadonlySet<string>, from: ReadLog) =>
    from.records
      .filter((record) => ids.has(idOf(record)))
      .map((record) => `${placeOf(record)} ${record.value}`)
  expect(named(taken.difference(there), source), 'taken by the source, and not in the copy').toEqual([])
  expect(named(there.difference(taken), copy), 'taken in the copy, and not by the source').toEqual([])

  // What is quarantined in the copy is marked, or one of the tries that came too early.
  const marks = new Map<string, number>()
  for (const record of copy.records) {
    if (isTaken(copy)(record)) continue
    const mark = record.headers.find(({ name }) => name === 'spindexer-quarantined')
    if (mark === undefined) expect(taken).toContain(idOf(record))
    const words = mark === undefined ? '' : Buffer.from(mark.value).toString()
    const at = /"partition":(-?\d+),"offset":(\d+)/.exec(words)
    if (at !== null) marks.set(`${at[1]}/${at[2]}`, (marks.get(`${at[1]}/${at[2]}`) ?? 0) + 1)
  }
  for (const record of source.records) {
    if (isTaken(source)(record)) continue
    if (record.headers.some(({ name }) => name === 'spindexer-quarantined')) continue
    expect(marks.has(placeOf(record)), `${placeOf(record)}, ${source.quarantined.get(placeOf(record))}`).toBe(
      true,
    )
  }
  expect(copy.state === source.state, 'the state of the copy is the state of the source').toBe(true)
}

/** Brings a node with a database in memory to the end of a log. */
export async function follow(log: Log, database: MemoryDatabase): Promise<void> {
  const outcome = await runNode({
    log,
    store: createMemoryStore(database),
    scope: { type: 'all' },
    signal: new AbortController().signal,
    untilEnd: true,
    isTransient: () => false,
    emit: () => {},
    windowBytesMax: 2_000,
  })
  expect(outcome).toEqual({ type: 'ended' })
}

/** A node has made of a log what is to be made of it. */
export function expectState(database: MemoryDatabase, log: ReadLog): void {
  expect([...stateLines(database.catalogue, database.rows)].join('') === log.state).toBe(true)
  expect([...database.quarantined.keys()].sort()).toEqual([...log.quarantined.keys()].sort())
}

/** Everything that a node counts, without where its newest stamp came from. */
export function figuresOf({
  catalogue,
  parked,
  quarantined,
  partitions,
  definitions,
  origins,
}: MemoryDatabase) {
  const counts = [...partitions].sort(([a], [b]) => a - b)
  return {
    offset: catalogue.offset,
    datasets: [...catalogue.datasets.values()].map((dataset) => ({ ...dataset, changedAt: null })),
    parked: [...parked.keys()].sort(),
    quarantined: [...quarantined].sort(([a], [b]) => (a < b ? -1 : 1)),
    counts: counts.map(([partition, held]) => [partition, { ...held, newestStamp: null }]),
    definitions,
    origins: [...origins].sort(([a], [b]) => (a < b ? -1 : 1)),
  }
}
