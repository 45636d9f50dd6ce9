// `datasets apply DIR`: appends the definitions of a directory to the log, all of them or none.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { parseJson } from '../../codec/json.ts'
import { appendDefinitions, type NewDefinition, planDefinitions } from '../../writer/definitions.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { problemsFailure, usageFailure } from '../errors.ts'
import { readAllDefinitions, withCheckedLog } from '../log-access.ts'

export function addDatasetsApplyCommand(parent: Command, io: Io): void {
  parent
    .command('apply')
    .summary('append definitions to the log')
    .description(
      'Reads every .avsc file of a directory (or one file), checks all of them against the definitions in the log, and appends those that change something. If one is refused, nothing is appended. Columns can be added; they never go, and keys and types never change.',
    )
    .argument('<dir>', 'directory of .avsc files: Avro records with "key": [...] naming the key fields')
    .addHelpText('after', '\nExample:\n  $ spindexer datasets apply datasets/')
    .action(async (path: string, _options: unknown, command: Command) =>
      run(createContext(io, command), path),
    )
}

async function run(context: Context, path: string): Promise<void> {
  const brought = readFiles(path)
  const { out } = context
  await withCheckedLog(context, async ({ log, genesis }) => {
    const { catalogue } = await readAllDefinitions(context, log, genesis.logId)
    const plan = planDefinitions(catalogue, brought)
    if (plan.type === 'refused') {
      out.say(`Nothing was appended: ${plan.problems.length} of ${brought.length} definitions are refused.`)
      throw problemsFailure(plan.problems)
    }
    for (const warning of plan.warnings) out.say(`warning: ${warning}`)
    const { problems } = await appendDefinitions(log, genesis.logId, plan, context.io.signal)
    if (problems.length > 0) throw problemsFailure(problems)
    await out.table(
      plan.definitions.map(({ schema, source, change }) => ({
        dataset: schema.name,
        file: source,
        definition: change,
      })),
    )
    const changed = plan.definitions.filter(({ change }) => change !== 'unchanged').length
    out.say(changed === 0 ? 'Nothing to do: the log has all of this already.' : `Appended: ${changed}.`)
  })
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
