// `migrate`: brings a node's database to this program's version.

import type { Command } from 'commander'
import { createContext, type Io } from '../context.ts'
import { Failure } from '../errors.ts'
import { withDatabase } from '../log-access.ts'

export function addMigrateCommand(parent: Command, io: Io): void {
  parent
    .command('migrate')
    .summary("bring the node's database to this version")
    .description(
      "Makes or updates schemas, tables and the reader role in the node's database. `spindexer run` does so too; this is for those who run the node without the right to.",
    )
    .addHelpText(
      'after',
      '\nExample:\n  $ spindexer migrate --database postgres://owner:password@127.0.0.1:5432/spindexer',
    )
    .action(async (_options: unknown, command: Command) => {
      const context = createContext(io, command)
      await withDatabase(context, async (database) => {
        const result = await database.migrate((text) => context.out.say(`warning: ${text}`))
        if (result.type === 'refused') throw new Failure(result.what, result.remedy)
        context.out.say(
          result.applied === 0
            ? 'Nothing to do: the database is at this version.'
            : 'The database is at this version now.',
        )
        if (context.out.json) await context.out.record({ applied: result.applied })
      })
    })
}
