// The store in Postgres: one transaction a step, fenced by positions, definitions and the log's identity.

import type { Pool, PoolClient } from 'pg'
import type { GuardedStanding } from '../../codec/policy/standing.ts'
import type { Pointer } from '../../codec/record.ts'
import type { PackedFold } from '../../crdt/packed/fold.ts'
import { isDataError, isLockTimeout } from '../../postgres/errors.ts'
import { type Bundle, createBundle } from '../../postgres/exchange.ts'
import { inTransaction, READ_SNAPSHOT, settings, WRITE } from '../../postgres/pool.ts'
import { isNameLost } from '../../postgres/prepared.ts'
import { isSameIdentity, refuseIdentity } from '../identity.ts'
import type {
  Authorship,
  Batch,
  CommitResult,
  DefinitionStep,
  LogIdentity,
  PartitionStep,
  PendingMessage,
  Rejected,
  Rejudgement,
  Store,
  StoreRefusal,
  StoreState,
} from '../store.ts'
import { applyFold } from './apply.ts'
import { bindTo } from './bind.ts'
import { findRejected } from './blame.ts'
import { setLockTimeout, takeDefinitions } from './define.ts'
import { isKeyTaken } from './errors.ts'
import { countOrigins } from './sql/count-origins.ts'
import { keepAuthors } from './sql/keep-authors.ts'
import { keepStandings } from './sql/keep-standings.ts'
import { describeHolders, lockHolders } from './sql/lock-holders.ts'
import { movePositions } from './sql/move-positions.ts'
import { park } from './sql/park.ts'
import { compareCures, endCure, markRejudged, pendingParked, readCures } from './sql/pending-parked.ts'
import { quarantine } from './sql/quarantine.ts'
import { readStandings } from './sql/read-standings.ts'
import { holdPositions, recountParked } from './sql/recount-parked.ts'
import { takeParked } from './sql/take-parked.ts'
import {
  type CatalogueCache,
  createCatalogueCache,
  HEAD,
  type Head,
  headOf,
  LOCK_EXCLUSIVELY,
  readHead,
  readPositions,
  toState,
} from './state.ts'
import { refuseSchema } from './version.ts'

/**
 * Rows meet the stored ones by a look into the primary key's index each, in order, whatever the planner thinks of the
 * table: any other way reads all of it, or locks rows in another order than the other workers do.
 */
const PLANS = settings({
  enable_nestloop: 'on',
  enable_indexscan: 'on',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_material: 'off',
  enable_memoize: 'off',
})
/**
 * Opens a transaction that writes state, many at a time, never beside a definition, and reads the head. A table lock
 * queues in order; with row locks alone, batches that overlap would keep a definition waiting without end. Losing the
 * newest commits in a crash of the server is harmless: positions go back together with the state.
 */
const SHARED = `${WRITE}; select ${PLANS}, ${settings({ synchronous_commit: 'off', lock_timeout: '10s' })};
  lock table spindexer.definitions in row share mode; ${HEAD}`
/** Long enough for the batches in flight to end; others wait behind. */
const EXCLUSIVE_WAIT_MS = 5_000

const COMMITTED: CommitResult = { type: 'committed' }

export interface PostgresStoreOptions {
  /** Of `createPool`; whoever made it ends it. The database must be migrated. */
  readonly pool: Pool
}

/** The state of the node in this database. Several stores on one database are workers of one node. */
export function createPostgresStore({ pool }: PostgresStoreOptions): Store {
  const catalogues = createCatalogueCache()
  return {
    load: (identity) => load(pool, catalogues, identity),
    commit: (batch) =>
      orRejected(pool, catalogues, batch.rows, (client, head) => commit(client, head, catalogues, batch)),
    define: (step) => define(pool, catalogues, step),
    parkedToJudge: (after, limit) => parkedToJudge(pool, after, limit),
    rejudge: (rejudgement) =>
      orRejected(pool, catalogues, rejudgement.rows, (client, head) =>
        rejudge(client, head, catalogues, rejudgement),
      ),
  }
}

/** Writes rows with what belongs to them; when it fails because of the data, says of which. */
async function orRejected(
  pool: Pool,
  catalogues: CatalogueCache,
  rows: PackedFold,
  write: (client: PoolClient, head: Head) => Promise<CommitResult>,
): Promise<CommitResult | Rejected> {
  try {
    return await retryTaken(() =>
      inTransaction(pool, SHARED, (client, opened) => write(client, headOf(opened)), isCommitted),
    )
  } catch (error) {
    if (!isDataError(error)) throw error
    const readCatalogue = async (client: PoolClient) => catalogues.read(client, await readHead(client))
    return findRejected({ pool, begin: SHARED, readCatalogue }, rows, error)
  }
}

/** Of two workers that add one row at the same time, the second is told so when the first has committed. */
const TAKEN_TRIES = 20

async function retryTaken<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(isKeyTaken(error) || isNameLost(error)) || tries === TAKEN_TRIES) throw error
    }
  }
}

function isCommitted(result: CommitResult): boolean {
  return result.type === 'committed'
}

async function load(
  pool: Pool,
  catalogues: CatalogueCache,
  identity: LogIdentity,
): Promise<StoreState | StoreRefusal> {
  const read = () => inTransaction(pool, READ_SNAPSHOT, (client) => readState(client, catalogues, identity))
  let loaded = await read()
  let movedFrom: LogIdentity | null = null
  if (loaded === 'unbound') {
    movedFrom = await bindTo(pool, identity)
    loaded = await read()
  }
  if (loaded === 'unbound')
    throw new Error('spindexer.node has lost the identity of its log; restore the database')
  return loaded.type === 'refused' || movedFrom === null ? loaded : { ...loaded, movedFrom }
}

/** `unbound`: the database follows no log yet, or an earlier generation of this one. */
async function readState(
  client: PoolClient,
  catalogues: CatalogueCache,
  identity: LogIdentity,
): Promise<StoreState | StoreRefusal | 'unbound'> {
  const refusal = await refuseSchema(client)
  if (refusal !== null) return refusal
  const head = await readHead(client)
  if (head.identity === null) return 'unbound'
  const other = refuseIdentity(head.identity, identity)
  if (other !== null) return other
  if (!isSameIdentity(head.identity, identity)) return 'unbound'
  const catalogue = await catalogues.read(client, head)
  return toState(head, catalogue, await readPositions(client), await readStandings(client))
}

async function commit(
  client: PoolClient,
  head: Head,
  catalogues: CatalogueCache,
  batch: Batch,
): Promise<CommitResult> {
  const stale = findStale(head, batch.identity, batch.catalogueOffset)
  if (stale !== null) return stale
  const { steps, parked, quarantined, origins, authors } = batch

  const catalogue = await catalogues.read(client, head)
  const bundle = createBundle(client)
  let isMoved = (steps.length === 0 ? true : null) as boolean | null
  try {
    if (steps.length > 0) {
      const onMoved = (count: number): void => {
        isMoved = count === steps.length
      }
      await bundle.add(movePositions(steps, onMoved))
    }
    const standings = standingsOf(steps)
    if (standings.size > 0) await bundle.add(keepStandings(standings))
    if (parked.length > 0) await bundle.add(park(parked, head.offset))
    if (quarantined.length > 0) await bundle.add(quarantine(quarantined))
    if (origins.length > 0) await bundle.add(countOrigins(origins))
    await applyFold(client, bundle, catalogue, batch.rows, () => isMoved === false)
    if (authors.length > 0 && isMoved !== false) await writeAuthors(bundle, authors)
  } catch (error) {
    // Where another worker was first, it has written the same pointers too, which is what fails then.
    if (isMoved !== false) throw error
  }
  return isMoved === false ? { type: 'stale', what: 'positions' } : COMMITTED
}

/** What holds from now on, where the batch has changed it. */
function standingsOf(steps: readonly PartitionStep[]): ReadonlyMap<number, GuardedStanding> {
  const standings = new Map<number, GuardedStanding>()
  for (const { partition, standing } of steps) if (standing !== null) standings.set(partition, standing)
  return standings
}

/**
 * Behind the rows, because another worker that brings one of the same authors for the first time waits from here to the
 * end: a session's first messages go to all partitions at once.
 */
async function writeAuthors(bundle: Bundle, authors: readonly Authorship[]): Promise<void> {
  await keepAuthors(bundle, authors)
  await bundle.settle()
}

async function define(pool: Pool, catalogues: CatalogueCache, step: DefinitionStep): Promise<CommitResult> {
  try {
    return await inTransaction(pool, WRITE, (client) => takeStep(client, catalogues, step), isCommitted)
  } catch (error) {
    if (!isLockTimeout(error)) throw error
    return { type: 'busy', holder: await nameHolders(pool, step) }
  }
}

/** Whoever it was may be gone by now. */
function nameHolders(pool: Pool, step: DefinitionStep): Promise<string> {
  return inTransaction(pool, READ_SNAPSHOT, async (client) => {
    const { dataSchema } = await readHead(client)
    const changed = [...step.catalogue.datasets.values()].filter(({ changedAt }) => changedAt > step.from)
    return describeHolders(await lockHolders(client, changed, dataSchema))
  })
}

async function takeStep(
  client: PoolClient,
  catalogues: CatalogueCache,
  step: DefinitionStep,
): Promise<CommitResult> {
  await setLockTimeout(client, EXCLUSIVE_WAIT_MS)
  await client.query(LOCK_EXCLUSIVELY)
  const head = await readHead(client)
  const stale = findStale(head, step.identity, step.from)
  if (stale !== null) return stale
  await takeDefinitions(client, head.dataSchema, await catalogues.read(client, head), step)
  await markRejudged(client, step.catalogue.offset)
  return COMMITTED
}

async function parkedToJudge(
  pool: Pool,
  after: PendingMessage | null,
  limit: number,
): Promise<readonly PendingMessage[]> {
  return inTransaction(pool, WRITE, async (client) => {
    const { offset } = await readHead(client)
    const found: PendingMessage[] = []
    for (const cure of await readCures(client)) {
      const order = after === null ? 1 : compareCures(cure, after)
      if (order < 0) continue
      const from = order === 0 ? after : null
      const some = await pendingParked(client, cure, from, limit - found.length)
      found.push(...some)
      if (found.length === limit) return found
      if (some.length === 0 && from === null) await endCure(client, cure)
    }
    if (found.length === 0 && after === null) await markRejudged(client, offset)
    return found
  })
}

async function rejudge(
  client: PoolClient,
  head: Head,
  catalogues: CatalogueCache,
  rejudgement: Rejudgement,
): Promise<CommitResult> {
  const { identity, catalogueOffset, taken, rows, parked, authors } = rejudgement
  const stale = findStale(head, identity, catalogueOffset)
  if (stale !== null) return stale
  await holdPositions(
    client,
    taken.map(({ partition }) => partition),
  )
  if ((await takeParked(client, taken)) !== taken.length) return { type: 'stale', what: 'parked' }
  const merged = countMerged(taken, parked)
  if ((await recountParked(client, merged)) !== merged.size) {
    throw new Error('parked messages were taken of a partition that has no position')
  }
  const bundle = createBundle(client)
  if (parked.length > 0) await bundle.add(park(parked, head.offset))
  await applyFold(client, bundle, await catalogues.read(client, head), rows)
  if (authors.length > 0) await writeAuthors(bundle, authors)
  return COMMITTED
}

/** By partition, how many of the messages taken are parked no longer; without zeros. */
function countMerged(taken: readonly Pointer[], parked: readonly Pointer[]): Map<number, number> {
  const counts = new Map<number, number>()
  for (const { partition } of taken) counts.set(partition, (counts.get(partition) ?? 0) + 1)
  for (const { partition } of parked) counts.set(partition, (counts.get(partition) ?? 0) - 1)
  return new Map([...counts].filter(([, count]) => count !== 0))
}

function findStale(head: Head, identity: LogIdentity, offset: bigint): CommitResult | null {
  if (head.identity === null || !isSameIdentity(head.identity, identity))
    return { type: 'stale', what: 'log' }
  return head.offset === offset ? null : { type: 'stale', what: 'definitions' }
}
