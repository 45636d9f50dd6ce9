// `node reset-id`: makes a cloned database a node of its own.

import type { Command } from 'commander'
import { createContext, type Io } from '../context.ts'
import { Failure } from '../errors.ts'
import { withDatabase } from '../log-access.ts'

export function addNodeResetIdCommand(parent: Command, io: Io): void {
  parent
    .command('reset-id')
    .summary('make a cloned database a node of its own')
    .description(
      "Gives the node's database a new random id and forgets its workers; the state stays. For a database that was cloned or restored beside the original: two nodes with one id would share the partitions between them. Stop the node first.",
    )
    .addHelpText('after', '\nExample:\n  $ spindexer node reset-id')
    .action(async (_options: unknown, command: Command) => {
      const context = createContext(io, command)
      await withDatabase(context, async (database) => {
        const nodeId = await database.resetNodeId()
        if (typeof nodeId !== 'string') throw new Failure(nodeId.what, nodeId.remedy)
        await context.out.record({ nodeId })
      })
    })
}
