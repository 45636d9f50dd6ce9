// `status`: how far a node is, what it holds, and what it has set aside.

import type { Command } from 'commander'
import { explainReason } from '../../codec/reasons.ts'
import { checkLog } from '../../log/check.ts'
import type { LogDescription } from '../../log/log.ts'
import { refuseIdentity } from '../../store/identity.ts'
import type { StoreStatus } from '../../store/store.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { explainError } from '../errors.ts'
import { withLog, withReader } from '../log-access.ts'
import type { Output, Row } from '../output.ts'

export function addStatusCommand(parent: Command, io: Io): void {
  parent
    .command('status')
    .summary('show how far the node is and what it has set aside')
    .description(
      "Shows the node's log, positions and lag, its counts, what is parked and quarantined and why, and the rows of each dataset. While the log is away it shows what the database knows.",
    )
    .addHelpText('after', '\nExamples:\n  $ spindexer status\n  $ spindexer status --json | jq .lag')
    .action(async (_options: unknown, command: Command) => run(createContext(io, command)))
}

async function run(context: Context): Promise<void> {
  // Positions first: then the lag is never less than nothing.
  const status = await withReader(context, (reader) => reader.status())
  const seen = context.config.get('SPINDEXER_LOG') === null ? null : await lookAtLog(context)
  const words = judgeLog(status, seen)
  for (const problem of words.problems) context.out.say(`warning: ${problem}`)
  const description = seen?.type === 'seen' ? seen.description : null
  if (context.out.json) await context.out.record(toRecord(status, description, words))
  else await print(context.out, status, description)
}

type Seen =
  | { readonly type: 'seen'; readonly description: LogDescription }
  | { readonly type: 'away'; readonly reason: string }

async function lookAtLog(context: Context): Promise<Seen> {
  try {
    return await withLog(context, async ({ log }) => ({ type: 'seen', description: await log.describe() }))
  } catch (error) {
    return {
      type: 'away',
      reason: explainError(error, false).text.split('\n')[0]!.replace('spindexer: ', ''),
    }
  }
}

/** Problems: why this node cannot use its log now. Warnings: what is worth a word about one that it can use. */
interface LogWords {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

function judgeLog(status: StoreStatus, seen: Seen | null): LogWords {
  const unusable = (...problems: readonly string[]): LogWords => ({ problems, warnings: [] })
  if (seen === null) return unusable('SPINDEXER_LOG is not set: the lag is not known')
  if (seen.type === 'away') {
    return unusable(`the log does not answer, so the lag is not known (${seen.reason})`)
  }
  const check = checkLog(seen.description)
  if (check.type === 'refused') {
    return unusable(...check.problems.map(({ what, remedy }) => `${what}; ${remedy}`))
  }
  const refusal = status.identity === null ? null : refuseIdentity(status.identity, check.genesis)
  if (refusal !== null) return unusable(`${refusal.what}; ${refusal.remedy}`)
  return { problems: [], warnings: check.warnings }
}

function partitionsOf(status: StoreStatus, description: LogDescription | null) {
  const endByPartition = new Map(description?.partitions.map(({ partition, end }) => [partition, end]))
  const countsByPartition = new Map(status.counts.map((counts) => [counts.partition, counts]))
  const partitions = [...new Set([...endByPartition.keys(), ...countsByPartition.keys()])].sort(
    (a, b) => a - b,
  )
  return partitions.map((partition) => {
    const counts = countsByPartition.get(partition)
    const position = counts?.position ?? 0n
    const end = endByPartition.get(partition) ?? null
    return {
      partition,
      position,
      end,
      lag: end === null ? null : end - position,
      consumed: counts?.consumed ?? 0n,
      merged: counts?.merged ?? 0n,
      parked: counts?.parked ?? 0n,
      quarantined: counts?.quarantined ?? 0n,
      controls: counts?.controls ?? 0n,
    }
  })
}

function definitionsOf(status: StoreStatus, description: LogDescription | null) {
  const position = status.state?.catalogue.offset ?? 0n
  const end = description?.definitions?.end ?? null
  const isJudgingAgain = status.state !== null && status.state.rejudgedTo !== status.state.catalogue.offset
  return { position, end, lag: end === null ? null : end - position, ...status.definitions, isJudgingAgain }
}

function reasonsOf(status: StoreStatus) {
  return status.reasons.map(({ kind, reason, count }) => {
    const text = explainReason(reason)
    return { kind, reason, count, meaning: text?.meaning ?? null, remedy: text?.remedy ?? null }
  })
}

function lagOf(partitions: readonly { readonly lag: bigint | null }[]): bigint | null {
  return partitions.reduce<bigint | null>(
    (sum, { lag }) => (sum === null || lag === null ? null : sum + lag),
    0n,
  )
}

function toRecord(status: StoreStatus, description: LogDescription | null, words: LogWords): Row {
  const partitions = partitionsOf(status, description)
  return {
    log: description?.name ?? null,
    ...(status.identity ?? { logId: null, copyId: null, generation: null }),
    lag: lagOf(partitions),
    newestStamp: status.state?.newestStamp ?? null,
    newestAppendMs: status.state?.newestAppendMs ?? null,
    partitions,
    definitions: definitionsOf(status, description),
    reasons: reasonsOf(status),
    datasets: status.rows,
    origins: status.origins,
    ...words,
  }
}

async function print(out: Output, status: StoreStatus, description: LogDescription | null): Promise<void> {
  const partitions = partitionsOf(status, description)
  const definitions = definitionsOf(status, description)
  await out.record({
    log: description?.name ?? 'not known',
    'log id': status.identity?.logId ?? 'none yet: this node has not run',
    lag: lagOf(partitions) ?? 'not known',
    definitions: `${definitions.taken} taken, ${definitions.refused} refused${definitions.lag ? `, ${definitions.lag} to read` : ''}`,
    'parked messages': definitions.isJudgingAgain
      ? 'being judged again under newer definitions'
      : 'judged by the newest definitions',
    sessions: `${status.origins.seen} seen, ${status.origins.withGaps} with gaps, ${status.origins.withDuplicates} with duplicates`,
  })
  const tables: readonly (readonly Row[])[] = [
    partitions.map(({ controls: _controls, ...shown }) => shown),
    status.rows.map(({ dataset, visible, incomplete, absent }) => ({
      dataset,
      'visible rows': visible,
      incomplete,
      'not existing': absent,
    })),
    reasonsOf(status).map(({ kind, reason, count, meaning }) => ({ kind, reason, count, meaning })),
  ]
  for (const rows of tables) {
    if (rows.length === 0) continue
    await out.write('\n')
    await out.table(rows)
  }
}
