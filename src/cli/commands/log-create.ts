// `log create`: makes the log and writes its genesis.

import type { Command } from 'commander'
import type { SignerKey } from '../../codec/signing/signer-key.ts'
import { parseSignerKey } from '../../codec/signing/sound-key.ts'
import type { LogGenesis } from '../../log/check.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { Failure, usageFailure } from '../errors.ts'
import { createWholeLog, MAX_CLOCK_AHEAD_MS } from '../log-making.ts'
import { integerFrom } from '../numbers.ts'

const PARTITIONS_MAX = 10_000
const MAX_CLOCK_AHEAD_MS_MAX = 86_400_000

interface Options {
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly maxClockAhead?: number
  readonly admin?: readonly string[]
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
    .option(
      '--admin <key>',
      'who may define datasets and say who may write, as `keys show` prints it; may be given several times (default: nobody, and whoever can append may write)',
      (key: string, others: readonly string[] = []) => [...others, key],
    )
    .addHelpText('after', HELP)
    .action(async (options: Options, command: Command) => run(createContext(io, command), options))
}

async function run(context: Context, options: Options): Promise<void> {
  const admins = readAdmins(options.admin ?? [])
  const maxClockAheadMs = options.maxClockAhead === undefined ? null : BigInt(options.maxClockAhead)
  const { type, genesis, warnings } = await createWholeLog(context, {
    partitions: options.partitions ?? null,
    replicationFactor: options.replicationFactor ?? null,
    maxClockAheadMs,
    admins,
  })
  const { out } = context
  for (const warning of warnings) out.say(`warning: ${warning}`)
  if (type === 'existed') out.say('The log exists already and stays as it is.')
  if (maxClockAheadMs !== null && maxClockAheadMs !== genesis.maxClockAheadMs) {
    out.say(`warning: --max-clock-ahead is fixed at ${genesis.maxClockAheadMs} ms by the log's genesis`)
  }
  requireAdmins(genesis, admins)
  await out.record({ ...genesis, created: type === 'created' })
  if (type === 'created') sayNext(context, genesis)
}

function sayNext({ out }: Context, { admins }: LogGenesis): void {
  const isGuarded = admins.length > 0
  if (isGuarded) {
    out.say(
      'From now on only the admins may write, and they sign (--key FILE), until they apply a policy that lets others.',
    )
  }
  const apply = `spindexer datasets apply DIR${isGuarded ? ' --key FILE' : ''}`
  out.say(`Next: \`${apply}\` tells it what datasets there are.`)
}

/** Throws a usage failure for what names no signer; it is not printed, since it may be a secret. */
function readAdmins(texts: readonly string[]): readonly SignerKey[] {
  const admins = texts.map((text, i) => {
    const parsed = parseSignerKey(text)
    if (parsed.type === 'key') return parsed.key
    const which = texts.length === 1 ? '--admin' : `--admin, number ${i + 1},`
    throw usageFailure(`${which} ${parsed.what}`, parsed.remedy)
  })
  return [...new Set(admins)]
}

/** A log that was to be guarded by others, or at all, is not what was asked for. */
function requireAdmins({ admins, logId }: LogGenesis, asked: readonly SignerKey[]): void {
  if (asked.length === 0 || (asked.length === admins.length && asked.every((key) => admins.includes(key))))
    return
  const has =
    admins.length === 0 ? 'no admins: whoever can append may write' : `the admins ${admins.join(', ')}`
  throw new Failure(
    `the log ${logId} is not made as --admin asks: its genesis names ${has}`,
    'a genesis stays for ever: leave --admin out to use this log, or make another one',
  )
}

const HELP = `
With --admin the log is guarded: what nobody has signed, or somebody who may not, every
node quarantines. Nobody can add admins to a genesis, or take them out, later; policies
name those who count from then on. Keep more than one admin's key: without any of them
the policy stays as it is for ever.

Examples:
  $ spindexer log create --partitions 12
  $ spindexer keys create admin.pem
  $ spindexer log create --admin ed25519:6f…c1 --admin eip191:2c…23`
