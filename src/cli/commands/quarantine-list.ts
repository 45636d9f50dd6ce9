// `quarantine list`: what the node has set aside: how many for which reason, and where each is in the log.

import { type Command, InvalidArgumentError, Option } from 'commander'
import { toJson } from '../../codec/exact-json.ts'
import { listNames, nearNames } from '../../codec/near-names.ts'
import { explainReason, REASON_NAMES } from '../../codec/reasons.ts'
import type { SetAsideFilter, SetAsideMessage, SetAsideView } from '../../store/store.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { usageFailure } from '../errors.ts'
import { withReader } from '../log-access.ts'
import type { Row } from '../output.ts'
import { msToIso, parsePartition, partitionName } from '../place.ts'
import { countOf, formatCount } from '../progress.ts'

interface Options {
  readonly reason?: string
  readonly dataset?: string
  readonly partition?: number
  readonly parked?: boolean
  readonly quarantined?: boolean
  readonly limit?: number
  readonly counts?: boolean
}

/** What fits on a terminal without being asked for; a pipe gets everything. */
const TERMINAL_LIMIT = 50
/** Rows whose columns are made equally wide. */
const TABLE_ROWS = 1_000
const WRITE_CHARS = 64 * 1024

export function addQuarantineListCommand(parent: Command, io: Io): void {
  parent
    .command('list')
    .summary('list the messages that the node has set aside, and why')
    .description(
      'Lists what the node has not applied: quarantined messages (never applicable, whatever the definitions say), parked ones (judged again when their dataset’s definition changes) and refused definitions. Counts by reason first, then the place of each in the log, which has its bytes for ever: `quarantine show` reads them.',
    )
    .option('--reason <reason>', 'only this reason, for example clock-ahead')
    .option('--dataset <name>', 'only messages of this dataset')
    .option('--partition <n>', 'only this partition; a number, or definitions', parsePartition)
    .addOption(new Option('--parked', 'only parked messages').conflicts('quarantined'))
    .option('--quarantined', 'only quarantined messages and refused definitions')
    .option(
      '--limit <n>',
      `at most so many messages (default: ${TERMINAL_LIMIT} on a terminal, else all)`,
      parseLimit,
    )
    .option('--counts', 'only the counts by reason')
    .addHelpText('after', HELP)
    .action(async (options: Options, command: Command) => {
      const context = createContext(io, command)
      await withReader(context, (reader) => list(context, reader.setAside(toFilter(options)), options))
    })
}

const HELP = `
Piped, or with --json: a JSON object a message on stdout, the counts on stderr; with
--counts the counts on stdout.

Examples:
  $ spindexer quarantine list
  $ spindexer quarantine list --parked --dataset tracks --limit 10
  $ spindexer quarantine list --reason clock-ahead --json | jq -r '"\\(.partition) \\(.offset)"'`

function parseLimit(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It should be a whole number.')
}

function toFilter({ reason, dataset, partition, parked, quarantined }: Options): SetAsideFilter {
  return {
    ...(parked ? { kind: 'parked' as const } : quarantined ? { kind: 'quarantined' as const } : {}),
    ...(reason === undefined ? {} : { reason }),
    ...(dataset === undefined ? {} : { dataset }),
    ...(partition === undefined ? {} : { partition }),
  }
}

async function list(context: Context, view: SetAsideView, options: Options): Promise<void> {
  const { out } = context
  const counts = await view.counts()
  const total = counts.reduce((sum, { count }) => sum + count, 0n)
  if (total === 0n) requireReason(options.reason)
  const rows = counts.map(({ kind, reason, count }) => {
    const text = explainReason(reason)
    return { kind, reason, count, meaning: text?.meaning ?? null, remedy: text?.remedy ?? null }
  })
  if (options.counts === true || !out.json)
    await out.table(rows.map((row) => (out.json ? row : toShown(row))))
  if (total === 0n) out.say('Nothing is set aside that this asks for.')
  else if (out.json && options.counts !== true) {
    const words = counts.map(({ kind, reason, count }) => `${formatCount(count)} ${kind} as ${reason}`)
    out.say(`${countOf(total, 'message')} set aside: ${words.join(', ')}.`)
  }
  if (options.counts === true || total === 0n) return
  const limit = options.limit ?? (out.json ? Number.POSITIVE_INFINITY : TERMINAL_LIMIT)
  const printed = await (out.json ? printLines(context, view, limit) : printTables(context, view, limit))
  if (BigInt(printed) === total) return
  out.say(
    `${out.json ? '' : '\n'}Shown: ${formatCount(printed)} of ${formatCount(total)}; --limit shows more, the other options choose.`,
  )
}

function toShown({ remedy: _remedy, ...row }: Row): Row {
  return row
}

/** A slip of the pen must not look like good news; a reason that a newer program wrote is one that is found. */
function requireReason(reason: string | undefined): void {
  if (reason === undefined || explainReason(reason) !== null) return
  const near = nearNames(reason, REASON_NAMES)
  throw usageFailure(
    `--reason ${reason}: there is no such reason`,
    near.length === 0 ? `it is one of ${REASON_NAMES.join(', ')}` : `did you mean ${listNames(near)}?`,
  )
}

async function printLines({ out }: Context, view: SetAsideView, limit: number): Promise<number> {
  let printed = 0
  let gathered = ''
  for await (const message of limited(view.messages(), limit)) {
    gathered += `${toJson(toRecord(message))}\n`
    printed++
    if (gathered.length < WRITE_CHARS) continue
    await out.write(gathered)
    gathered = ''
  }
  await out.write(gathered)
  return printed
}

async function printTables({ out }: Context, view: SetAsideView, limit: number): Promise<number> {
  let printed = 0
  let rows: Row[] = []
  const flush = async (): Promise<void> => {
    if (rows.length === 0) return
    await out.write('\n')
    await out.table(rows)
    printed += rows.length
    rows = []
  }
  for await (const message of limited(view.messages(), limit)) {
    const { appendMs: _appendMs, ...row } = toRecord(message)
    rows.push({ ...row, partition: partitionName(message.partition) })
    if (rows.length === TABLE_ROWS) await flush()
  }
  await flush()
  return printed
}

async function* limited<T>(items: AsyncIterable<T>, limit: number): AsyncGenerator<T> {
  let taken = 0
  if (limit === 0) return
  for await (const item of items) {
    yield item
    if (++taken === limit) return
  }
}

/** Where the record carries its writer's time, the log's own is not known. */
function toRecord({ kind, reason, partition, offset, dataset, size, appendMs, detail }: SetAsideMessage) {
  const isLogTime = reason !== 'not-log-time'
  return {
    kind,
    reason,
    partition,
    offset,
    dataset,
    size,
    appendMs: isLogTime ? appendMs : null,
    appendTime: isLogTime ? msToIso(appendMs) : null,
    detail,
  }
}
