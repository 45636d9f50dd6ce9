// The store in memory: every step is one synchronous piece of code, so it happens whole or not at all.

import type { Catalogue } from '../../codec/catalogue.ts'
import { findCures } from '../../codec/definitions.ts'
import { DEFINITIONS, type Pointer } from '../../codec/record.ts'
import { type Fold, mergeFold } from '../../crdt/fold.ts'
import { unpackFold } from '../../crdt/packed/fold.ts'
import { maxStamp } from '../../crdt/stamp.ts'
import { compareText } from '../../crdt/value.ts'
import { isSameIdentity, refuseIdentity } from '../identity.ts'
import { ORIGINS_MAX } from '../limits.ts'
import { toStorable } from '../set-aside.ts'
import type {
  Authorship,
  Batch,
  CommitResult,
  DefinitionStep,
  LogIdentity,
  OriginStep,
  ParkedMessage,
  PartitionStep,
  PendingMessage,
  Rejudgement,
  Store,
  StoreRefusal,
  StoreState,
} from '../store.ts'
import { createMemoryDatabase, type MemoryDatabase, maxOf, moveTo, stateOf } from './database.ts'

const COMMITTED: CommitResult = { type: 'committed' }

/** A store on `database`; several on the same one are workers of one node. */
export function createMemoryStore(database: MemoryDatabase = createMemoryDatabase()): Store {
  return {
    load: async (identity) => load(database, identity),
    commit: async (batch) => commit(database, batch),
    define: async (step) => define(database, step),
    parkedToJudge: async (after, limit) => parkedToJudge(database, after, limit),
    rejudge: async (rejudgement) => rejudge(database, rejudgement),
  }
}

function load(database: MemoryDatabase, identity: LogIdentity): StoreState | StoreRefusal {
  database.identity ??= identity
  const movedFrom = database.identity
  const refusal = refuseIdentity(movedFrom, identity)
  if (refusal !== null || isSameIdentity(movedFrom, identity)) return refusal ?? stateOf(database)
  moveTo(database, identity)
  return { ...stateOf(database), movedFrom }
}

function commit(database: MemoryDatabase, batch: Batch): CommitResult {
  const stale = findStale(database, batch.identity, batch.catalogueOffset)
  if (stale !== null) return stale
  for (const step of batch.steps) {
    if ((database.partitions.get(step.partition)?.position ?? 0n) !== step.from) return staleBy('positions')
  }
  const rows = unpackFold(batch.rows)
  requireDefined(database.catalogue, rows)
  batch.steps.forEach(requireSum)
  for (const step of batch.steps) applyStep(database, step)
  mergeFold(database.rows, rows)
  park(database, batch.parked)
  for (const message of batch.quarantined) database.quarantined.set(placeOf(message), toStorable(message))
  for (const origin of batch.origins) countOrigin(database, origin)
  keepAuthors(database, batch.authors)
  return COMMITTED
}

function define(database: MemoryDatabase, step: DefinitionStep): CommitResult {
  const stale = findStale(database, step.identity, step.from)
  if (stale !== null) return stale
  const { definitions } = database
  for (const dataset of step.catalogue.datasets.values()) {
    for (const waitsFor of findCures(database.catalogue.datasets.get(dataset.name), dataset)) {
      const isAwaited = [...database.parked.values()].some(
        (message) => message.dataset === dataset.name && message.waitsFor === waitsFor,
      )
      if (isAwaited) database.cures.set(`${dataset.name}/${waitsFor}`, step.catalogue.offset)
    }
  }
  database.catalogue = step.catalogue
  if (step.standing !== null) database.standings.set(DEFINITIONS, step.standing)
  definitions.last = step.last ?? definitions.last
  definitions.taken += BigInt(step.taken)
  definitions.controls += BigInt(step.controls)
  definitions.refused += BigInt(step.refused.length)
  for (const message of step.refused) database.quarantined.set(placeOf(message), toStorable(message))
  if (database.cures.size === 0) database.rejudgedTo = step.catalogue.offset
  return COMMITTED
}

function parkedToJudge(
  database: MemoryDatabase,
  after: PendingMessage | null,
  limit: number,
): readonly PendingMessage[] {
  const found = pending(database).filter((message) => after === null || comparePending(message, after) > 0)
  if (found.length === 0 && after === null) {
    database.cures.clear()
    database.rejudgedTo = database.catalogue.offset
  }
  return found.slice(0, limit)
}

function rejudge(database: MemoryDatabase, rejudgement: Rejudgement): CommitResult {
  const stale = findStale(database, rejudgement.identity, rejudgement.catalogueOffset)
  if (stale !== null) return stale
  const { taken } = rejudgement
  if (!taken.every((pointer) => database.parked.has(placeOf(pointer)))) return staleBy('parked')
  const rows = unpackFold(rejudgement.rows)
  requireDefined(database.catalogue, rows)
  for (const pointer of taken) {
    database.parked.delete(placeOf(pointer))
    moveToMerged(database, pointer.partition, 1n)
  }
  for (const message of rejudgement.parked) moveToMerged(database, message.partition, -1n)
  park(database, rejudgement.parked)
  mergeFold(database.rows, rows)
  keepAuthors(database, rejudgement.authors)
  return COMMITTED
}

function findStale(database: MemoryDatabase, identity: LogIdentity, offset: bigint): CommitResult | null {
  if (database.identity === null || !isSameIdentity(database.identity, identity)) return staleBy('log')
  return database.catalogue.offset === offset ? null : staleBy('definitions')
}

function staleBy(what: 'positions' | 'definitions' | 'log' | 'parked'): CommitResult {
  return { type: 'stale', what }
}

function requireDefined(catalogue: Catalogue, rows: Fold): void {
  for (const name of rows.keys()) {
    if (!catalogue.datasets.has(name))
      throw new Error(`a batch holds rows of "${name}", which is not defined`)
  }
}

function requireSum(step: PartitionStep): void {
  if (step.consumed !== step.merged + step.parked + step.quarantined) {
    throw new Error(`partition ${step.partition}: consumed is not merged + parked + quarantined`)
  }
}

function applyStep(database: MemoryDatabase, step: PartitionStep): void {
  const held = database.partitions.get(step.partition)
  if (step.standing !== null) database.standings.set(step.partition, step.standing)
  database.partitions.set(step.partition, {
    position: step.next,
    last: step.last ?? held?.last ?? null,
    consumed: (held?.consumed ?? 0n) + BigInt(step.consumed),
    merged: (held?.merged ?? 0n) + BigInt(step.merged),
    parked: (held?.parked ?? 0n) + BigInt(step.parked),
    quarantined: (held?.quarantined ?? 0n) + BigInt(step.quarantined),
    controls: (held?.controls ?? 0n) + BigInt(step.controls),
    newestStamp: maxStamp(held?.newestStamp ?? null, step.newestStamp),
    newestAppendMs: maxOf(held?.newestAppendMs ?? null, step.newestAppendMs),
  })
}

function keepAuthors(database: MemoryDatabase, authors: readonly Authorship[]): void {
  for (const { origin, signer } of authors) {
    const signers = database.authors.get(origin) ?? new Set()
    database.authors.set(origin, signers.add(signer))
  }
}

function park(database: MemoryDatabase, messages: readonly ParkedMessage[]): void {
  const judgedAt = database.catalogue.offset
  for (const message of messages) {
    database.parked.set(placeOf(message), { ...toStorable(message), judgedAt })
  }
}

function moveToMerged(database: MemoryDatabase, partition: number, count: bigint): void {
  const held = database.partitions.get(partition)
  if (held === undefined) throw new Error(`partition ${partition} has parked messages but no position`)
  held.parked -= count
  held.merged += count
}

function pending(database: MemoryDatabase): PendingMessage[] {
  const found: PendingMessage[] = []
  for (const { partition, offset, dataset, waitsFor, judgedAt, size } of database.parked.values()) {
    if (dataset === null || waitsFor === null) continue
    const definedAt = database.cures.get(`${dataset}/${waitsFor}`) ?? 0n
    if (definedAt > judgedAt) found.push({ partition, offset, dataset, waitsFor, judgedAt, size })
  }
  return found.sort(comparePending)
}

function comparePending(a: PendingMessage, b: PendingMessage): number {
  const compare = (one: bigint, other: bigint) => (one < other ? -1 : one > other ? 1 : 0)
  return (
    compareText(a.dataset, b.dataset) ||
    compareText(a.waitsFor, b.waitsFor) ||
    compare(a.judgedAt, b.judgedAt) ||
    a.partition - b.partition ||
    compare(a.offset, b.offset)
  )
}

function countOrigin(database: MemoryDatabase, step: OriginStep): void {
  const id = `${step.origin}/${step.partition}`
  const held = database.origins.get(id)
  if (held !== undefined) {
    if (step.highestSeq > held.highestSeq) held.highestSeq = step.highestSeq
    held.count += BigInt(step.count)
  } else if (database.origins.size < ORIGINS_MAX) {
    database.origins.set(id, { ...step, count: BigInt(step.count) })
  }
}

function placeOf({ partition, offset }: Pointer): string {
  return `${partition}/${offset}`
}
