// `log create`: makes the log and writes its genesis.

import { randomUUID } from 'node:crypto'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { createLog } from '../../log/genesis.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { problemsFailure, usageFailure } from '../errors.ts'
import { withLog } from '../log-access.ts'

const PARTITIONS_MAX = 10_000
const MAX_CLOCK_AHEAD_MS = 60_000
const MAX_CLOCK_AHEAD_MS_MAX = 86_400_000

interface Options {
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly maxClockAhead?: number
  readonly admin?: string
}

export function addLogCreateCommand(parent: Command, io: Io): void {
  parent
    .command('create')
    .summary('make the log and write its genesis')
    .description(
      'Makes the topics of the log in Kafka, or its tables in Postgres, and writes its genesis records. Run again after an interruption it resumes; a log that is whole stays as it is.',
    )
    .option(
      '--partitions <n>',
      'how many, for ever (default: 6 in Kafka, 1 in Postgres)',
      integerFrom(1, PARTITIONS_MAX),
    )
    .option(
      '--replication-factor <n>',
      'copies of each record in Kafka (default: 3, or as many as there are brokers)',
      integerFrom(1, 1_000),
    )
    .option(
      '--max-clock-ahead <ms>',
      `how far a timestamp may be ahead of the log's clock, milliseconds (default: ${MAX_CLOCK_AHEAD_MS})`,
      integerFrom(1, MAX_CLOCK_AHEAD_MS_MAX),
    )
    .addOption(new Option('--admin <key>', 'a key that may administrate the log').hideHelp())
    .addHelpText('after', '\nExample:\n  $ spindexer log create --partitions 12')
    .action(async (options: Options, command: Command) => run(createContext(io, command), options))
}

async function run(context: Context, options: Options): Promise<void> {
  if (options.admin !== undefined) {
    throw usageFailure(
      '--admin: signatures are not in this version, and a log that asks for them could not be read by it',
      'create the log without admins: then whoever can reach it may write',
    )
  }
  await make(context, options)
  await withLog(context, async ({ log }) => {
    const result = await createLog(log, {
      logId: randomUUID(),
      copyId: randomUUID(),
      generation: 1,
      maxClockAheadMs: BigInt(options.maxClockAhead ?? MAX_CLOCK_AHEAD_MS),
      admins: [],
    })
    if (result.type === 'refused') throw problemsFailure(result.problems)
    const { genesis } = result
    for (const warning of result.warnings) context.out.say(`warning: ${warning}`)
    if (result.type === 'existed') context.out.say('The log exists already and stays as it is.')
    if (options.maxClockAhead !== undefined && BigInt(options.maxClockAhead) !== genesis.maxClockAheadMs) {
      context.out.say(
        `warning: --max-clock-ahead is fixed at ${genesis.maxClockAheadMs} ms by the log's genesis`,
      )
    }
    await context.out.record({ ...genesis, created: result.type === 'created' })
    if (result.type === 'created')
      context.out.say('Next: `spindexer datasets apply DIR` tells it what datasets there are.')
  })
}

/** What exists keeps its partition count unless another one was asked for, which is refused. */
async function make(context: Context, options: Options): Promise<void> {
  const { makeLog } = await import('../compose.ts')
  const made = await makeLog(context.config, {
    partitions: options.partitions ?? null,
    replicationFactor: options.replicationFactor ?? null,
    countPartitions: () => countPartitions(context),
    onLog: context.debug,
  })
  if (made.type === 'refused') throw problemsFailure(made.problems)
}

function countPartitions(context: Context): Promise<number | null> {
  return withLog(context, async ({ log }) => (await log.describe()).partitions.length || null)
}

function integerFrom(least: number, greatest: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d{1,9}$/.test(text) && number >= least && number <= greatest) return number
    throw new InvalidArgumentError(`It should be a whole number from ${least} to ${greatest}.`)
  }
}
