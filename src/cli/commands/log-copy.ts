// `log copy`: brings a log into another one, be it in Kafka or in Postgres, resumably.

import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import type { SigningKey } from '../../codec/signing/batch-signer.ts'
import { checkLog } from '../../log/check.ts'
import { type Closing, refuseClosing } from '../../log/copy/close.ts'
import { type CopyOutcome, copyLog } from '../../log/copy/copy.ts'
import type { CopyEvent } from '../../log/copy/events.ts'
import { listPlaces } from '../../log/copy/place-words.ts'
import type { KeptLog } from '../../log/log.ts'
import { type Config, requireSetting } from '../config.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { EXIT_USAGE, Failure, problemsFailure } from '../errors.ts'
import { withLog } from '../log-access.ts'
import { holdMemoryDown } from '../memory.ts'
import { integerFrom } from '../numbers.ts'
import { countOf, formatCount, type Progress, startProgress } from '../progress.ts'
import { readSigningKey } from '../signing.ts'

interface Options {
  readonly from?: string
  readonly to: string
  readonly close?: boolean
  readonly partitions?: number
  readonly replicationFactor?: number
}

/** What signs the closes of a guarded log. */
interface Closer extends Options {
  readonly key: SigningKey | null
}

const HELP = `
The copy keeps the log's id and rules, and is its next generation. What the source quarantines
is marked, and stays quarantined. Interrupted at any point, the same command goes on. It ends
when the copy has all that the source held when it had caught up.

First without --close, which may take long and disturbs nobody; then with --close, which is short:
  $ spindexer log copy --from postgres://ada:secret@db/log --to kafka://k1:9092/spindexer --partitions 6
  $ spindexer log copy --from postgres://ada:secret@db/log --to kafka://k1:9092/spindexer --close
The close of a log whose genesis names admins is signed by one of them: add --key FILE.
Without --from it is the log of the settings, or the embedded one. A log in Postgres then refuses writers. Kafka cannot: stop them, and run it again.
Afterwards point SPINDEXER_LOG of writers and nodes at the copy; a node keeps its rows.

Example:
  $ spindexer log copy --from kafka://k1:9092/old --to kafka://k1:9092/new --partitions 24`

export function addLogCopyCommand(parent: Command, io: Io): void {
  parent
    .command('copy')
    .summary('copy the log into another one, of any kind')
    .description(
      'Copies every record of a log, its definitions included, into a log that is made for it: from Postgres to Kafka, back, or to more partitions.',
    )
    .option('--from <url>', 'the log to copy (default: the log of the settings)')
    .requiredOption('--to <url>', 'where the copy is made, or goes on')
    .option('--close', 'end the source first: nothing is appended to it any more')
    .option(
      '--partitions <n>',
      'how many the copy has, for ever (default: as many as the source)',
      integerFrom(1, 10_000),
    )
    .option(
      '--replication-factor <n>',
      'copies of each record in Kafka (default: 3, or as many as there are brokers)',
      integerFrom(1, 1_000),
    )
    .addHelpText('after', HELP)
    .action(async (options: Options, command: Command) => run(createContext(io, command), options))
}

async function run(context: Context, options: Options): Promise<void> {
  const from = options.from ?? requireSetting(context.config, 'SPINDEXER_LOG')
  const named = options.from === undefined ? 'SPINDEXER_LOG' : '--from'
  const key = options.close === true ? readSigningKey(context) : null
  await withLogAt(context, named, from, (source) =>
    withLogAt(context, '--to', options.to, async (target, ofTarget) => {
      await makeTarget(ofTarget, { ...options, key }, source, target)
      await copy(context, { ...options, key }, source, target)
    }),
  )
}

/** Opens the log at a URL of the command line: all other settings hold for it too. */
async function withLogAt<T>(
  context: Context,
  flag: string,
  url: string,
  use: (log: KeptLog, context: Context) => Promise<T>,
): Promise<T> {
  const config: Config = {
    ...context.config,
    get: (name) => (name === 'SPINDEXER_LOG' ? url : context.config.get(name)),
  }
  const ofLog: Context = { ...context, config }
  try {
    return await withLog(ofLog, ({ log }) => use(log, ofLog))
  } catch (error) {
    // What is wrong with the URL is said of the setting, whose place the flag has taken.
    if (!(error instanceof Failure) || error.exitCode !== EXIT_USAGE) throw error
    const what = error.message.replace('SPINDEXER_LOG', flag)
    throw new Failure(what, error.remedy, { exitCode: EXIT_USAGE, cause: error })
  }
}

/** The source is looked at first: where it cannot be copied nothing is made. */
async function makeTarget(
  context: Context,
  options: Closer,
  source: KeptLog,
  target: KeptLog,
): Promise<void> {
  const check = checkLog(await source.describe())
  if (check.type === 'refused') throw problemsFailure(check.problems)
  const keyless = options.close === true ? refuseClosing(check.genesis, options.key) : null
  if (keyless !== null) throw problemsFailure([keyless])
  for (const warning of check.warnings) context.debug(`warning: ${warning}`)
  const standing = (await target.describe()).partitions.length
  const { makeLog } = await import('../compose.ts')
  const made = await makeLog(context.config, {
    partitions: options.partitions ?? (standing || check.genesis.partitions),
    replicationFactor: options.replicationFactor ?? null,
    countPartitions: async () => standing || null,
    onLog: context.debug,
  })
  if (made.type === 'refused') throw problemsFailure(made.problems)
}

async function copy(context: Context, options: Closer, source: KeptLog, target: KeptLog): Promise<void> {
  const { io, out } = context
  holdMemoryDown()
  const reporter = createReporter(context)
  let outcome: CopyOutcome
  try {
    outcome = await copyLog({
      source,
      target,
      isClosing: options.close === true,
      key: options.key,
      signal: io.signal,
      copyId: randomUUID(),
      nowMs: () => performance.now(),
      onEvent: reporter.onEvent,
    })
  } catch (error) {
    reporter.end()
    out.say(`Not finished. ${GO_ON}`)
    throw error
  }
  reporter.end()
  if (outcome.type === 'refused') throw problemsFailure(outcome.problems)
  const { counts, genesis } = outcome
  if (outcome.type === 'stopped') {
    throw new Failure(`stopped before the end; ${countOf(counts.copied, 'record')} copied in this run`, GO_ON)
  }
  await out.record({ ...genesis, ...counts, closed: outcome.closing })
  out.say(lastWords(outcome))
}

const GO_ON = 'Run the same command again: it goes on where it was.'

function lastWords({ closing, behindClose }: CopyOutcome & { readonly type: 'copied' }): string {
  if (closing === 'sealed') {
    return 'The source is closed, and all of it is in the copy. Next: point SPINDEXER_LOG of writers and nodes at the copy; a node keeps its rows.'
  }
  if (closing === null) {
    return 'The source is open: what is appended to it from now on is not in the copy. When it is to end, run the same command with --close.'
  }
  if (closing === 'signed') {
    const late =
      behindClose.length > 0
        ? ` Writers go on all the same: there are records behind the close of ${listPlaces(behindClose)}, which have to be sent again to the copy.`
        : ''
    return `The source is closed: what is appended to it from now on is quarantined, there and in every copy.${late} Next: point SPINDEXER_LOG of writers and nodes at the copy; a node keeps its rows.`
  }
  if (behindClose.length > 0) {
    return `Writers go on: there are records behind the close of ${listPlaces(behindClose)}. Stop the writers, then run the same command again until it does not say this any more.`
  }
  return 'The source says that it is closed, but Kafka takes what writers send all the same. Stop the writers, then run the same command once more: what it has copied then is everything. Then point SPINDEXER_LOG of writers and nodes at the copy; a node keeps its rows.'
}

interface Reporter {
  onEvent(event: CopyEvent): void
  end(): void
}

const CLOSED_WORDS: Readonly<Record<Closing, string>> = {
  sealed: 'The source is closed: it refuses every append from now on.',
  signed: 'The source is closed: what is appended to it from now on is quarantined.',
  recorded:
    'The source has close records, which decide nothing for those who write to Kafka: stop the writers.',
}

const WAITING_EVERY_MS = 10_000
/** Shorter waits are not worth a word. */
const WAITING_MS_MIN = 1_000

function createReporter({ io, out }: Context): Reporter {
  let progress: Progress | null = null
  let saidMs = Number.NEGATIVE_INFINITY
  const say = (text: string): void => {
    progress?.clear()
    out.say(text)
  }
  return {
    onEvent(event) {
      switch (event.type) {
        case 'began': {
          const { generation, copyId } = event.genesis
          const kind = event.isNew ? 'A new copy' : 'Going on with the copy'
          say(
            `${kind}: generation ${generation}, copy ${copyId}; ${formatCount(event.records)} records to copy.`,
          )
          const total = Number(event.records)
          progress = startProgress({ stderr: io.stderr, label: 'copied', unit: 'records', total })
          return
        }
        case 'closed':
          return say(CLOSED_WORDS[event.closing])
        case 'waiting': {
          const nowMs = performance.now()
          if (event.waitMs < WAITING_MS_MIN || nowMs - saidMs < WAITING_EVERY_MS) return
          saidMs = nowMs
          const seconds = formatCount(Math.ceil(event.waitMs / 1_000))
          return say(
            `waiting ${seconds} s: the target's clock is behind the timestamps that the source has taken; set it right, or wait`,
          )
        }
        case 'progress':
          return progress?.update(event.copied)
      }
    },
    end: () => void progress?.end(),
  }
}
