// The node: reads one log and merges it into one store until it is told to stop. The loop here is thin: the tasks do the work.

import { randomInt } from 'node:crypto'
import { initialStanding } from '../codec/policy/standing.ts'
import { DEFINITIONS } from '../codec/record.ts'
import { createJudge, createOpenJudge } from '../codec/verdict.ts'
import type { Log, Problem, ReadScope } from '../log/log.ts'
import { createProofPool, type ProofPool } from '../proofs/pool.ts'
import { isLaterGeneration } from '../store/identity.ts'
import type { LogIdentity, Store, StoreState } from '../store/store.ts'
import { applyMutations } from './apply.ts'
import { type Checked, compareWithState, inspectLog } from './checks.ts'
import { type Context, createBell, createLock, type NodeEvent, type Outcome, STOPPED } from './context.ts'
import { takeDefinitions } from './define.ts'
import { rejudgeParked } from './rejudge.ts'
import { createRetry, pause } from './retry.ts'

export interface NodeOptions {
  readonly log: Log
  readonly store: Store
  /** Which data partitions this worker reads. */
  readonly scope: ReadScope
  readonly signal: AbortSignal
  /** Ends once everything has been processed that the log held at the start. */
  readonly untilEnd: boolean
  /** Which errors of the log and of the store pass by themselves. */
  readonly isTransient: (error: unknown) => boolean
  readonly emit: (event: NodeEvent) => void
  /** What is wrong with this worker's membership in its group; nothing, as a rule. */
  readonly checkMembership?: () => Promise<readonly Problem[]>
  /** Bytes that a window may hold before reading waits; there are two. 24 MiB unless set. */
  readonly windowBytesMax?: number
  /** Parked messages that are judged again in one transaction. 10,000 unless set. */
  readonly rejudgeMessagesMax?: number
  /** Threads that verify signatures, which the caller ends; the node's own unless set. */
  readonly pool?: ProofPool
  /** Milliseconds between two runs of the checks. One minute unless set. */
  readonly checkEveryMs?: number
}

const WINDOW_BYTES_MAX = 24 * 1024 * 1024
/** Some eight chunks of signed messages: threads are never idle, and none of it is much beside the windows. */
const PROVE_BYTES_MAX = 2 * 1024 * 1024
/** A kill loses at most so much work, and none of the outcome. */
const REJUDGE_MESSAGES_MAX = 10_000
const CHECK_EVERY_MS = 60_000
const END_POLL_MS = 200

/**
 * Runs a node. Resolves with how it ended: stopped, ended (`untilEnd`), or refused with the problems. Throws only for
 * errors that are not transient: a bug, or a database that refuses what it must not refuse.
 */
export async function runNode(options: NodeOptions): Promise<Exclude<Outcome, { type: 'restart' }>> {
  const run: Run = { endsByCopy: new Map(), pool: options.pool ?? createProofPool(), hasSaidOpen: false }
  // Not only when everything has ended: what waits for a service that is away would keep busy threads, and they the process.
  const endThreads = async (): Promise<void> => {
    if (options.pool === undefined) await run.pool.close()
  }
  options.signal.addEventListener('abort', endThreads, { once: true })
  try {
    for (;;) {
      const outcome = await runSession(options, run)
      if (outcome.type !== 'restart') return outcome
      options.emit({ type: 'restarted', reason: outcome.reason })
      if (options.signal.aborted) return STOPPED
    }
  } finally {
    options.signal.removeEventListener('abort', endThreads)
    await endThreads()
  }
}

/** What outlives a session. */
interface Run {
  readonly endsByCopy: Map<string, Ends>
  /** Has no threads yet, and never has any for an open log. */
  readonly pool: ProofPool
  hasSaidOpen: boolean
}

const OPEN_LOG =
  'this log is open: nobody has to sign, and whoever can append to it may write everything; who may write what can be said in a log that was made with `spindexer log create --admin`'

/** By partition, DEFINITIONS included, the end of the log when it was first seen. */
type Ends = ReadonlyMap<number, bigint>

/** From one reading of the state to the moment at which it has to be read again. */
async function runSession(options: NodeOptions, run: Run): Promise<Outcome> {
  const { log, store, emit } = options
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const retry = createRetry({
    isTransient: options.isTransient,
    onWait: (what, error, _tries, waitMs) => emit({ type: 'waiting', what, error, waitMs }),
    signal,
  })
  try {
    const checked = await retry('check the log', () => inspectLog(log))
    if (checked.type === 'refused') return checked
    const { logId, copyId, generation, maxClockAheadMs, admins } = checked.genesis
    if (admins.length > 0) run.pool.warm()
    const identity: LogIdentity = { logId, copyId, generation }
    const state = await retry('read the state', () => store.load(identity))
    if (state.type === 'refused') return { type: 'refused', problems: [state] }
    if (state.movedFrom !== undefined) emit({ type: 'moved', from: state.movedFrom, to: identity })
    const problems = await retry('check the log', () => findProblems(options, checked, identity, state))
    if (problems.length > 0) return { type: 'refused', problems }
    for (const text of checked.warnings) emit({ type: 'warning', text })
    const initial = initialStanding(admins)
    const standing = state.standings.get(DEFINITIONS) ?? initial
    emit({
      type: 'started',
      identity,
      partitions: checked.description.partitions.length,
      offset: state.catalogue.offset,
      rejudgedTo: state.rejudgedTo,
      positions: state.positions,
      standing,
    })
    if (admins.length === 0 && !run.hasSaidOpen) emit({ type: 'warning', text: OPEN_LOG })
    run.hasSaidOpen = true
    const ends = run.endsByCopy.get(copyId) ?? endsOf(checked)
    run.endsByCopy.set(copyId, ends)

    const context: Context = {
      log,
      store,
      identity,
      hashSeed: { first: randomInt(2 ** 32), second: randomInt(2 ** 32) },
      judge: createJudge({ logId, generation, maxClockAheadMs }),
      openJudge: createOpenJudge({ logId, maxClockAheadMs }),
      initialStanding: initial,
      proofs: initial.type === 'guarded' ? run.pool : null,
      maxClockAheadMs,
      retry,
      signal,
      emit,
      check: () => retry('check the log', () => checkAgain(options, identity)),
      checkMembership: () =>
        retry('check the membership', async () => (await options.checkMembership?.()) ?? []),
      catalogue: state.catalogue,
      standing,
      lock: createLock(),
      drain: async () => {},
      wakeRejudge: createBell(),
    }
    return await runTasks(context, options, ends, ending)
  } catch (error) {
    if (options.signal.aborted && options.isTransient(error)) return STOPPED
    throw error
  }
}

/** Runs all tasks side by side; the first that ends, ends the others. */
async function runTasks(
  context: Context,
  options: NodeOptions,
  ends: Ends,
  ending: AbortController,
): Promise<Outcome> {
  const current = Promise.withResolvers<void>()
  if (context.signal.aborted) return STOPPED
  context.signal.addEventListener('abort', () => current.resolve(), { once: true })
  const tasks = [
    takeDefinitions(context, current.resolve),
    current.promise.then(() =>
      applyMutations(context, {
        scope: options.scope,
        windowBytesMax: options.windowBytesMax ?? WINDOW_BYTES_MAX,
        proveBytesMax: PROVE_BYTES_MAX,
      }),
    ),
    current.promise.then(() => rejudgeParked(context, options.rejudgeMessagesMax ?? REJUDGE_MESSAGES_MAX)),
    repeatChecks(context, options.checkEveryMs ?? CHECK_EVERY_MS),
    ...(options.untilEnd ? [awaitEnds(context, ends)] : []),
  ]
  try {
    return await Promise.race(tasks)
  } finally {
    ending.abort()
    await Promise.allSettled(tasks)
  }
}

async function repeatChecks(context: Context, everyMs: number): Promise<Outcome> {
  for (;;) {
    await pause(everyMs, context.signal)
    if (context.signal.aborted) return STOPPED
    const outcome = await context.check()
    if (outcome !== null) return outcome
  }
}

/** Looks at the store, not at this worker, because other workers may have the other partitions. */
async function awaitEnds(context: Context, ends: Ends): Promise<Outcome> {
  for (;;) {
    const state = await context.retry('read the positions', () => context.store.load(context.identity))
    if (state.type === 'refused') return { type: 'refused', problems: [state] }
    if (isAtEnds(state, ends)) return { type: 'ended' }
    await pause(END_POLL_MS, context.signal)
    if (context.signal.aborted) return STOPPED
  }
}

function isAtEnds(state: StoreState, ends: Ends): boolean {
  for (const [partition, end] of ends) {
    const position =
      partition === DEFINITIONS ? state.catalogue.offset : (state.positions.get(partition) ?? 0n)
    if (position < end) return false
  }
  return state.rejudgedTo === state.catalogue.offset
}

function endsOf({ description }: Checked & { readonly type: 'ok' }): Ends {
  const states = [...description.partitions, ...(description.definitions ? [description.definitions] : [])]
  return new Map(states.map(({ partition, end }) => [partition, end]))
}

async function checkAgain(options: NodeOptions, identity: LogIdentity): Promise<Outcome | null> {
  const checked = await inspectLog(options.log)
  if (checked.type === 'refused') return checked
  if (isLaterGeneration(checked.genesis, identity)) {
    return { type: 'restart', reason: 'at the address of the log there is a later copy of it' }
  }
  const state = await options.store.load(identity)
  if (state.type === 'refused') return { type: 'refused', problems: [state] }
  const problems = await findProblems(options, checked, identity, state)
  return problems.length > 0 ? { type: 'refused', problems } : null
}

async function findProblems(
  options: NodeOptions,
  checked: Checked & { readonly type: 'ok' },
  identity: LogIdentity,
  state: StoreState,
): Promise<readonly Problem[]> {
  const membership = (await options.checkMembership?.()) ?? []
  return [...membership, ...(await compareWithState(options.log, checked, identity, state.lastRecords))]
}
