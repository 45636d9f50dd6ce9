// `import DATASET FILE`: rows into the log, as upserts.

import type { Command } from 'commander'
import { parseTimestamp } from '../../codec/values.ts'
import { createCsvRowSource } from '../../writer/csv-source.ts'
import { createRowSource } from '../../writer/json-source.ts'
import { createContext, type Io } from '../context.ts'
import { usageFailure } from '../errors.ts'
import { type PublishOptions, publishFrom } from '../publishing.ts'
import { requireDataset } from './datasets-show.ts'

interface Options extends PublishOptions {
  readonly timestamp?: string
  readonly onlyChanged?: boolean
}

export function addImportCommand(parent: Command, io: Io): void {
  parent
    .command('import')
    .summary('send the rows of a file to the log')
    .description(
      'Sends each row of a file as an upsert: JSON lines (an object of column names and values), or CSV where the name ends in .csv or .csv.gz. Checked whole first, as with publish.',
    )
    .argument('<dataset>', 'the dataset that the rows belong to')
    .argument('<file>', 'JSON lines or CSV, also gzip; - reads JSON lines from stdin')
    .option(
      '--timestamp <time>',
      'the time of every row: with it an import can be repeated and is the same messages (default: now)',
    )
    .option(
      '--only-changed',
      'send only what differs from the rows of the node of DATABASE_URL: new rows, and changed columns',
    )
    .option('--skip-invalid', 'leave rows out that cannot be published, instead of refusing the file')
    .option('--dry-run', 'check only, send nothing')
    .addHelpText('after', HELP)
    .action(async (name: string, path: string, options: Options, command: Command) => {
      const context = createContext(io, command)
      const timeNs = readTime(options.timestamp)
      const isComparing = options.onlyChanged === true
      if (timeNs !== null && options.dryRun !== true && !isComparing) context.out.say(REPEATABLE)
      const createSource = /\.csv(\.gz)?$/i.test(path) ? createCsvRowSource : createRowSource
      const all = isComparing ? { ...options, onlyChangedIn: name } : options
      await publishFrom(context, path, all, (open, catalogue) =>
        createSource(open, requireDataset(catalogue, name), timeNs),
      )
    })
}

const REPEATABLE =
  'All rows get the same timestamp: importing this file again changes nothing. A changed edition of it needs a later one; under the same it wins or loses row by row, as chance has it.'

function readTime(text: string | undefined): bigint | null {
  if (text === undefined) return null
  const parsed = parseTimestamp(text)
  if (parsed.type === 'time') return parsed.timeNs
  throw usageFailure(`--timestamp ${text}: ${parsed.detail}`, 'for example --timestamp 2022-11-01T00:00:00Z')
}

const HELP = `
In a guarded log rows are signed (--key FILE), and judged by its policy as with publish.

CSV: comma, quotes and line ends as in RFC 4180, UTF-8, the first line names the columns.
An empty cell is null; an empty cell in quotes ("") is the empty text. A column that the
header does not name is left as it is. Cells by the column's type: true or false (t, f);
numbers in digits, exactly as they stand; json as JSON; bytes as base64 or Postgres's
\\x hex; times with a zone. So what Postgres's COPY ... TO ... (FORMAT csv, HEADER) writes
can be imported.

With --only-changed a row that the node has as it stands in the file is not sent; of a
row that it has otherwise only the columns that differ are, so that what others write to
the other columns meanwhile is kept; a row that it does not have is sent whole. A column
that nothing has set counts as null. Rows that the file does not have are left alone:
nothing is deleted. What is compared is this node's state at that moment: it should have
caught up (\`spindexer run --until-end\`), and what is on its way to it is not seen.

Examples:
  $ spindexer import tracks tracks.jsonl.gz --timestamp 2022-11-01T00:00:00Z
  $ spindexer import tracks tracks.csv
  $ spindexer import tracks tracks.csv --only-changed --dry-run`
