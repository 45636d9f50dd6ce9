// `log check`: whether the log can be trusted, and what to do when it cannot.

import type { Command } from 'commander'
import { createContext, type Io } from '../context.ts'
import { withCheckedLog } from '../log-access.ts'

export function addLogCheckCommand(parent: Command, io: Io): void {
  parent
    .command('check')
    .summary('check that nothing of the log is or can be lost')
    .description(
      "Checks the log's settings and that every partition begins with the genesis of one and the same log. Says what is wrong, and what to do about it.",
    )
    .addHelpText('after', EXAMPLES)
    .action(async (_options: unknown, command: Command) => {
      const context = createContext(io, command)
      await withCheckedLog(context, async ({ description, genesis, warnings }) => {
        const { out } = context
        for (const warning of warnings) out.say(`warning: ${warning}`)
        out.say(`${description.name} is sound.`)
        await out.record({ ...genesis })
        if (out.json) return
        const states = [
          ...description.partitions,
          ...(description.definitions ? [description.definitions] : []),
        ]
        await out.write('\n')
        await out.table(states.map(({ partition, end }) => ({ partition: nameOf(partition), end })))
      })
    })
}

function nameOf(partition: number): string {
  return partition < 0 ? 'definitions' : String(partition)
}

const EXAMPLES = `
Examples:
  $ spindexer log check
  $ KAFKA_SSL_CA=ca.pem KAFKA_SASL_MECHANISM=scram-sha-256 KAFKA_SASL_USERNAME=ada \\
    KAFKA_SASL_PASSWORD_FILE=password.txt spindexer log check --log kafka://kafka.example:9093/spindexer`
