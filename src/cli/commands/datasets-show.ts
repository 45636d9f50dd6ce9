// `datasets show NAME`: the fields of one dataset.

import type { Command } from 'commander'
import type { Catalogue, Dataset, KeyColumn } from '../../codec/catalogue.ts'
import { listNames, nearNames } from '../../codec/near-names.ts'
import { createContext, type Io } from '../context.ts'
import { Failure } from '../errors.ts'
import { readAllDefinitions, withCheckedLog } from '../log-access.ts'

export function addDatasetsShowCommand(parent: Command, io: Io): void {
  parent
    .command('show')
    .summary('show the columns of a dataset')
    .description("Shows a dataset's columns in the order in which readers see them, as the log defines them.")
    .argument('<name>', 'the dataset')
    .addHelpText('after', '\nExample:\n  $ spindexer datasets show tracks')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = createContext(io, command)
      await withCheckedLog(context, async (checked) => {
        const { catalogue } = await readAllDefinitions(context, checked)
        await context.out.table(describeFields(requireDataset(catalogue, name)))
      })
    })
}

/** Throws a failure that names datasets which may have been meant. */
export function requireDataset(catalogue: Catalogue, name: string): Dataset {
  const dataset = catalogue.datasets.get(name)
  if (dataset !== undefined) return dataset
  const near = nearNames(name, catalogue.datasets.keys())
  const hint = near.length === 0 ? '' : `; did you mean ${listNames(near)}?`
  throw new Failure(
    `no dataset ${JSON.stringify(name)} is defined${hint}`,
    '`spindexer datasets list` shows those that are; `spindexer datasets apply DIR` defines more',
  )
}

function describeFields({ key, columns, fieldNames }: Dataset) {
  const keyByName = new Map(key.map((column, i) => [column.name, { column, place: i + 1 }]))
  return fieldNames.map((name) => {
    const part = keyByName.get(name)
    const column: KeyColumn = part?.column ?? columns.get(name)!
    return {
      column: name,
      type: column.symbols === null ? column.type : 'enum',
      key: part?.place ?? null,
      required: columns.get(name)?.required ?? null,
      symbols: column.symbols === null ? null : [...column.symbols],
    }
  })
}
