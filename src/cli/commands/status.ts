// `status`: how far a node is, what it holds, and what it has set aside.

import type { Command } from 'commander'
import { DEFINITIONS } from '../../codec/record.ts'
import { type PolicyRecord, policyOf } from '../../http/policy-record.ts'
import {
  definitionsOf,
  descriptionFor,
  judgeLog,
  lagOf,
  partitionsOf,
  reasonsOf,
  type SeenLog,
  toStatusRecord,
} from '../../http/status-record.ts'
import type { LogDescription } from '../../log/log.ts'
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
  const description = descriptionFor(status, seen)
  if (context.out.json) await context.out.record(toStatusRecord(status, description, words))
  else await print(context.out, status, description)
}

async function lookAtLog(context: Context): Promise<SeenLog> {
  try {
    return await withLog(context, async ({ log }) => ({ type: 'seen', description: await log.describe() }))
  } catch (error) {
    return {
      type: 'away',
      reason: explainError(error, false).text.split('\n')[0]!.replace('spindexer: ', ''),
    }
  }
}

async function print(out: Output, status: StoreStatus, description: LogDescription | null): Promise<void> {
  const partitions = partitionsOf(status, description)
  const definitions = definitionsOf(status, description)
  const policy = policyOf(status, description)
  await out.record({
    log: description?.name ?? 'not known',
    'log id': status.identity?.logId ?? 'none yet: this node has not run',
    policy: policyWords(policy),
    lag: lagOf(partitions) ?? 'not known',
    definitions: `${definitions.taken} taken, ${definitions.refused} refused${definitions.lag ? `, ${definitions.lag} to read` : ''}`,
    'parked messages': definitions.isJudgingAgain
      ? 'being judged again under newer definitions'
      : 'judged by the newest definitions',
    sessions: `${status.origins.seen} seen, ${status.origins.withGaps} with gaps, ${status.origins.withDuplicates} with duplicates`,
  })
  const tables: readonly (readonly Row[])[] = [
    (policy?.partitions ?? []).map(({ partition, version, isClosed }) => ({
      partition: partition === DEFINITIONS ? 'definitions' : partition,
      'policy version': version,
      closed: isClosed ? 'yes' : 'no',
    })),
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

function policyWords(policy: PolicyRecord | null): string {
  if (policy === null) return 'not known'
  if (policy.type === 'open') return 'open: whoever can append to the log may write'
  if (policy.partitions.length > 0) return 'guarded, by partition'
  const { version, isClosed } = policy
  return `guarded, version ${version}${isClosed === true ? ', closed' : ''}`
}
