// `publish FILE|-`: changes from JSON lines into the log.

import { type Command, Option } from 'commander'
import { createChangeSource } from '../../writer/json-source.ts'
import { createContext, type Io } from '../context.ts'
import { type PublishOptions, publishFrom } from '../publishing.ts'

export function addPublishCommand(parent: Command, io: Io): void {
  parent
    .command('publish')
    .summary('send changes to the log')
    .description(
      'Sends the changes of a file (JSON lines, also gzip) to the log. A file is checked whole against the definitions and the policy in the log first: if a line is wrong, nothing is sent. Stdin (-) is sent as it comes and stops at the first bad line.',
    )
    .argument('<file>', 'JSON lines, or - for stdin')
    .option('--skip-invalid', 'leave lines out that cannot be published, instead of refusing the file')
    .option('--dry-run', 'check only, send nothing')
    .addOption(
      new Option(
        '--ties <how>',
        'of lines with the same timestamp, let the later one win: "order" adds a nanosecond a line',
      ).choices(['order']),
    )
    .addHelpText('after', HELP)
    .action(async (path: string, options: PublishOptions, command: Command) => {
      await publishFrom(createContext(io, command), path, options, (open, catalogue) =>
        createChangeSource(open, () => catalogue),
      )
    })
}

const HELP = `
A line is one change of one row:
  {"dataset":"tracks","operation":"upsert","data":{"id":"t1","title":"Blue","plays":7}}
  {"dataset":"tracks","operation":"update","data":{"id":"t1","plays":8}}
  {"dataset":"tracks","operation":"delete","data":{"id":"t1"}}

"timestamp" (nanoseconds in digits, or a time with a zone) is optional: without it the
change is stamped now. Lines that bring their own can be published again and are the
same messages; but a changed edition of a file under the same timestamps wins or loses
row by row, as chance has it: give the changed lines later timestamps.

Two lines of a file with the same timestamp that disagree about a row are refused. With
--ties=order the order of the file decides: the first line with a timestamp keeps it, the
n-th line after it with the same timestamp, of whatever row, is sent n nanoseconds later.
The same file always gives the same messages; put a line in between and those behind it
are new ones.

In a guarded log changes are signed (--key FILE) and judged by the policy before they are
sent: a line that it does not allow is one that cannot be published. Nodes judge a message
by the last policy before it in its partition, so one that is applied while a file is sent
may refuse what is durable already. publish therefore looks at the policy again when it has
sent everything, and fails where that may be so. It knows the policy of the definitions:
while \`policy apply\` is under way, or was interrupted, a partition may be a version ahead.

Examples:
  $ spindexer publish changes.jsonl.gz
  $ spindexer publish changes.jsonl --key writer.pem
  $ echo '{"dataset":"tracks","operation":"delete","data":{"id":"t1"}}' | spindexer publish -`
