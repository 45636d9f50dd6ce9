// `datasets list`: the datasets that the log defines.

import type { Command } from 'commander'
import { compareText } from '../../crdt/value.ts'
import { createContext, type Io } from '../context.ts'
import { readAllDefinitions, withCheckedLog } from '../log-access.ts'

export function addDatasetsListCommand(parent: Command, io: Io): void {
  parent
    .command('list')
    .summary('list the datasets that the log defines')
    .description('Lists the datasets that the definitions in the log add up to.')
    .addHelpText('after', '\nExample:\n  $ spindexer datasets list')
    .action(async (_options: unknown, command: Command) => {
      const context = createContext(io, command)
      await withCheckedLog(context, async (checked) => {
        const { catalogue, refused } = await readAllDefinitions(context, checked)
        const datasets = [...catalogue.datasets.values()].sort((a, b) => compareText(a.name, b.name))
        await context.out.table(
          datasets.map(({ name, key, columns }) => ({
            dataset: name,
            key: context.out.json
              ? key.map((column) => column.name)
              : key.map((column) => column.name).join(', '),
            columns: columns.size,
          })),
        )
        if (datasets.length === 0)
          context.out.say('No dataset is defined yet: `spindexer datasets apply DIR` does it.')
        if (refused.length > 0)
          context.out.say(`${refused.length} records of the definitions are refused by every node.`)
      })
    })
}
