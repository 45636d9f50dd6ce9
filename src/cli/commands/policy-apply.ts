// `policy apply FILE`: who may write from now on, signed by an admin and appended to every partition.

import type { Command } from 'commander'
import type { PolicyFile } from '../../codec/policy/file.ts'
import { policyWarnings, refuseAdmins } from '../../codec/policy/warnings.ts'
import type { SigningKey } from '../../codec/signing/batch-signer.ts'
import { type AppliedPolicy, applyPolicy, type Contested } from '../../writer/policy/apply.ts'
import { loadLacked } from '../../writer/policy/load.ts'
import { type PolicyPlan, planPolicy } from '../../writer/policy/plan.ts'
import { partitionsWords } from '../../writer/policy/words.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { explainError, Failure, problemsFailure, usageFailure } from '../errors.ts'
import { readAllDefinitions, withCheckedLog } from '../log-access.ts'
import { type GuardedLog, readLogStandings, readPolicy } from '../policies.ts'
import { countOf } from '../progress.ts'
import { requireSigningKey } from '../signing.ts'

const WARNINGS_SHOWN_MAX = 20

interface Options {
  readonly dryRun?: boolean
  readonly partly?: boolean
}

export function addPolicyApplyCommand(parent: Command, io: Io): void {
  parent
    .command('apply')
    .summary('say who may write from now on')
    .description(
      'Appends a policy to every partition of a guarded log and to the definitions, signed by one of the admins of the policy before it (--key). What comes behind it in a partition is judged by it, what stands before it is not. Run again after an interruption it resumes; a policy that is in force already changes nothing.',
    )
    .argument('<file>', 'the policy, in JSON')
    .option('--dry-run', 'check, and say what would happen, without appending anything')
    .option(
      '--partly',
      'only where the key is an admin’s: for admins who have shut each other out, and now apply the same file',
    )
    .addHelpText('after', HELP)
    .action(async (path: string, options: Options, command: Command) =>
      run(createContext(io, command), path, options),
    )
}

async function run(context: Context, path: string, options: Options): Promise<void> {
  const file = readPolicy(path)
  const nobody = refuseAdmins(file)
  if (nobody !== null) throw usageFailure(`${path}: ${nobody}`, 'name an admin who has the private key')
  const key = requireSigningKey(context, 'a policy is signed by an admin of the one before it')
  await withCheckedLog(context, async (checked) => {
    requireGuarded(checked)
    const { catalogue } = await readAllDefinitions(context, checked)
    const warnings = policyWarnings(file, catalogue, key.signer)
    for (const warning of warnings.slice(0, WARNINGS_SHOWN_MAX)) {
      context.out.say(`warning: ${path}: ${warning}`)
    }
    const more = warnings.length - WARNINGS_SHOWN_MAX
    if (more > 0) context.out.say(`warning: ${path}: … and ${more} more`)
    await apply(context, checked, { file, key, options })
  })
}

/** Throws a failure for a log in which no policy decides anything. */
function requireGuarded({ genesis, description }: GuardedLog): void {
  if (genesis.admins.length > 0) return
  throw new Failure(
    `${description.name} is open: its genesis names no admins, and no policy decides anything in it`,
    'a log is guarded from its beginning or never: `spindexer log create --admin KEY` makes such a one',
  )
}

interface Task {
  readonly file: PolicyFile
  readonly key: SigningKey
  readonly options: Options
}

async function apply(context: Context, checked: GuardedLog, { file, key, options }: Task): Promise<void> {
  const { log, genesis, description } = checked
  const { out, io } = context
  const before = await readLogStandings(context, checked)
  const plan = planPolicy({
    name: description.name,
    partitions: before,
    standingByVersion: await loadLacked(log, description.name, before),
    file,
    signer: key.signer,
    isPartly: options.partly === true,
  })
  if (plan.type === 'refused') throw problemsFailure(plan.problems)
  if (options.dryRun === true) {
    const count = plan.rounds.reduce((sum, { gifts }) => sum + gifts.length, 0)
    out.say(`Nothing was appended: ${countOf(count, 'record')} would be, for version ${plan.version}.`)
    return out.record(toRow(plan, 0))
  }
  let applied: AppliedPolicy
  try {
    applied = await applyPolicy(log, { genesis, plan, file, key, before, signal: io.signal })
  } catch (error) {
    const { text } = explainError(error, false)
    throw new Failure(
      `version ${plan.version} may be in some partitions and not in others: ${text.replace('spindexer: ', '')}`,
      'apply the same file again: it resumes',
      { cause: error },
    )
  }
  if (applied.contested.length > 0) throw contestedFailure(plan.version, applied.contested, file)
  await out.record(toRow(plan, applied.appended))
  out.say(wordsOf(plan, applied.appended))
}

type Plan = PolicyPlan & { readonly type: 'plan' }

function toRow({ version, isNew, left }: Plan, appended: number) {
  const policy = isNew ? 'new' : appended > 0 ? 'completed' : 'unchanged'
  return { version, policy, appended, left: left.length === 0 ? null : left }
}

function wordsOf({ version, isNew, left }: Plan, appended: number): string {
  if (left.length > 0) {
    return `Version ${version} is where the key is an admin's. An admin of ${partitionsWords(left)} has to apply the same file now.`
  }
  if (appended === 0) return `Nothing to do: the log is at version ${version}, which says this.`
  return isNew
    ? `Version ${version} is in force: what comes now is judged by it.`
    : `Version ${version} was begun before; now it is in force everywhere.`
}

function contestedFailure(
  version: number,
  contested: readonly Contested[],
  { version: asked }: PolicyFile,
): Failure {
  const where = partitionsWords(contested.map(({ partition }) => partition))
  if (contested.some(({ signer }) => signer === null)) {
    return new Failure(
      `version ${version} does not count in ${where}: the log was closed while it was appended`,
      'point SPINDEXER_LOG at the newest copy of the log, and apply the policy there',
    )
  }
  const signers = [...new Set(contested.map(({ signer }) => signer))].join(', ')
  const again = asked === null ? 'apply yours again' : 'take "version" out of your file and apply it again'
  return new Failure(
    `another policy became version ${version} in ${where}: that of ${signers} was there first`,
    `look at it (\`policy show\`), agree, and ${again}: it becomes version ${version + 1}, everywhere`,
  )
}

const HELP = `
A policy names the admins from then on, and rules that let signers do operations on
columns of datasets ("*": all of them). Where several rules apply to a signer they add
up. Admins may write everything, and alone define datasets. With "unsigned": true
whoever reaches the log may write everything.
  {
    "admins": ["ed25519:6f…c1", "eip191:2c…23"],
    "rules": [
      { "signers": ["ed25519:90…7a"], "operations": ["upsert", "update"],
        "datasets": ["tracks"], "columns": ["title", "plays"] }
    ]
  }

"version" may say which one it is to be; without it, it is the next one.

Examples:
  $ spindexer policy apply policy.json --key admin.pem
  $ spindexer policy apply --dry-run policy.json --key admin.pem`
