// `run`: the node itself.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { NodeEvent } from '../../node/context.ts'
import { createRetry } from '../../node/retry.ts'
import { runNode } from '../../node/run.ts'
import { createProofPool, type ProofPool } from '../../proofs/pool.ts'
import type { Database, OpenedLog } from '../compose.ts'
import { requireSetting } from '../config.ts'
import { nodeWarnings } from '../connection-warnings.ts'
import { type Context, createContext, type Io } from '../context.ts'
import type { Door } from '../door.ts'
import { type DoorConfig, readDoorConfig } from '../door-config.ts'
import { explainError, Failure, problemsFailure } from '../errors.ts'
import { withBareDatabase, withLog } from '../log-access.ts'
import { createWholeLog } from '../log-making.ts'
import { createMembership } from '../membership.ts'
import { holdMemoryDown } from '../memory.ts'
import { countOf, formatCount, type Progress, startProgress } from '../progress.ts'
import { createStop, type Stop } from '../stop.ts'

interface Options {
  readonly untilEnd?: boolean
  readonly failOnQuarantine?: boolean
}

export function addRunCommand(parent: Command, io: Io): void {
  parent
    .command('run')
    .summary('run the node')
    .description(
      'Reads the log and merges it into the database, until it is stopped (Ctrl-C, SIGTERM). Several processes on one database divide the partitions between them. While the log or the database is away it waits. With neither configured it makes a Postgres of its own under .spindexer here, and is a whole node, log included.',
    )
    .option(
      '--until-end',
      'end, with exit code 0, once everything is processed that the log held at the start',
    )
    .option(
      '--fail-on-quarantine',
      'end, with exit code 1, when this run has quarantined a message or refused a definition',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  $ spindexer run\n  $ spindexer run --until-end --fail-on-quarantine',
    )
    .action(async (options: Options, command: Command) => {
      const context = createContext(io, command)
      // Both are looked at before either is opened: the first message says all that is missing.
      requireSetting(context.config, 'SPINDEXER_LOG')
      requireSetting(context.config, 'DATABASE_URL')
      const log = context.config.get('SPINDEXER_LOG')
      if (log === io.embedded.url()) await createEmbeddedLog(context)
      const doorConfig =
        options.untilEnd === true && !isHttpSet(context) ? null : readDoorConfig(context.config)
      for (const warning of nodeWarnings(context.config.get)) context.out.say(`warning: ${warning}`)
      const reporter = createReporter(context)
      const stop = createStop(io.signal)
      const work = withBareDatabase(context, (database) =>
        withLog(context, (opened) => run(context, { database, opened, reporter, options, stop, doorConfig })),
      )
      if ((await Promise.race([work, losePatience(stop.signal, reporter)])) === 'lost') {
        reporter.end()
        context.out.say(
          'Stopped without waiting for a service any longer; what was not committed comes again.',
        )
      }
      if (options.untilEnd === true && io.signal.aborted) {
        throw new Failure('stopped before the end was reached')
      }
    })
}

/** A whole node: where nothing is configured, nobody makes the log but the node itself. */
async function createEmbeddedLog(context: Context): Promise<void> {
  const usual = { partitions: null, replicationFactor: null, maxClockAheadMs: null, admins: [] }
  const { type } = await createWholeLog(context, usual)
  if (type === 'created') {
    context.out.say('Made its log. Next: `spindexer datasets apply DIR` tells it what datasets there are.')
  }
}

/** Long enough for a node that waits or has nothing to do, and short for who waits for it to end. */
const GRACE_MS = 1_500
/** A window that is being written may take that long; supervisors kill after ten seconds or more. */
const GRACE_AT_WORK_MS = 8_000

/** Resolves when a service that does not answer has kept a stopped node from ending for too long: a crash does no harm. */
async function losePatience(signal: AbortSignal, reporter: Reporter): Promise<'lost'> {
  if (!signal.aborted) await once(signal, 'abort')
  await sleep(reporter.isAtWork() ? GRACE_AT_WORK_MS : GRACE_MS)
  return 'lost'
}

interface Work {
  readonly database: Database
  readonly opened: OpenedLog
  readonly reporter: Reporter
  readonly options: Options
  readonly stop: Stop
  readonly doorConfig: DoorConfig | null
}

async function run(context: Context, work: Work): Promise<void> {
  const { database, opened, reporter, options, stop } = work
  const { io, out } = context
  const { log } = opened
  holdMemoryDown()
  const { isTransient } = await import('../compose.ts')
  const ending = new AbortController()
  const signal = AbortSignal.any([stop.signal, ending.signal])
  const hasFailed = () => options.failOnQuarantine === true && reporter.quarantined() > 0
  const pool = createProofPool()
  const door = await openDoorOf(context, work, pool)
  const onEvent = (event: NodeEvent) => {
    reporter.emit(event)
    door?.note(event)
    if (hasFailed()) ending.abort()
  }
  const retry = createRetry({
    isTransient,
    onWait: (what, error, _tries, waitMs) => onEvent({ type: 'waiting', what, error, waitMs }),
    signal,
  })
  try {
    const migrated = await retry('prepare the database', () =>
      database.migrate((text) => out.say(`warning: ${text}`)),
    )
    if (migrated.type === 'refused') throw new Failure(migrated.what, migrated.remedy)
    const workerId = randomUUID()
    const nodeId = await retry('read the node id', () => database.nodeId())
    const membership = createMembership({ log, database, nodeId, workerId, retry, signal })
    const problems = await retry('join the node', () => membership.beforeJoining())
    if (problems.length > 0) throw problemsFailure(problems)
    const alive = membership.keepAlive().finally(() => ending.abort())
    const node = runNode({
      log,
      store: database.store(),
      scope: { type: 'group', group: membership.group, member: workerId },
      signal,
      untilEnd: options.untilEnd === true,
      isTransient,
      emit: onEvent,
      checkMembership: () => membership.check(),
      pool,
    }).finally(() => ending.abort())
    await Promise.allSettled([node, alive])
    const outcome = await node
    await alive
    if (outcome.type === 'refused') throw problemsFailure(outcome.problems)
    reporter.end()
    out.say(`${outcome.type === 'ended' ? 'Caught up' : 'Stopped'}: ${reporter.summary()}`)
  } catch (error) {
    // Asked to end while it was waiting for a service.
    if (!(io.signal.aborted || hasFailed()) || !isTransient(error)) throw error
    out.say('Stopped.')
  } finally {
    reporter.end()
    await door?.close()
    await pool.close()
  }
  if (hasFailed()) {
    throw new Failure(
      `${countOf(reporter.quarantined(), 'message')} quarantined or refused`,
      '`spindexer quarantine list` says why; without --fail-on-quarantine the node goes on',
    )
  }
}

/** Where it is wanted: opened before anything is waited for, and the first to end when the end is asked for. */
async function openDoorOf(
  context: Context,
  { doorConfig, opened, stop }: Work,
  pool: ProofPool,
): Promise<Door | null> {
  if (doorConfig === null) return null
  const { openDoor } = await import('../door.ts')
  const door = await openDoor(context, { config: doorConfig, opened, pool })
  stop.first(() => door.stopServing())
  return door
}

function isHttpSet({ config }: Context): boolean {
  return config.settings.find(({ name }) => name === 'SPINDEXER_HTTP')?.source !== 'default'
}

interface Reporter {
  emit(event: NodeEvent): void
  /** Messages quarantined and definitions refused so far. */
  quarantined(): number
  /** True when something was committed just now. */
  isAtWork(): boolean
  summary(): string
  end(): void
}

const WAITING_EVERY_MS = 10_000
const JUDGED_EVERY_MS = 3_000
const AT_WORK_MS = 5_000

/** Words about a running node: what changes, what is odd, and how fast it goes. */
function createReporter({ io, out, debug }: Context): Reporter {
  const progress: Progress = startProgress({
    stderr: io.stderr,
    label: 'processed',
    unit: 'messages',
    total: null,
  })
  const counts = { consumed: 0, merged: 0, parked: 0, quarantined: 0, refused: 0 }
  const again = { judged: 0, merged: 0 }
  let sayJudged: NodeJS.Timeout | null = null
  let committedMs = Number.NEGATIVE_INFINITY
  let isWaiting = false
  const saidMs = new Map<string, number>()
  const warned = new Set<string>()
  const say = (text: string): void => {
    progress.clear()
    out.say(text)
  }

  function count(event: NodeEvent & { readonly type: 'committed' }): void {
    for (const name of ['consumed', 'merged', 'parked', 'quarantined'] as const) counts[name] += event[name]
    committedMs = performance.now()
    progress.update(counts.consumed)
    if (!isWaiting) return
    isWaiting = false
    say('Going on: a batch is written.')
  }

  /** Millions come ten thousand at a time, several times a second. */
  function countJudged({ judged, merged }: NodeEvent & { readonly type: 'rejudged' }): void {
    again.judged += judged
    again.merged += merged
    sayJudged ??= setTimeout(flushJudged, JUDGED_EVERY_MS)
  }

  function flushJudged(): void {
    if (sayJudged === null) return
    clearTimeout(sayJudged)
    sayJudged = null
    const { judged, merged } = again
    Object.assign(again, { judged: 0, merged: 0 })
    say(`Judged ${countOf(judged, 'parked message')} again: ${formatCount(merged)} merged.`)
  }

  /** The same words once in a while; numbers in them (files, processes) make no others of them. */
  function sayWaiting(event: NodeEvent & { readonly type: 'waiting' }): void {
    const reason = explainError(event.error, false).text.replace('spindexer: ', '')
    const kind = `${event.what}: ${reason.replaceAll(/\d+/g, '')}`
    const nowMs = performance.now()
    if (nowMs - (saidMs.get(kind) ?? Number.NEGATIVE_INFINITY) < WAITING_EVERY_MS) return
    saidMs.set(kind, nowMs)
    isWaiting = true
    say(`waiting: could not ${event.what}: ${reason}`)
  }

  return {
    emit(event) {
      switch (event.type) {
        case 'committed':
          return count(event)
        case 'started':
          return say(`Node of log ${event.identity.logId}, ${countOf(event.partitions, 'partition')}.`)
        case 'moved':
          return say(
            `This node moves to generation ${event.to.generation} of its log, copy ${event.to.copyId}: its rows stay, and it reads from the start.`,
          )
        case 'warning':
          // The node checks its log again whenever it reads the state anew.
          if (!warned.has(event.text)) say(`warning: ${event.text}`)
          return void warned.add(event.text)
        case 'defined':
          counts.refused += event.refused
          if (event.refused > 0)
            say(`${countOf(event.refused, 'definition')} refused; \`spindexer quarantine list\` says why.`)
          if (event.taken > 0) say(`Took ${countOf(event.taken, 'definition')}.`)
          return
        case 'rejudged':
          return countJudged(event)
        case 'waiting':
          return sayWaiting(event)
        case 'restarted':
          return debug(`reading the state again: ${event.reason}`)
        case 'assigned':
          return debug(`reading partitions ${event.partitions.join(', ')}`)
        case 'caught-up':
          return debug(`partition ${event.partition} is read to its end at ${event.position}`)
      }
    },
    isAtWork: () => performance.now() - committedMs < AT_WORK_MS,
    quarantined: () => counts.quarantined + counts.refused,
    summary() {
      const { consumed, merged, parked, quarantined } = counts
      const aside = parked + quarantined > 0 ? ' (`spindexer quarantine list` says why)' : ''
      return `${countOf(consumed, 'message')} processed in this run: ${formatCount(merged)} merged, ${formatCount(parked)} parked, ${formatCount(quarantined)} quarantined${aside}.`
    },
    end() {
      flushJudged()
      progress.end()
    },
  }
}
