// `datasets apply DIR`: appends the definitions of a directory to the log, all of them or none.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { Catalogue } from '../../codec/catalogue.ts'
import { findCures } from '../../codec/definitions.ts'
import { parseJson } from '../../codec/json.ts'
import type { BatchSigner } from '../../codec/signing/batch-signer.ts'
import type { LogGenesis } from '../../log/check.ts'
import {
  appendDefinitions,
  type DefinitionPlan,
  type NewDefinition,
  planDefinitions,
} from '../../writer/definitions.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { explainError, problemsFailure, usageFailure } from '../errors.ts'
import { requireAdmin } from '../guarded.ts'
import { type CheckedLog, readAllDefinitions, withCheckedLog, withDatabase } from '../log-access.ts'
import { countOf } from '../progress.ts'
import { readSigningKey } from '../signing.ts'

interface Options {
  readonly dryRun?: boolean
}

export function addDatasetsApplyCommand(parent: Command, io: Io): void {
  parent
    .command('apply')
    .summary('append definitions to the log')
    .description(
      'Reads every .avsc file of a directory (or one file), checks all of them against the definitions in the log, and appends those that change something. If one is refused, nothing is appended. Columns can be added; they never go, and keys and types never change. In a guarded log an admin signs them (--key FILE).',
    )
    .argument('<dir>', 'directory of .avsc files: Avro records with "key": [...] naming the key fields')
    .option('--dry-run', 'check, and say what would happen, without appending anything')
    .addHelpText(
      'after',
      '\nExamples:\n  $ spindexer datasets apply datasets/\n  $ spindexer datasets apply --dry-run datasets/\n  $ spindexer datasets apply datasets/ --key admin.pem',
    )
    .action(async (path: string, options: Options, command: Command) =>
      run(createContext(io, command), path, options),
    )
}

async function run(context: Context, path: string, { dryRun }: Options): Promise<void> {
  const brought = readFiles(path)
  const key = readSigningKey(context)
  const { out } = context
  await withCheckedLog(context, async (checked) => {
    const { catalogue, standing } = await readAllDefinitions(context, checked)
    const plan = planDefinitions(catalogue, brought)
    if (plan.type === 'refused') {
      out.say(`Nothing was appended: ${plan.problems.length} of ${brought.length} definitions are refused.`)
      throw problemsFailure(plan.problems)
    }
    for (const warning of plan.warnings) out.say(`warning: ${warning}`)
    const changed = plan.definitions.filter(({ change }) => change !== 'unchanged').length
    // Whoever has no key can still look at what would come of it.
    const isUnsigned = changed === 0 || (dryRun === true && key === null)
    const signer = isUnsigned ? null : requireAdmin(context, checked, standing, key)
    await tellWaiting(context, checked.genesis, catalogue, plan.catalogue)
    if (dryRun !== true) await append(context, checked, plan, signer)
    await out.table(
      plan.definitions.map(({ schema, source, change }) => ({
        dataset: schema.name,
        file: source,
        definition: change,
      })),
    )
    if (changed === 0) out.say('Nothing to do: the log has all of this already.')
    else out.say(dryRun === true ? `Nothing was appended: ${changed} would be.` : `Appended: ${changed}.`)
  })
}

async function append(
  context: Context,
  { log, genesis }: CheckedLog,
  plan: DefinitionPlan & { readonly type: 'plan' },
  signer: BatchSigner | null,
): Promise<void> {
  const { signal } = context.io
  const { appended, problems, warnings } = await appendDefinitions({ log, genesis, plan, signal, signer })
  for (const warning of warnings) context.out.say(`warning: ${warning}`)
  if (problems.length === 0) return
  context.out.say(`Taken: ${appended.length - problems.length} of ${appended.length}.`)
  throw problemsFailure(problems)
}

/**
 * Says how many parked messages the node of the settings, if there is one, will read and judge again: a definition
 * can set millions in motion.
 */
async function tellWaiting(
  context: Context,
  identity: LogGenesis,
  before: Catalogue,
  after: Catalogue,
): Promise<void> {
  if (context.config.get('DATABASE_URL') === null) return
  const cures = [...after.datasets.values()].flatMap((dataset) =>
    findCures(before.datasets.get(dataset.name), dataset).map((waitsFor) => ({
      dataset: dataset.name,
      waitsFor,
    })),
  )
  if (cures.length === 0) return
  try {
    const count = await withDatabase(context, (database) => database.countWaiting(identity, cures))
    if (count === null || count === 0n) return
    context.out.say(
      `The node's database has ${countOf(count, 'parked message')} that this may cure; the node reads them from the log and judges them again.`,
    )
  } catch (error) {
    // Definitions are the log's affair: they are applied where no node is at hand too.
    const { text } = explainError(error, false)
    context.out.say(`warning: how many parked messages wait for this is not known (${text.split('\n')[0]})`)
  }
}

/** Throws a usage failure when the path cannot be read, holds no definitions, or one that is no JSON. */
function readFiles(path: string): readonly NewDefinition[] {
  const files = listFiles(path)
  if (files.length === 0) {
    throw usageFailure(`${path} holds no .avsc files`, 'give a directory of definitions, or one such file')
  }
  return files.map((file) => {
    const parsed = parseJson(readFileSync(file, 'utf8'))
    if (parsed.type === 'parsed') return { source: file, json: parsed.value }
    throw usageFailure(`${file}: not valid JSON: ${parsed.detail}`, 'mend the file; nothing was appended')
  })
}

function listFiles(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    const names = readdirSync(path).filter((name) => name.endsWith('.avsc'))
    return names.sort().map((name) => join(path, name))
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const what = isMissing ? `there is no ${path}` : `${path} cannot be read (${(error as Error).message})`
    throw usageFailure(what, 'name a folder of .avsc files, or one such file')
  }
}
