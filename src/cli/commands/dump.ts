// `dump`: a node's state as text, either what readers see or all of it.

import { createHash } from 'node:crypto'
import type { Command } from 'commander'
import type { Dataset } from '../../codec/catalogue.ts'
import { cellLines, isVisible, rowLine, visibleRowJson } from '../../codec/dump.ts'
import { compareText } from '../../crdt/value.ts'
import type { StoreReader } from '../../store/store.ts'
import { type Context, createContext, type Io } from '../context.ts'
import { usageFailure } from '../errors.ts'
import { withReader } from '../log-access.ts'
import { formatCount, startProgress } from '../progress.ts'
import { requireDataset } from './datasets-show.ts'

const WRITE_CHARS = 64 * 1024

export function addDumpCommand(parent: Command, io: Io): void {
  parent
    .command('dump')
    .summary("print a node's rows, or its whole state")
    .description(
      'Prints the rows of a dataset as readers see them, one JSON object a line, by key. With --cells the whole state: rows that do not exist, who wrote what and when; its fingerprint (SHA-256 of the output, on stderr) is equal on nodes with the same state.',
    )
    .argument('[dataset]', 'the dataset; only --cells can do without')
    .option('--cells', 'every row and cell with its stamp, visible or not')
    .addHelpText(
      'after',
      '\nExamples:\n  $ spindexer dump tracks | head\n  $ spindexer dump --cells > state.jsonl',
    )
    .action(async (name: string | undefined, options: { readonly cells?: boolean }, command: Command) => {
      const context = createContext(io, command)
      if (name === undefined && options.cells !== true) {
        throw usageFailure('dump needs a dataset', 'name one, or say --cells for the whole state of the node')
      }
      await withReader(context, (reader) =>
        options.cells === true ? dumpCells(context, reader, name) : dumpRows(context, reader, name!),
      )
    })
}

async function dumpRows(context: Context, reader: StoreReader, name: string): Promise<void> {
  const dataset = requireDataset(await reader.catalogue(), name)
  const progress = startProgress({ stderr: context.io.stderr, label: 'dumping', unit: 'rows', total: null })
  const printer = createPrinter(context)
  let rows = 0
  for await (const row of reader.rows(name)) {
    if (!isVisible(dataset, row)) continue
    await printer.line(visibleRowJson(dataset, row))
    progress.update(++rows)
  }
  await printer.end()
  progress.end()
}

async function dumpCells(context: Context, reader: StoreReader, name: string | undefined): Promise<void> {
  const catalogue = await reader.catalogue()
  const datasets: readonly Dataset[] =
    name !== undefined
      ? [requireDataset(catalogue, name)]
      : [...catalogue.datasets.values()].sort((a, b) => compareText(a.name, b.name))
  const progress = startProgress({ stderr: context.io.stderr, label: 'dumping', unit: 'rows', total: null })
  const printer = createPrinter(context)
  let rows = 0
  let cells = 0
  for (const dataset of datasets) {
    for await (const row of reader.rows(dataset.name, undefined, { signers: true })) {
      await printer.line(rowLine(dataset, row))
      for (const line of cellLines(dataset, row, row.signers)) await printer.line(line)
      cells += row.cells.size
      progress.update(++rows)
    }
  }
  const fingerprint = await printer.end()
  progress.end()
  context.out.say(`rows: ${formatCount(rows)}, cells: ${formatCount(cells)}, fingerprint: ${fingerprint}`)
}

interface Printer {
  line(text: string): Promise<void> | undefined
  /** The SHA-256 of everything printed, 64 hex digits. */
  end(): Promise<string>
}

/** Gathers lines into writes of some size: one write a line would take most of the time. */
function createPrinter({ out }: Context): Printer {
  const hash = createHash('sha256')
  let gathered = ''
  function flush(): Promise<void> {
    hash.update(gathered)
    const text = gathered
    gathered = ''
    return out.write(text)
  }
  return {
    line(text) {
      gathered += `${text}\n`
      return gathered.length >= WRITE_CHARS ? flush() : undefined
    },
    async end() {
      await flush()
      return hash.digest('hex')
    },
  }
}
