// `log create`: makes the log and writes its genesis.

import { type Command, Option } from 'commander'
import { type Context, createContext, type Io } from '../context.ts'
import { usageFailure } from '../errors.ts'
import { createWholeLog, MAX_CLOCK_AHEAD_MS } from '../log-making.ts'
import { integerFrom } from '../numbers.ts'

const PARTITIONS_MAX = 10_000
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
  const maxClockAheadMs = options.maxClockAhead === undefined ? null : BigInt(options.maxClockAhead)
  const { type, genesis, warnings } = await createWholeLog(context, {
    partitions: options.partitions ?? null,
    replicationFactor: options.replicationFactor ?? null,
    maxClockAheadMs,
  })
  const { out } = context
  for (const warning of warnings) out.say(`warning: ${warning}`)
  if (type === 'existed') out.say('The log exists already and stays as it is.')
  if (maxClockAheadMs !== null && maxClockAheadMs !== genesis.maxClockAheadMs) {
    out.say(`warning: --max-clock-ahead is fixed at ${genesis.maxClockAheadMs} ms by the log's genesis`)
  }
  await out.record({ ...genesis, created: type === 'created' })
  if (type === 'created') out.say('Next: `spindexer datasets apply DIR` tells it what datasets there are.')
}
