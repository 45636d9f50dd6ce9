// The tree of commands: what there is, and what `--help` says about all of it.

import { Command } from 'commander'
import { addConfigCommand } from './commands/config.ts'
import { addDatasetsApplyCommand } from './commands/datasets-apply.ts'
import { addDatasetsListCommand } from './commands/datasets-list.ts'
import { addDatasetsShowCommand } from './commands/datasets-show.ts'
import { addDumpCommand } from './commands/dump.ts'
import { addImportCommand } from './commands/import.ts'
import { addKeysCreateCommand } from './commands/keys-create.ts'
import { addKeysShowCommand } from './commands/keys-show.ts'
import { addLogCheckCommand } from './commands/log-check.ts'
import { addLogCopyCommand } from './commands/log-copy.ts'
import { addLogCreateCommand } from './commands/log-create.ts'
import { addMigrateCommand } from './commands/migrate.ts'
import { addNodeResetIdCommand } from './commands/node-reset-id.ts'
import { addPolicyApplyCommand } from './commands/policy-apply.ts'
import { addPolicyCheckCommand } from './commands/policy-check.ts'
import { addPolicyShowCommand } from './commands/policy-show.ts'
import { addPublishCommand } from './commands/publish.ts'
import { addQuarantineListCommand } from './commands/quarantine-list.ts'
import { addQuarantineShowCommand } from './commands/quarantine-show.ts'
import { addRunCommand } from './commands/run.ts'
import { addStatusCommand } from './commands/status.ts'
import type { Io } from './context.ts'
import { SETTINGS } from './settings.ts'
import { PACKAGE } from './version.ts'

export function buildProgram(io: Io): Command {
  const program = new Command('spindexer')
    .description(PACKAGE.description)
    .version(PACKAGE.version, '-V, --version', 'print the version')
    .option('--json', 'print JSON lines instead of tables (also when the output is piped)')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .showHelpAfterError('(--help says how it is used)')
    .exitOverride()
  for (const { flag, flagValue = '<url>', name, meaning } of SETTINGS) {
    if (flag !== null) program.option(`${flag} ${flagValue}`, `${meaning} (else ${name})`)
  }
  program.addHelpText('after', OVERVIEW)
  program.hook('preAction', (_program, command) => io.embedded.prepare(command))

  const log = program.command('log').description('create, check and copy the log').helpCommand(false)
  addLogCreateCommand(log, io)
  addLogCheckCommand(log, io)
  addLogCopyCommand(log, io)
  const datasets = program.command('datasets').description('the definitions in the log').helpCommand(false)
  addDatasetsApplyCommand(datasets, io)
  addDatasetsListCommand(datasets, io)
  addDatasetsShowCommand(datasets, io)
  const policy = program
    .command('policy')
    .description('who may write, where the log is guarded')
    .helpCommand(false)
  addPolicyApplyCommand(policy, io)
  addPolicyShowCommand(policy, io)
  addPolicyCheckCommand(policy, io)
  addPublishCommand(program, io)
  addImportCommand(program, io)
  addRunCommand(program, io)
  addDumpCommand(program, io)
  addStatusCommand(program, io)
  const quarantine = program
    .command('quarantine')
    .description('messages that the node has set aside')
    .helpCommand(false)
  addQuarantineListCommand(quarantine, io)
  addQuarantineShowCommand(quarantine, io)
  const keys = program
    .command('keys')
    .description('private keys that sign what is written')
    .helpCommand(false)
  addKeysCreateCommand(keys, io)
  addKeysShowCommand(keys, io)
  addMigrateCommand(program, io)
  const node = program.command('node').description("this node's own identity").helpCommand(false)
  addNodeResetIdCommand(node, io)
  addConfigCommand(program, io)
  return program
}

const OVERVIEW = `
Settings come from flags, then the environment, then .env in the current directory;
\`spindexer config\` shows each with its value and where it came from. Where neither a
log nor a database is set, \`spindexer run\` makes a Postgres under .spindexer here, and
the other commands work on that.

A first round:
  $ spindexer run &                  # a whole node, log included; end it with kill %1
  $ spindexer datasets apply examples/catalogue
  $ echo '{"dataset":"tracks","operation":"upsert","data":{"id":"t1","title":"Blue"}}' | spindexer publish -
  $ spindexer dump tracks

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.`
