// `log check`: whether the log can be trusted, and what to do when it cannot.

import type { Command } from 'commander'
import type { LogGenesis } from '../../log/check.ts'
import { createContext, type Io } from '../context.ts'
import { withCheckedLog } from '../log-access.ts'

export function addLogCheckCommand(parent: Command, io: Io): void {
  parent
    .command('check')
    .summary('check that nothing of the log is or can be lost')
    .description(
      "Checks the log's settings and that every partition begins with the genesis of one and the same log. Says whether the log is open or guarded, what is wrong, and what to do about it.",
    )
    .addHelpText('after', EXAMPLES)
    .action(async (_options: unknown, command: Command) => {
      const context = createContext(io, command)
      await withCheckedLog(context, async ({ description, genesis, warnings }) => {
        const { out } = context
        for (const warning of warnings) out.say(`warning: ${warning}`)
        out.say(`${description.name} is sound.`)
        out.say(guardWords(genesis))
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

function guardWords({ admins }: LogGenesis): string {
  if (admins.length === 0)
    return 'It is open: whoever can append to it may write, and signatures decide nothing.'
  const count = admins.length === 1 ? '1 admin' : `${admins.length} admins`
  return `It is guarded: its genesis names ${count}, and policies say who may write.`
}

function nameOf(partition: number): string {
  return partition < 0 ? 'definitions' : String(partition)
}

const EXAMPLES = `
Examples:
  $ spindexer log check
  $ KAFKA_SSL_CA=ca.pem KAFKA_SASL_MECHANISM=scram-sha-256 KAFKA_SASL_USERNAME=ada \\
    KAFKA_SASL_PASSWORD_FILE=password.txt spindexer log check --log kafka://kafka.example:9093/spindexer`
