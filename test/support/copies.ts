// What a copy owes to its source, whatever came between: every record, every verdict, the same state.

import { expect } from 'vitest'
import { judgeDefinitions, nothingDefined } from '../../src/codec/definitions.ts'
import { type SignersByOrigin, stateLines } from '../../src/codec/dump.ts'
import { initialStanding, type Standing } from '../../src/codec/policy/standing.ts'
import { DEFINITIONS, type LogRecord } from '../../src/codec/record.ts'
import { createRecordProver } from '../../src/codec/signing/proof.ts'
import type { Signer } from '../../src/codec/signing/signer-key.ts'
import { createJudge } from '../../src/codec/verdict.ts'
import { createFold, foldMutation } from '../../src/crdt/fold.ts'
import { type Origin, stampToOrigin } from '../../src/crdt/stamp.ts'
import { compareText } from '../../src/crdt/value.ts'
import { checkLog, type LogGenesis } from '../../src/log/check.ts'
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
  /** By `partition/offset`: the version of the policy that stands before a record; 0 in an open log. */
  readonly versions: ReadonlyMap<string, number>
  /** Where policies and closes of a guarded log stand that are valid. */
  readonly policies: ReadonlySet<string>
  readonly closes: ReadonlySet<string>
  readonly counts: { readonly merged: number; readonly parked: number; readonly quarantined: number }
  /** As `dump --cells` prints it. */
  readonly state: string
}

export const placeOf = ({ partition, offset }: LogRecord): string => `${partition}/${offset}`

/** Reads everything, and folds it by the plainest means: one record after the other. */
export async function readLog(log: Log): Promise<ReadLog> {
  const checked = checkLog(await log.describe())
  if (checked.type === 'refused') throw new Error(JSON.stringify(checked.problems))
  const { generation, copyId, partitions } = checked.genesis
  const numbers = Array.from({ length: partitions }, (_, partition) => partition)
  const data = await until(log, { scope: { type: 'all' } }, (state) => state.isCaughtUp(numbers))
  const definitions = await until(log, { scope: { type: 'definitions' } }, (state) =>
    state.isCaughtUp([DEFINITIONS]),
  )
  const records = [...data.records, ...definitions.records].filter(({ offset }) => offset > 0n)
  return {
    generation,
    copyId,
    partitions,
    records,
    ...judgeAll(checked.genesis, data.records, definitions.records),
  }
}

type Judged = Omit<ReadLog, 'generation' | 'copyId' | 'partitions' | 'records'>

function judgeAll(
  genesis: LogGenesis,
  data: readonly LogRecord[],
  definitions: readonly LogRecord[],
): Judged {
  const { logId, admins } = genesis
  const [quarantined, versions] = [new Map<string, string>(), new Map<string, number>()]
  const [policies, closes] = [new Set<string>(), new Set<string>()]
  const prove = createRecordProver(logId)
  const note = (record: LogRecord, before: Standing, after: Standing): void => {
    versions.set(placeOf(record), before.type === 'guarded' ? before.version : 0)
    if (before.type === 'open' || after.type === 'open') return
    if (after.version !== before.version) policies.add(placeOf(record))
    if (after.isClosed !== before.isClosed) closes.add(placeOf(record))
  }

  let defined = nothingDefined(admins)
  for (const record of definitions) {
    const judged = judgeDefinitions(defined, [record], record.offset + 1n, { ...genesis, prove })
    for (const { reason } of judged.refused) quarantined.set(placeOf(record), reason)
    note(record, defined.standing, judged.standing)
    defined = judged
  }
  const { catalogue } = defined
  const judge = createJudge(genesis)
  const rows = createFold()
  const counts = { merged: 0, parked: 0, quarantined: 0 }
  const standings = new Map<number, Standing>()
  const authors = new Map<Origin, Set<Signer>>()
  for (const record of data) {
    const standing = standings.get(record.partition) ?? initialStanding(admins)
    const verdict = judge(record, catalogue, standing, prove(record))
    note(record, standing, verdict.type === 'control' ? verdict.standing : standing)
    if (verdict.type === 'control') standings.set(record.partition, verdict.standing)
    else if (verdict.type === 'merge') {
      counts.merged++
      foldMutation(rows, verdict.mutation)
      const origin = stampToOrigin(verdict.mutation.stamp)
      authors.set(origin, (authors.get(origin) ?? new Set()).add(verdict.signer))
    } else if (verdict.type === 'parked') counts.parked++
    else {
      counts.quarantined++
      quarantined.set(placeOf(record), verdict.reason)
    }
  }
  const state = [...stateLines(catalogue, rows, sortSigners(authors))].join('')
  return { quarantined, versions, policies, closes, counts, state }
}

function sortSigners(authors: ReadonlyMap<Origin, ReadonlySet<Signer>>): SignersByOrigin {
  const compare = (a: Signer, b: Signer) => (a === null ? -1 : b === null ? 1 : compareText(a, b))
  return new Map([...authors].map(([origin, signers]) => [origin, [...signers].sort(compare)]))
}

/**
 * Everything of the source is in the copy: what it took, byte for byte and taken, behind the same policy; what it
 * quarantined, quarantined. Nothing is taken there that the source did not take. Partitions are kept where there are as
 * many.
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
  /** Policies and closes stand where they stand: they are looked at for themselves. */
  const isTurn = (log: ReadLog, record: LogRecord) =>
    log.policies.has(placeOf(record)) || log.closes.has(placeOf(record))
  const takenIn = (log: ReadLog) => log.records.filter((one) => isTaken(log)(one) && !isTurn(log, one))
  const behindPolicy = (log: ReadLog) => (record: LogRecord) =>
    `${idOf(record)} behind version ${log.versions.get(placeOf(record))}`
  const taken = new Set(takenIn(source).map(idOf))
  const there = new Set(takenIn(copy).map(idOf))
  const thereBehind = new Set(takenIn(copy).map(behindPolicy(copy)))
  const named = (records: readonly LogRecord[]) =>
    records.map((record) => `${placeOf(record)} ${record.value}`)
  const missing = takenIn(source).filter((record) => !thereBehind.has(behindPolicy(source)(record)))
  expect(named(missing), 'taken by the source, and not in the copy').toEqual([])
  const added = takenIn(copy).filter((record) => !taken.has(idOf(record)))
  expect(named(added), 'taken in the copy, and not by the source').toEqual([])
  expectPolicies(source, copy)

  // What is quarantined in the copy is marked, or one of the tries that came too early, or what came twice.
  const turns = new Set(
    source.records.filter((record) => isTurn(source, record)).map(({ value }) => `${value}`),
  )
  const marks = new Map<string, number>()
  for (const record of copy.records) {
    if (isTaken(copy)(record)) continue
    const mark = record.headers.find(({ name }) => name === 'spindexer-quarantined')
    if (mark === undefined && !turns.has(`${record.value}`)) expect(there).toContain(idOf(record))
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

/** The valid policies of each partition are those of the source; with another number of partitions all have the same. */
function expectPolicies(source: ReadLog, copy: ReadLog): void {
  const policiesOf = (log: ReadLog, partition: number) =>
    log.records
      .filter((record) => record.partition === partition && log.policies.has(placeOf(record)))
      .map(({ value }) => `${value}`)
  for (let partition = DEFINITIONS; partition < copy.partitions; partition++) {
    const of = source.partitions === copy.partitions ? partition : Math.min(partition, 0)
    expect(policiesOf(copy, partition), `policies of partition ${partition}`).toEqual(policiesOf(source, of))
  }
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
  const lines = stateLines(database.catalogue, database.rows, sortSigners(database.authors))
  expect([...lines].join('') === log.state).toBe(true)
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
  standings,
  authors,
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
    standings: [...standings].sort(([a], [b]) => a - b),
    authors: [...sortSigners(authors)].sort(([a], [b]) => (a < b ? -1 : 1)),
  }
}
